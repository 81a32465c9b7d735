/*
 * One HTML file that shows what was predicted; it loads nothing from outside.
 */
process REPORT {
    tag "${meta.id} ${meta.model}"
    label 'process_single'
    label 'of_a_sample'

    input:
    // meta: [id, model, source: its name or '', content]; truth: measured expression, or []; bundle: the model's folder, or []
    tuple val(meta), path(predictions), path(skipped), path(truth, stageAs: 'truth/*'), path(bundle, stageAs: 'model')
    val code

    output:
    tuple val(meta), path("report.html"), emit: html

    script:
    def args = task.ext.args ?: ''
    def measured = truth ? "--truth ${truth}" : ''
    """
    texcnn report \\
        --predictions ${predictions} \\
        --skipped ${skipped} \\
        --model '${meta.source ?: 'model'}' \\
        --out report.html \\
        ${measured} ${args}
    """

    stub:
    """
    touch report.html
    """
}
