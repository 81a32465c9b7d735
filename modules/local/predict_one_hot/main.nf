/*
 * Predicts straight from the bases, for models without an encoder (Xpresso): their GPU stage.
 */
process PREDICT_ONE_HOT {
    tag "${meta.id} ${meta.model} ${meta.shard}"
    label 'process_gpu'
    label 'gpu_placement'

    input:
    // meta: [id, annotation, model, shard]; windows: a BED with its header line; features: a table, or []
    tuple val(meta), path(windows), path(fasta), path(index), path(features, stageAs: 'features/*'), val(model), path(bundle, stageAs: 'bundle/*')
    val code

    output:
    tuple val(meta), path("shard_${meta.shard}.parquet"), path("shard_${meta.shard}.parquet.skipped.tsv"), emit: parts

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'   // from the task, as in EMBED
    def args = task.ext.args ?: ''
    def extra = features ? "--features '${features}'" : ''
    """
    export OMP_NUM_THREADS=${task.cpus} RAYON_NUM_THREADS=${task.cpus}
    texcnn predict \\
        --fasta '${fasta}' \\
        --bed '${windows}' --bed-anchor window \\
        --model '${bundle ?: model.source}' \\
        --device ${device} --quiet \${TEXCNN_BATCH_SIZE:+--batch-size "\$TEXCNN_BATCH_SIZE"} \\
        --out 'shard_${meta.shard}.parquet' \\
        ${extra} ${args}
    """

    stub:
    """
    touch 'shard_${meta.shard}.parquet'
    printf 'gene_id\\treason\\n' > 'shard_${meta.shard}.parquet.skipped.tsv'
    """
}
