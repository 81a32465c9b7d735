/*
 * Turns the windows of one shard into vectors, with the model's encoders: the one stage of segment models that a GPU speeds up.
 */
process EMBED {
    tag "${meta.id} ${meta.model} ${meta.shard}"
    label 'process_gpu'
    label 'gpu_placement'

    input:
    // meta: [id, annotation, model, shard]; windows: a BED with its header line
    tuple val(meta), path(windows), path(fasta), path(index), val(model), path(bundle, stageAs: 'bundle/*')
    val code

    output:
    tuple val(meta), path("embeddings.zarr"), emit: embeddings

    script:
    // The device comes from the task, never from ext.args: that would recompute everything where a GPU is added.
    def device = task.accelerator ? 'cuda' : 'cpu'
    def args = task.ext.args ?: ''
    """
    export OMP_NUM_THREADS=${task.cpus} RAYON_NUM_THREADS=${task.cpus}
    texcnn embed \\
        --fasta '${fasta}' \\
        --bed '${windows}' --bed-anchor window \\
        --model '${bundle ?: model.source}' \\
        --device ${device} --quiet \${TEXCNN_BATCH_SIZE:+--batch-size "\$TEXCNN_BATCH_SIZE"} \\
        --out embeddings.zarr \\
        ${args}
    """

    stub:
    """
    mkdir embeddings.zarr
    touch embeddings.zarr/zarr.json
    """
}
