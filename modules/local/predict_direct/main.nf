/*
 * Predicts straight from the bases, without keeping vectors: for models without an encoder (Xpresso), or with one that has
 * no weights (k-mer counts). The GPU stage of these models.
 */
process PREDICT_DIRECT {
    tag "${meta.id} ${meta.model} ${meta.shard}"
    label 'process_high'
    label 'process_gpu'
    label 'gpu_placement'
    label 'error_ignore'

    input:
    // meta: [id, model, source: its name or '', content, shard, light, options, dtype]; windows: a BED; features: a table, or []
    tuple val(meta), path(windows, stageAs: 'windows.bed'), path(genome, stageAs: 'genome/*'), path(features, stageAs: 'features/*'), path(bundle, stageAs: 'model')
    val code

    output:
    tuple val(meta), path("shard_${meta.shard}.parquet"), path("shard_${meta.shard}.parquet.skipped.tsv"), emit: parts

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'   // from the task, as in EMBED
    def args = task.ext.args ?: ''
    def extra = features ? "--features ${features}" : ''
    """
    export OMP_NUM_THREADS=${task.cpus} RAYON_NUM_THREADS=${task.cpus}
    texcnn predict \\
        --fasta ${genome[0]} \\
        --bed windows.bed --bed-anchor window \\
        --model '${meta.source ?: 'model'}' \\
        --device ${device} --dtype ${meta.dtype} --quiet --allow-empty \${TEXCNN_BATCH_SIZE:+--batch-size "\$TEXCNN_BATCH_SIZE"} \\
        --out 'shard_${meta.shard}.parquet' \\
        ${meta.options} ${extra} ${args}
    """

    stub:
    """
    touch 'shard_${meta.shard}.parquet'
    printf 'gene_id\\treason\\n' > 'shard_${meta.shard}.parquet.skipped.tsv'
    """
}
