/*
 * Trains a head on measured expression: one of several independent runs, each a task. It reads the shards' vectors or,
 * where these are not kept, the genome.
 */
process TRAIN {
    tag "${meta.id} ${meta.name} ${meta.run}"
    label 'process_medium'
    label 'process_gpu'
    label 'gpu_placement'
    label 'error_ignore'

    input:
    // meta: [id, model: the one whose encoders are used, source, content, name: of the new model, run, unit, kind, genes: options, light]
    // stores: the shards' vectors in order, or []; genome, annotation, genes: read where there are none; features, split: or []
    tuple val(meta), path(stores, stageAs: 'stores/?/*'), path(genome, stageAs: 'genome/*'), path(annotation, stageAs: 'annotation/*'), path(genes, stageAs: 'genes/*'), path(features, stageAs: 'features/*'), path(expression, stageAs: 'expression/*'), path(split, stageAs: 'split/*'), path(bundle, stageAs: 'model')
    val code

    output:
    tuple val(meta), path("${meta.name}"), emit: bundle

    script:
    def device = task.accelerator ? 'cuda' : 'cpu'   // from the task, as in EMBED
    def args = task.ext.args ?: ''
    def listed = stores instanceof List ? stores : [stores]
    def wanted = genes ? "--genes ${genes}" : ''
    def input = stores ? listed.collect { store -> "--embeddings ${store}" }.join(' ')
        : "--fasta ${genome[0]} --${meta.kind} ${annotation} ${meta.genes} ${wanted}"
    def parts = split ? "--split file --split-file ${split}" : ''
    def extra = features ? "--features ${features}" : ''
    """
    export OMP_NUM_THREADS=${task.cpus} RAYON_NUM_THREADS=${task.cpus}
    texcnn train \\
        ${input} \\
        --model '${meta.source ?: 'model'}' \\
        --expression ${expression} --unit '${meta.unit}' \\
        --first-run ${meta.run} \\
        --device ${device} --quiet \\
        --out '${meta.name}' \\
        ${parts} ${extra} ${args}
    """

    stub:
    """
    mkdir '${meta.name}'
    printf 'seed\\tvalid_loss\\n${meta.run}\\t1.0\\n' > '${meta.name}/runs.tsv'
    """
}
