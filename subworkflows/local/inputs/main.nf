/*
 * From parameters to jobs: what the installed package is, what the models are, genomes that can be read at any place, and
 * samples whose files fit.
 */
include { plainFile; computesHalfLife } from '../files/main'
include { describedModel; splitNames; modelId; startsTraining } from '../models/main'
include { PROBE } from '../../../modules/local/probe/main'
include { PREPARE } from '../../../modules/local/prepare/main'
include { CHECK } from '../../../modules/local/check/main'

def readJson(path) {
    return new groovy.json.JsonSlurperClassic().parseText(path.text)
}

// A FASTA and the index files next to it. Public servers are not asked for an index: it would have to match their
// gzip, which is unpacked here.
def fastaFiles(fasta) {
    def endings = fasta.toString() ==~ '^(https?|ftp):.*' ? [] : ['fai', 'gzi']
    return [plainFile(fasta)] + endings.collect { ending -> plainFile("${fasta}.${ending}") }.findAll { path -> path.exists() }
}

// [FASTA, its index files]: the FASTA as given or unpacked.
def genomeFiles(given, prepared) {
    def unpacked = prepared.find { path -> path.name == 'genome.fa' }
    def others = unpacked ? prepared : prepared + given.drop(1)
    return [unpacked ?: given[0]] + others.findAll { path -> path.name.endsWith('i') && path != unpacked }
}

def wantsModel(sample, model) {
    return splitNames(sample.models).collect { name -> modelId(name) }.contains(model.id)
}

// What CHECK reads of a sample: [identity, its files, whether it has anything to find]. For a sample with only a genome
// and genes, and models that fit any, PREPARE and WINDOWS find all problems.
def checkedFiles(sample, settings, described) {
    def kinds = ['genes', 'features', 'truth', 'expression', 'split', 'vcf'].findAll { kind -> sample[kind] }
    // The model that a training starts from predicts nothing itself
    def wanted = described.findAll { model -> wantsModel(sample, model) && !startsTraining(settings, sample, model.id) }
    def models = wanted.collect { model ->
        [name: model.id] + model.subMap(['features', 'needed', 'half_life', 'cell_types', 'assembly']) + (computesHalfLife(settings, sample, model) ? [needed: []] : [:])
    }
    def phased = sample.vcf ? settings.samples : ''
    def identity = [id: sample.id, half_life: settings.half_life, samples: phased ?: '', kinds: kinds, models: groovy.json.JsonOutput.toJson(models)]
    def files = kinds.collect { kind -> plainFile(sample[kind]) }
    return [identity, files, files || settings.half_life || models.any { model -> model.needed || model.assembly }]
}

// What was found of the samples, one line each; checked: [[id, [problems, cautions]]].
def checkMessages(checked, String kind) {
    return checked.collectMany { id, found ->
        found[kind].collect { message -> "sample '${id}': ${message.replaceAll('`([a-z_]+)`', '--$1')}" }
    }
}

workflow INPUTS {
    take:
    samples    // list of maps: resolveSample
    models     // list of maps: [id, source, folder]
    settings   // map: the parameters, and dtype

    main:
    PROBE(
        models.collect { model -> model.source ?: "models/${model.folder.name}" },
        models.collect { model -> model.folder }.findAll { folder -> folder }.unique(),
    )
    ch_probe = PROBE.out.json.map { json -> readJson(json) }
    ch_code = ch_probe.map { probe -> probe.stages }

    // [model, bundle folder or []]
    ch_model = ch_probe.flatMap { probe ->
        [models, probe.models].transpose().collect { model, probed ->
            [describedModel(model, probed, probe.stages, settings.dtype), model.folder ?: []]
        }
    }

    // [FASTA's path, its fingerprint, [FASTA, index files]]
    ch_fasta = channel.fromList(samples.collect { sample -> sample.fasta }.unique()).map { fasta -> [fasta, fastaFiles(fasta)] }
    PREPARE(ch_fasta, ch_code.map { code -> code.prepare })
    ch_genome = ch_fasta.join(PREPARE.out.files).map { fasta, given, prepared ->
        def made = [prepared].flatten()
        [fasta, readJson(made.find { path -> path.name == 'genome.json' }).fingerprint, genomeFiles(given, made)]
    }

    // [FASTA's path, fingerprint, [FASTA, index files], sample]
    ch_sample = ch_genome.combine(channel.fromList(samples).map { sample -> [sample.fasta, sample] }, by: 0)

    ch_asked = ch_sample.combine(ch_probe.map { probe -> [probe.models] }).map { _fasta, _fingerprint, genome, sample, described ->
        def (identity, files, checked) = checkedFiles(sample, settings, [models, described].transpose().collect { model, probed -> probed + [id: model.id] })
        [identity, genome, files, checked]
    }.branch { _identity, _genome, _files, checked ->
        checked: checked
        plain: true
    }
    CHECK(ch_asked.checked.map { identity, genome, files, _checked -> [identity, genome, files] }, ch_code.map { code -> code.check })
    // [id] of the usable samples, when all are known
    ch_usable = CHECK.out.json.map { sample, json -> [sample.id, readJson(json)] }
        .mix(ch_asked.plain.map { identity, _genome, _files, _checked -> [identity.id, [problems: [], cautions: []]] })
        .toList()
        .flatMap { checked ->
            def usable = checked.findAll { _id, found -> !found.problems }.collect { id, _found -> [id] }
            def messages = checkMessages(checked, 'problems')
            if (messages && (settings.on_error == 'stop' || !usable)) {
                error("unusable input:\n  * ${messages.join('\n  * ')}")
            }
            messages.each { problem -> log.warn("left out: ${problem}") }
            checkMessages(checked, 'cautions').each { caution -> log.warn(caution) }
            usable
        }

    // One job per sample and model: a map that is never given to a task as it is
    ch_job = ch_sample.combine(ch_model)
        .filter { _fasta, _fingerprint, _genome, sample, model, _bundle -> wantsModel(sample, model) }
        .map { _fasta, fingerprint, genome, sample, model, bundle ->
            [
                meta: [id: sample.id, model: model.id, source: model.source, content: model.content],
                sample: sample,
                model: model,
                bundle: bundle,
                genome: genome,
                fingerprint: fingerprint,
                starts: startsTraining(settings, sample, model.id),
            ]
        }

    emit:
    jobs = ch_job
    usable = ch_usable
    code = ch_code
    versions = ch_probe.map { probe -> probe.versions }
}
