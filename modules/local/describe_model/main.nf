/*
 * Asks a model what it is: its kind decides the way through the pipeline, its fingerprint what may be reused.
 */
process DESCRIBE_MODEL {
    tag "${model.id}"
    label 'process_single'

    input:
    tuple val(model), path(bundle, stageAs: 'bundle/*')   // model: [id, source, digest]; bundle: a folder, or [] for a name
    val code                                              // digest of the package's source

    output:
    tuple val(model), path("model.json"), emit: json
    path "versions.yml", emit: versions

    script:
    """
    texcnn models show '${bundle ?: model.source}' --json > model.json

    cat <<-END > versions.yml
    "${task.process}":
        texcnn: \$(texcnn --version | sed 's/.* //')
    END
    """

    stub:
    """
    echo '{"kind": "segments", "fingerprint": "stub", "features": [{"name": "stub", "default": 0}]}' > model.json
    cat <<-END > versions.yml
    "${task.process}":
        texcnn: stub
    END
    """
}
