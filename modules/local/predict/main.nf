/*
 * Predicts the expression of one shard's genes in every cell type of the model, from their vectors.
 */
process PREDICT {
    tag "${meta.id} ${meta.model} ${meta.shard}"
    label 'process_single'
    label 'error_ignore'

    input:
    // meta: [id, model, source: its name or '', content, shard]; features: a table of extra inputs per gene, or []
    tuple val(meta), path(embeddings, stageAs: 'embeddings.zarr'), path(features, stageAs: 'features/*'), path(bundle, stageAs: 'model')
    val code

    output:
    tuple val(meta), path("shard_${meta.shard}.parquet"), path("shard_${meta.shard}.parquet.skipped.tsv"), emit: parts

    script:
    def args = task.ext.args ?: ''
    def extra = features ? "--features ${features}" : ''
    """
    export OMP_NUM_THREADS=${task.cpus} RAYON_NUM_THREADS=${task.cpus}
    texcnn predict \\
        --embeddings embeddings.zarr \\
        --model '${meta.source ?: 'model'}' \\
        --device cpu --quiet --allow-empty \\
        --out 'shard_${meta.shard}.parquet' \\
        ${extra} ${args}
    """

    stub:
    """
    touch 'shard_${meta.shard}.parquet'
    printf 'gene_id\\treason\\n' > 'shard_${meta.shard}.parquet.skipped.tsv'
    """
}
