/*
 * Predicts what the variants of a sample's VCF do to the expression of the genes around them: a GPU stage.
 */
process VARIANTS {
    tag "${meta.id} ${meta.model} ${meta.what}"
    label 'process_high'
    label 'process_gpu'
    label 'gpu_placement'
    label 'error_ignore'

    input:
    // meta: [id, model, source: its name or '', content, what: 'effects' | 'haplotypes', kind: 'gtf' | 'bed', light, options, dtype]
    tuple val(meta), path(genome, stageAs: 'genome/*'), path(annotation, stageAs: 'annotation/*'), path(genes, stageAs: 'genes/*'), path(vcf, stageAs: 'vcf/*'), path(features, stageAs: 'features/*'), path(bundle, stageAs: 'model')
    val code

    output:
    tuple val(meta), path("${meta.what}.*"), emit: tables

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'   // from the task, as in EMBED
    def args = task.ext.args ?: ''
    def wanted = genes ? "--genes ${genes}" : ''
    def extra = features ? "--features ${features}" : ''
    def more = meta.what == 'effects' ? '--summary effects.summary.tsv.gz --annotate effects.vcf.gz' : ''
    """
    export OMP_NUM_THREADS=${task.cpus} RAYON_NUM_THREADS=${task.cpus}
    texcnn variants \\
        --vcf ${vcf} \\
        --fasta ${genome[0]} \\
        --${meta.kind} ${annotation} \\
        --model '${meta.source ?: 'model'}' \\
        --device ${device} --dtype ${meta.dtype} --quiet \${TEXCNN_BATCH_SIZE:+--batch-size "\$TEXCNN_BATCH_SIZE"} \\
        --out ${meta.what}.tsv.gz ${more} \\
        ${meta.options} ${wanted} ${extra} ${args}
    """

    stub:
    """
    touch ${meta.what}.tsv.gz ${meta.what}.tsv.gz.skipped.tsv
    """
}
