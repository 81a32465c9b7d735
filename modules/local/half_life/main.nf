/*
 * Computes the features of each coding gene's mRNA once per gene set, for all shards and models: extra inputs as
 * lengths or, for models that take those, as logarithms.
 */
process HALF_LIFE {
    tag "${annotation.name}"
    label 'process_low'
    label 'error_ignore'

    input:
    // set: [genome, annotation, genes, name, scale: 'plain' | 'log10', options]; genes: a list of gene ids, or []
    tuple val(set), path(genome, stageAs: 'genome/*'), path(annotation, stageAs: 'annotation/*'), path(genes, stageAs: 'genes/*')
    val code

    output:
    tuple val(set), path("half_life.tsv"), emit: features

    script:
    def args = task.ext.args ?: ''
    def wanted = genes ? "--genes ${genes}" : ''
    def scale = set.scale == 'log10' ? '--log10' : ''
    """
    texcnn features half-life \\
        --fasta ${genome[0]} \\
        --gtf ${annotation} \\
        --quiet \\
        --out half_life.tsv \\
        ${set.options} ${scale} ${wanted} ${args}
    """

    stub:
    """
    printf 'gene_id\\n' > half_life.tsv
    """
}
