/*
 * One HTML file that shows what was predicted; it loads nothing from outside.
 */
process REPORT {
    tag "${meta.id} ${meta.model}"
    label 'process_single'
    label 'error_ignore'

    input:
    // meta: [id, model, source: its name or '', content]; truth: measured expression, or []; evaluation: the folder of EVALUATE,
    // or []; effects: the table of VARIANTS, or []; bundle: the model's folder, or []
    tuple val(meta), path(predictions), path(skipped), path(truth, stageAs: 'truth/*'), path(evaluation, stageAs: 'evaluation'), path(effects, stageAs: 'variants/*'), path(bundle, stageAs: 'model')
    val code

    output:
    tuple val(meta), path("report.html"), emit: html

    script:
    def args = task.ext.args ?: ''
    def found = [
        truth ? "--truth ${truth}" : '',
        evaluation ? '--metrics evaluation/metrics.tsv' : '',
        effects ? "--variants ${effects}" : '',
    ].findAll { option -> option }.join(' ')
    """
    texcnn report \\
        --predictions ${predictions} \\
        --skipped ${skipped} \\
        --model '${meta.source ?: 'model'}' \\
        --run 'Sample=${meta.id}' \\
        --out report.html \\
        ${found} ${args}
    """

    stub:
    """
    touch report.html
    """
}
