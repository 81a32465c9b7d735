/*
 * What the pipeline says of many sets of parameters, in one run: cases.json is a list of [params, command].
 */
include { readSchema; castParams } from './subworkflows/local/parameters/main'
include { inputProblems } from './subworkflows/local/samples/main'

workflow {
    def schema = readSchema("${projectDir}/nextflow_schema.json")
    def cases = new groovy.json.JsonSlurperClassic().parseText(file(params.cases).text)
    def defaults = params.findAll { name, _value -> !(name in ['cases', 'found']) }
    def found = cases.collect { entry ->
        inputProblems(schema, castParams(schema, defaults + entry.params), entry.command, "${projectDir}/assets/schema_input.json")
    }
    file(params.found).text = groovy.json.JsonOutput.toJson(found.collect { problems -> problems.collect { problem -> problem.toString() } })
}
