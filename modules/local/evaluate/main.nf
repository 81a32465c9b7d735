/*
 * Compares predictions with measured expression.
 */
process EVALUATE {
    tag "${meta.id} ${meta.model}"
    label 'process_low'
    label 'error_ignore'

    input:
    // meta: [id, model, source, content, label]; split: which genes trained the model, or []
    tuple val(meta), path(predictions), path(expression, stageAs: 'expression/*'), path(split, stageAs: 'split/*')
    val code

    output:
    tuple val(meta), path("evaluation"), emit: folder

    script:
    def args = task.ext.args ?: ''
    def parts = split ? "--split ${split}" : ''
    """
    texcnn evaluate --predictions ${predictions} --expression ${expression} --out evaluation --quiet ${parts} ${args}
    """

    stub:
    """
    mkdir evaluation
    touch evaluation/metrics.tsv
    """
}
