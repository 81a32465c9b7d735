/*
 * Models: names and folders, and a copy of each folder for the tasks.
 */
include { plainFile; unlinked; digestOf; keepByContent } from '../files/main'

// A name with a slash is a folder, except names of the Hub.
def isFolder(source) {
    return (source.contains('/') || source in ['.', '..', '~']) && !source.startsWith('hf:')
}

// The folder of a model, or nothing for an address whose plugin is not there.
def modelFolder(source) {
    try {
        return plainFile(source).toAbsolutePath().normalize()
    }
    catch (Exception _problem) {
        return null
    }
}

def modelNames(settings, rows) {
    def asked = rows.collect { row -> row.models }.findAll { names -> names }
    def sources = rows.every { row -> row.models } ? asked : [settings.models] + asked
    return sources.collectMany { names -> splitNames(names) }.unique()
}

def splitNames(names) {
    return names.toString().tokenize(',').collect { name -> name.trim() }.findAll { name -> name }
}

def modelId(source) {
    def folder = isFolder(source) ? modelFolder(source) : null
    return (folder ? folder.name : source.tokenize('/').last()).replaceAll('[^A-Za-z0-9._-]', '_')
}

// The first model of a sample with measured expression is what --train starts from; the new one takes its place.
def startsTraining(settings, sample, id) {
    return settings.train && sample.expression && modelId(splitNames(sample.models)[0]) == id
}

// Names of the models that a sample is predicted with.
def wantedModels(sample, settings) {
    return splitNames(sample.models).collect { name -> modelId(name) }.unique()
        .collect { id -> startsTraining(settings, sample, id) ? settings.train : id }
}

// The model's name in the names of files, where the sample has several.
def modelLabel(sample, settings, model) {
    return wantedModels(sample, settings).size() > 1 ? ".${model}".toString() : ''
}

def modelProblems(settings, rows) {
    def sources = modelNames(settings, rows)
    def missing = sources.findAll { source -> isFolder(source) && !modelFolder(source)?.resolve('config.json')?.exists() }
        .collect { source -> "--models: '${source}' is no model – allowed: a folder with config.json, or a name" }
    def unusable = sources.findAll { source -> !isFolder(source) && !(source ==~ '(hf:)?[A-Za-z0-9][A-Za-z0-9@/._-]*') }
        .collect { source -> "--models: '${source}' is no name – allowed: letters, digits, '.', '_' and '-', hf:owner/name@revision, or a folder" }
    def ids = sources.collect { source -> modelId(source) }
    def doubled = ids.groupBy { id -> id.toLowerCase() }.values().findAll { same -> same.size() > 1 }
        .collect { same -> "--models: ${same[0]} appears twice – allowed: names that differ, also in lower case, since files are named after them" }
    def taken = settings.train && ids*.toLowerCase().contains(settings.train.toLowerCase())
        ? ["--train: '${settings.train}' is a model of --models – allowed: a new name"] : []
    return missing + unusable + doubled + taken + (sources ? [] : ['--models is empty – allowed: one or more names or folders, joined by commas'])
}

// Files of a model's folder that tasks get with other words: not its card, which is for people, and with the sum of the card
// that they get. A model with an edited card is the same.
def replacedTexts(folder) {
    def card = 'The card is in the folder that this copy was made of.\n'
    def sum = java.security.MessageDigest.getInstance('SHA-256').digest(card.getBytes('UTF-8')).encodeHex().toString()
    def config = folder.resolve('config.json').getText('UTF-8').replaceAll('("README\\.md"\\s*:\\s*")[^"]*"', "\$1${sum}\"")
    return ['config.json': config] + (folder.resolve('README.md').exists() ? ['README.md': card] : [:])
}

// SHA-256 over a folder's files, some of them with other texts.
def folderDigest(folder, texts) {
    def sha256 = java.security.MessageDigest.getInstance('SHA-256')
    folder.listFiles().findAll { path -> path.isFile() }.sort { path -> path.name }.each { path ->
        sha256.update(path.name.getBytes('UTF-8'))
        if (texts[path.name]) {
            sha256.update(texts[path.name].getBytes('UTF-8'))
        }
        else {
            path.eachByte(1 << 16) { bytes, n -> sha256.update(bytes, 0, n) }
        }
    }
    return sha256.digest().encodeHex().toString().take(24)
}

// A copy of a model's folder, named by its content, so that a model may move.
def keptModel(folder) {
    def texts = replacedTexts(folder)
    return keepByContent(folder, workflow.workDir.resolve("models/${folderDigest(folder, texts)}"), texts)
}

// [id, source: the name or nothing, folder: its copy or nothing]
def readModels(settings, rows) {
    return modelNames(settings, rows).collect { source ->
        def folder = isFolder(source) ? unlinked(modelFolder(source)) : null
        [
            id: modelId(source),
            source: folder ? '' : source,
            folder: folder ? keptModel(folder) : null,
        ]
    }
}

// The part of the probe's answer on a model that tasks depend on. Embeddings with equal digests are shared.
def describedModel(model, probed, stages, dtype) {
    def window = [probed.window.upstream, probed.window.downstream]
    return [
        id: model.id,
        source: model.source,
        content: probed.content,
        // Vectors that cost as much to read as to make are not kept.
        stored: probed.kind == 'segments' && !probed.cheap,
        // Up to here, a CPU embeds a genome in minutes, in a few large shards.
        light: probed.encoder_bytes != null && probed.encoder_bytes < 8000000,
        window: window,
        half_life: probed.half_life,
        embedding: digestOf([probed.encoders, probed.segments, probed.window, dtype, stages.embed, workflow.stubRun]),
    ]
}
