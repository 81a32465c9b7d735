/*
 * Turns the windows of one shard into vectors: the only stage of segment models that a GPU speeds up. Every model with the
 * same encoders shares them, and so does every later run: the store is named by what is in it.
 */
process EMBED {
    tag "${meta.name} ${meta.content.take(6)}"
    label 'process_high'
    label 'process_gpu'
    label 'gpu_placement'
    label 'error_ignore'
    storeDir { "${meta.store}/${meta.embedding}/${meta.content}" }

    input:
    // meta: [content, embedding, store: a folder, name, source: a model's name or '', dtype, light, options]; windows: a BED;
    // bundle: a model with the encoders, or [] for a name
    tuple val(meta), path(windows, stageAs: 'windows.bed'), path(genome, stageAs: 'genome/*'), path(bundle, stageAs: 'model')
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
        --fasta ${genome[0]} \\
        --bed windows.bed --bed-anchor window \\
        --model '${meta.source ?: 'model'}' \\
        --device ${device} --dtype ${meta.dtype} --quiet \${TEXCNN_BATCH_SIZE:+--batch-size "\$TEXCNN_BATCH_SIZE"} \\
        --out embeddings.zarr \\
        ${meta.options} ${args}
    """

    stub:
    """
    mkdir embeddings.zarr
    touch embeddings.zarr/zarr.json
    """
}
