/*
 * Predicts the expression of one shard's genes in every cell type of the model, from their vectors.
 */
process PREDICT {
    tag "${meta.id} ${meta.model} ${meta.shard}"
    label 'process_single'

    input:
    // meta: [id, annotation, model, shard]; features: a table of extra inputs per gene, or []
    tuple val(meta), path(embeddings), path(features, stageAs: 'features/*'), val(model), path(bundle, stageAs: 'bundle/*')
    val code

    output:
    tuple val(meta), path("shard_${meta.shard}.parquet"), path("shard_${meta.shard}.parquet.skipped.tsv"), emit: parts

    script:
    def args = task.ext.args ?: ''
    def extra = features ? "--features '${features}'" : ''
    """
    export OMP_NUM_THREADS=${task.cpus} RAYON_NUM_THREADS=${task.cpus}
    texcnn predict \\
        --embeddings '${embeddings}' \\
        --model '${bundle ?: model.source}' \\
        --device cpu \\
        --out 'shard_${meta.shard}.parquet' \\
        ${extra} ${args}
    """

    stub:
    """
    touch 'shard_${meta.shard}.parquet'
    printf 'gene_id\\treason\\n' > 'shard_${meta.shard}.parquet.skipped.tsv'
    """
}
