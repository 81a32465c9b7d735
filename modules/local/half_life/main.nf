/*
 * Computes the features of each coding gene's mRNA once per sample, whatever the shards and models: their extra inputs,
 * as lengths or, for models that take those, as their logarithms.
 */
process HALF_LIFE {
    tag "${meta.id}"
    label 'process_single'

    input:
    // meta: [id, annotation: 'gtf']; log10: whether lengths are logged; genes: a list of gene ids, or []
    tuple val(meta), val(log10), path(fasta), path(index), path(gtf), path(genes, stageAs: 'genes/*')
    val code

    output:
    tuple val(meta), val(log10), path("half_life.tsv"), emit: features
    path "versions.yml", emit: versions

    script:
    def args = task.ext.args ?: ''
    def wanted = genes ? "--genes '${genes}'" : ''
    def scale = log10 ? '--log10' : ''
    """
    texcnn features half-life \\
        --fasta '${fasta}' \\
        --gtf '${gtf}' \\
        --quiet \\
        --out half_life.tsv \\
        ${scale} ${wanted} ${args}

    cat <<-END > versions.yml
    "${task.process}":
        texcnn: \$(texcnn --version | sed 's/.* //')
    END
    """

    stub:
    """
    printf 'gene_id\\n' > half_life.tsv
    cat <<-END > versions.yml
    "${task.process}":
        texcnn: stub
    END
    """
}
