/*
 * Keeps the run with the smallest loss on the validation genes, and describes its model.
 */
process BEST_RUN {
    tag "${meta.id} ${meta.name}"
    label 'process_single'
    label 'error_ignore'

    input:
    // meta: [id, model, source, content, name]; bundles: of the runs in their order
    tuple val(meta), path(bundles, stageAs: 'runs/?/*')
    val code

    output:
    tuple val(meta), path("${meta.name}"), path("identity.json"), emit: model
    path "runs.tsv", emit: runs

    script:
    """
    for run in \$(ls runs | sort -n); do
        awk -F '\\t' -v run="\$run" '
            NR == 1 { for (i = 1; i <= NF; i++) if (\$i == "valid_loss") column = i; if (run == 1) print "run\\t" \$0; next }
            { print run "\\t" \$0; print run "\\t" \$column > "/dev/stderr" }' "runs/\$run/${meta.name}/runs.tsv"
    done > runs.tsv 2> losses.tsv
    best=\$(sort -t \$'\\t' -k 2,2g -s losses.tsv | sed -n '1s/\\t.*//p')
    cp -rL "runs/\$best/${meta.name}" '${meta.name}'
    texcnn identity --model '${meta.name}' > identity.json
    """

    stub:
    """
    mkdir '${meta.name}'
    touch '${meta.name}/config.json'
    printf 'run\\tseed\\tvalid_loss\\n' > runs.tsv
    echo '{"models": [null]}' > identity.json
    """
}
