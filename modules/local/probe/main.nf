/*
 * Asks the installed package which code each stage has and what the models are. It is asked again in each run, and its
 * answer is part of the other tasks' identity, so that an edited package recomputes what it changes. Stub runs ask too.
 */
process PROBE {
    label 'process_single'
    label 'error_retry'
    cache false

    input:
    val models                              // names, or models/<content> for a folder
    path folders, stageAs: 'models/*'

    output:
    path "identity.json", emit: json

    script:
    """
    texcnn identity ${models.collect { model -> "--model '${model}'" }.join(' ')} > identity.json
    """

    stub:
    """
    texcnn identity ${models.collect { model -> "--model '${model}'" }.join(' ')} > identity.json
    """
}
