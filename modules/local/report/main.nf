/*
 * One HTML file that shows what was predicted; it loads nothing from outside.
 */
// For the shell, as one word.
def quoted(text) {
    return "'" + text.toString().replace("'", "'\\\\''") + "'"
}

process REPORT {
    tag "${meta.id} ${meta.model}"
    label 'process_single'
    label 'error_ignore'

    input:
    // meta: [id, model, source: its name or '', content, label, annotation: its file's name, comment]; the rest or []: measured
    // expression, the folder of EVALUATE, the table of VARIANTS, the model's folder, an earlier table with its companion files
    tuple val(meta), path(predictions), path(skipped), path(truth, stageAs: 'truth/*'), path(evaluation, stageAs: 'evaluation'), path(effects, stageAs: 'variants/*'), path(bundle, stageAs: 'model'), path(expected, stageAs: 'expected/*')
    val code

    output:
    tuple val(meta), path("report.html"), emit: html

    script:
    def args = task.ext.args ?: ''
    def found = [
        truth ? "--truth ${truth}" : '',
        evaluation ? '--metrics evaluation/metrics.tsv' : '',
        effects ? "--variants ${effects}" : '',
        expected ? "--expected ${[expected].flatten()[0]}" : '',
        meta.comment ? "--comment ${quoted(meta.comment)}" : '',
    ].findAll { option -> option }.join(' ')
    """
    texcnn report \\
        --predictions ${predictions} \\
        --skipped ${skipped} \\
        --model '${meta.source ?: 'model'}' \\
        --run ${quoted("Sample=${meta.id}")} \\
        --run ${quoted("Annotation=${meta.annotation}")} \\
        --run "Command=\${TEXCNN_RUN_COMMAND:-nextflow run}" \\
        --out report.html \\
        ${found} ${args}
    """

    stub:
    """
    touch report.html
    """
}
