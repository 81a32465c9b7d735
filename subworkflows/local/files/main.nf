/*
 * Files, copies of them named by content, and the options of tasks that read them. It includes nothing: Nextflow compiles a
 * script again for each way that leads to it.
 */

def isGiven(value) {
    return value != null && value != ''
}

// A file by its exact name: brackets and stars are plain characters here.
def plainFile(path) {
    return file(path.toString(), glob: false)
}

// A folder behind a link: Nextflow lists nothing of the link.
def unlinked(folder) {
    return java.nio.file.Files.isSymbolicLink(folder) ? folder.toRealPath() : folder
}

def optionalFile(path) {
    return path ? plainFile(path) : []
}

// Options of tasks that read the annotation.
def annotationOptions(sample, settings) {
    return [
        sample.kind == 'bed' ? "--bed-anchor ${settings.bed_anchor}" : '',
        sample.kind == 'gtf' ? "--transcripts ${settings.transcripts}" : '',
        settings.map_chrom_names ? '--map-chrom-names' : '',
    ].findAll { option -> option }.join(' ')
}

def digestOf(values) {
    return java.security.MessageDigest.getInstance('SHA-256').digest(values.toString().getBytes('UTF-8')).encodeHex().toString().take(24)
}

// A file or the files of a folder, named by their content: the path is part of every task's identity and then
// changes with the content only. texts: what files of a folder hold in the copy instead, by name.
def keepByContent(source, place, texts = [:]) {
    if (!place.exists()) {
        def unfinished = place.resolveSibling("${place.name}.${workflow.sessionId}")
        unfinished.parent.mkdirs()
        if (source.isDirectory()) {
            unfinished.deleteDir()
            unfinished.mkdirs()
            source.listFiles().findAll { path -> path.isFile() }.findAll { path -> !texts[path.name] }
                .each { path -> path.copyTo(unfinished.resolve(path.name)) }
            texts.each { name, text -> unfinished.resolve(name).setText(text, 'UTF-8') }
        }
        else {
            source.copyTo(unfinished)
        }
        try {
            java.nio.file.Files.move(unfinished, place)
        }
        catch (java.nio.file.FileAlreadyExistsException _found) {   // of another run with the same work folder, meanwhile
            unfinished.isDirectory() ? unfinished.deleteDir() : unfinished.delete()
        }
    }
    return place
}

// Whether half-life features are computed for a sample and a model: as asked for, else where the model takes them and
// no other features are given, as in texcnn predict.
def computesHalfLife(settings, sample, model) {
    return settings.half_life != false && model.half_life && sample.kind == 'gtf' && !sample.features
}
