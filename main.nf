#!/usr/bin/env nextflow
/*
 * TExCNN: gene expression predicted from DNA.
 *
 * genome -> windows -> embedding in shards (the GPU stage) -> prediction for all cell types -> merge -> report
 *
 *   nextflow run main.nf --genome hg38 --outdir results -profile docker
 *   nextflow run main.nf -profile test --outdir results
 */
include { readSchema; valueProblems; helpText } from './subworkflows/local/parameters/main'
include { INPUTS; sampleRows; sampleProblems; resolveSample; readModels; modelProblems; folderDigest } from './subworkflows/local/inputs/main'
include { EXPRESSION } from './subworkflows/local/expression/main'

def showResults() {
    if (workflow.success && !params.help) {
        log.info("Results: ${params.outdir} (open ${params.input ? '<sample>/' : ''}report/report.html)")
    }
}

workflow TEXCNN {
    take:
    samples   // list of maps: [id, fasta, annotation, genes_from, genes, features, half_life]
    models    // list of maps: [id, source, digest]

    main:
    def info = "${params.outdir}/pipeline_info"
    // An edit in the package changes this digest, and with it every task: -resume alone would not notice.
    def code = folderDigest(file("${projectDir}/texcnn"))

    INPUTS(samples, models, code)
    EXPRESSION(INPUTS.out.jobs, params.truth ? file(params.truth) : [], params.shard_size, code)

    // One YAML block per process, however often it ran
    INPUTS.out.versions
        .map { versions -> versions.text.replaceFirst('"(\\w+:)*(\\w+)"', '$2') }
        .unique()
        .mix(channel.of("Workflow:\n    texcnn: ${workflow.manifest.version}\n    Nextflow: ${workflow.nextflow.version}\n".toString()))
        .collectFile(name: 'software_versions.yml', storeDir: info, sort: true)

    channel.of(groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(params.findAll { name, _value -> name != 'genomes' })))
        .collectFile(name: 'params.json', storeDir: info)
}

workflow {
    main:
    def schema = readSchema("${projectDir}/nextflow_schema.json")

    if (params.help) {
        log.info(helpText(schema))
    }
    else {
        def wrong = valueProblems(schema, params, '--')
        def problems = wrong ?: sampleProblems(params, "${projectDir}/assets/schema_input.json") + modelProblems(params.models)
        if (problems) {
            error("unusable input:\n  * ${problems.join('\n  * ')}\nnextflow run main.nf --help lists the parameters")
        }
        TEXCNN(sampleRows(params.input).collect { row -> resolveSample(params, row) }, readModels(params.models))
    }

    workflow.onComplete {
        showResults()
    }
}
