#!/usr/bin/env nextflow
/*
 * TExCNN: gene expression predicted from DNA.
 *
 * genome -> check -> windows in shards -> embedding (the GPU stage) -> prediction for all cell types -> merge -> report,
 * with effects of variants where there is a VCF, evaluation where there is measured expression, and a model trained on that
 *
 *   nextflow run main.nf --genome hg38 --outdir results -profile docker
 *   nextflow run main.nf -profile test --outdir results
 */
include { readSchema; castParams; helpText; startText } from './subworkflows/local/parameters/main'
include { sampleRows; resolveSample; inputProblems } from './subworkflows/local/samples/main'
include { readModels; wantedModels } from './subworkflows/local/models/main'
include { resultLine; multiqcLine; multiqcHead; endText; otherResults; shortened; leaveNothing; sendSummary } from './subworkflows/local/summary/main'
include { INPUTS } from './subworkflows/local/inputs/main'
include { SEQUENCES } from './subworkflows/local/sequences/main'
include { TRAINING } from './subworkflows/local/training/main'
include { EXPRESSION } from './subworkflows/local/expression/main'

def showResults(settings, samples) {
    def wanted = workflow.preview ? [] : samples.collectMany { sample -> wantedModels(sample, settings).collect { name -> [sample.id, name] } }
    if (wanted) {
        def text = endText(file("${settings.outdir}/pipeline_info/results_${settings.trace_report_suffix}.tsv"), wanted)
        log.info(text)
        sendSummary(settings, text)
    }
    if (wanted && workflow.success) {
        def others = otherResults(settings, samples)
        if (others) {
            log.warn("of another run, and left where they are: ${shortened(others).join(', ')}")
        }
        log.info("Results: ${settings.outdir} (open ${settings.input ? '<sample>/' : ''}report/report.html)")
    }
}

workflow TEXCNN {
    take:
    samples    // list of maps: resolveSample
    models     // list of maps: [id, source, folder]
    settings   // map: the parameters with their types, and dtype

    main:
    def info = "${settings.outdir}/pipeline_info"

    INPUTS(samples, models, settings)
    SEQUENCES(INPUTS.out.jobs, INPUTS.out.usable, INPUTS.out.code, settings)
    TRAINING(
        SEQUENCES.out.embedded,
        SEQUENCES.out.direct,
        SEQUENCES.out.features,
        SEQUENCES.out.ready,
        SEQUENCES.out.counts,
        INPUTS.out.code,
        settings,
    )
    EXPRESSION(
        TRAINING.out.embedded,
        TRAINING.out.direct,
        TRAINING.out.features,
        TRAINING.out.ready,
        SEQUENCES.out.ready,
        SEQUENCES.out.counts,
        INPUTS.out.code,
        settings,
    )

    // sample, model, genes, predicted, skipped, reasons
    EXPRESSION.out.predictions.combine(EXPRESSION.out.counts, by: 0)
        .map { meta, _table, skipped, genes, _shards, _unplaced, _label -> resultLine(meta, skipped, genes) }
        .collectFile(
            name: "results_${settings.trace_report_suffix}.tsv", storeDir: info, sort: true, newLine: true,
            seed: ['sample', 'model', 'genes', 'predicted', 'skipped', 'reasons'].join('\t'),
        )

    EXPRESSION.out.rows.combine(EXPRESSION.out.counts, by: 0)
        .join(EXPRESSION.out.evaluation, remainder: true)
        .filter { row -> row[1] }
        .map { meta, rows, genes, _shards, _unplaced, label, evaluation -> multiqcLine(meta, label, genes, rows, evaluation, settings) }
        .collectFile(name: 'texcnn_mqc.tsv', storeDir: "${settings.outdir}/multiqc", sort: true, newLine: true, seed: multiqcHead())

    INPUTS.out.versions
        .map { versions ->
            def workflow_versions = ['TExCNN pipeline': workflow.manifest.version, Nextflow: workflow.nextflow.version, dtype: settings.dtype]
            [Workflow: workflow_versions, Tasks: versions.sort()].collect { part, found ->
                "${part}:\n${found.collect { name, version -> "    ${name}: ${version}\n" }.join('')}"
            }.join('')
        }
        .collectFile(name: 'software_versions.yml', storeDir: info)

    channel.of(groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(settings.findAll { name, _value -> name != 'genomes' })))
        .collectFile(name: "params_${settings.trace_report_suffix}.json", storeDir: info)
}

workflow {
    main:
    def schema = readSchema("${projectDir}/nextflow_schema.json")
    def asked = castParams(schema, params)
    // One type for all tasks: half of a table in other numbers would not be seen.
    def settings = asked + [dtype: asked.dtype != 'auto' ? asked.dtype : asked.gpus ? 'bfloat16' : 'float32']
    def samples = []

    if (asked.help == true) {
        log.info(helpText(schema))
    }
    else if (asked.version == true) {
        log.info("${workflow.manifest.name} ${workflow.manifest.version}")
    }
    else {
        def problems = inputProblems(schema, asked, workflow.commandLine, "${projectDir}/assets/schema_input.json")
        if (problems) {
            leaveNothing(settings)
            error("unusable input:\n  * ${shortened(problems).join('\n  * ')}\nnextflow run main.nf --help lists the parameters")
        }
        log.info(startText(schema, asked))
        def rows = sampleRows(settings.input)
        samples = rows.collect { row -> resolveSample(settings, row) }
        TEXCNN(samples, readModels(settings, rows), settings)
    }

    workflow.onComplete {
        showResults(settings, samples)
    }
}
