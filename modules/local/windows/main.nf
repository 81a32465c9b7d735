/*
 * Places every gene on the genome: one interval per gene, as long as the model reads, in the annotation's order.
 */
process WINDOWS {
    tag "${meta.id} ${meta.model}"
    label 'process_single'

    input:
    // meta: [id, annotation: 'gtf' | 'bed', model]; genes: a list of gene ids, or []; bundle: a folder, or [] for a name
    tuple val(meta), path(fasta), path(index), path(annotation), path(genes, stageAs: 'genes/*'), val(model), path(bundle, stageAs: 'bundle/*')
    val code

    output:
    tuple val(meta), path("windows.bed"), emit: bed
    tuple val(meta), path("windows.bed.skipped.tsv"), emit: skipped

    script:
    def args = task.ext.args ?: ''
    def wanted = genes ? "--genes '${genes}'" : ''
    """
    texcnn windows \\
        --fasta '${fasta}' \\
        --${meta.annotation} '${annotation}' \\
        --model '${bundle ?: model.source}' \\
        --out windows.bed \\
        ${wanted} ${args}
    """

    stub:
    """
    printf '#chrom\\tstart\\tend\\tgene_id\\tscore\\tstrand\\tgene_name\\ttss\\ttranscript_id\\n' > windows.bed
    printf 'stub\\t0\\t10500\\tgene1\\t0\\t+\\tgene1\\t7001\\t\\nstub\\t0\\t10500\\tgene2\\t0\\t+\\tgene2\\t7001\\t\\n' >> windows.bed
    printf 'gene_id\\treason\\n' > windows.bed.skipped.tsv
    """
}
