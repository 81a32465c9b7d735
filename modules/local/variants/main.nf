/*
 * Predicts what one shard of variants does to the expression of the genes around them, or the haplotypes of one share of the
 * chromosomes: a GPU stage.
 */
process VARIANTS {
    tag "${meta.name} ${meta.what} ${meta.shard}/${meta.shards}"
    label 'process_high'
    label 'process_gpu'
    label 'gpu_placement'
    label 'error_ignore'

    input:
    // meta: [key: digest of what all shards share, what: 'effects' | 'haplotypes', shard, shards, name, source: a model's name
    // or '', kind: 'gtf' | 'bed', light, options, dtype]
    tuple val(meta), path(genome, stageAs: 'genome/*'), path(annotation, stageAs: 'annotation/*'), path(genes, stageAs: 'genes/*'), path(vcf, stageAs: 'vcf/*'), path(features, stageAs: 'features/*'), path(bundle, stageAs: 'model')
    val code

    output:
    tuple val(meta), path("shard_${meta.shard}.parts"), emit: parts

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'   // from the task, as in EMBED
    def args = task.ext.args ?: ''
    def wanted = genes ? "--genes ${genes}" : ''
    def extra = features ? "--features ${features}" : ''
    def share = meta.what == 'haplotypes' ? "--shard ${meta.shard}/${meta.shards}" : ''
    """
    export OMP_NUM_THREADS=${task.cpus} RAYON_NUM_THREADS=${task.cpus}
    texcnn variants \\
        --vcf ${vcf} \\
        --fasta ${genome[0]} \\
        --${meta.kind} ${annotation} \\
        --model '${meta.source ?: 'model'}' \\
        --device ${device} --dtype ${meta.dtype} --quiet \${TEXCNN_BATCH_SIZE:+--batch-size "\$TEXCNN_BATCH_SIZE"} \\
        --out shard_${meta.shard}.parts ${share} \\
        ${meta.options} ${wanted} ${extra} ${args}
    """

    stub:
    """
    mkdir shard_${meta.shard}.parts
    touch shard_${meta.shard}.parts/parts.json
    """
}
