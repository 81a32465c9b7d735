/*
 * Finds all problems of a run's inputs before anything runs.
 */
include { valueProblems; positionalProblems } from '../parameters/main'
include { sampleRows; sampleProblems } from '../samples/main'
include { modelProblems } from '../models/main'

// schema: of the parameters; settings: the parameters, cast; command: as it was typed; sheet_schema: path of the samplesheet's
def inputProblems(schema, settings, command, sheet_schema) {
    def wrong = valueProblems(schema, settings, '--') + positionalProblems(command)
    return wrong ?: sampleProblems(settings, sheet_schema) + modelProblems(settings, sampleRows(settings.input))
}
