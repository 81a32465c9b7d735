/*
 * From parameters to jobs: the samples, the models, and a genome that can be read at any place.
 */
include { readSchema; valueProblems; isGiven } from '../parameters/main'
include { DESCRIBE_MODEL } from '../../../modules/local/describe_model/main'
include { PREPARE_GENOME } from '../../../modules/local/prepare_genome/main'
include { HALF_LIFE } from '../../../modules/local/half_life/main'

// SHA-256 over the content of a folder's files: Nextflow itself sees neither the package's source nor a folder's inside.
def folderDigest(folder) {
    def sha256 = java.security.MessageDigest.getInstance('SHA-256')
    def files = []
    folder.eachFileRecurse { path -> if (path.isFile() && !path.toString().contains('__pycache__')) { files << path } }
    files.sort { path -> folder.relativize(path).toString() }.each { path ->
        sha256.update(folder.relativize(path).toString().getBytes('UTF-8'))
        path.eachByte(1 << 16) { bytes, n -> sha256.update(bytes, 0, n) }
    }
    return sha256.digest().encodeHex().toString()
}

// The samplesheet's rows as maps of the cells that are not empty; without a samplesheet one row without a name.
def sampleRows(input) {
    return input ? file(input).splitCsv(header: true, strip: true).collect { row -> row.findAll { _name, cell -> isGiven(cell) } } : [[:]]
}

// FASTA or GTF of a genome of conf/genomes.config, or of a mirror that keeps <genome>/<file name>.
def genomeFile(params, genome, kind) {
    def address = params.genomes[genome][kind]
    return params.genomes_base ? "${params.genomes_base}/${genome}/${address.tokenize('/').last()}" : address
}

// The files that win over a genome's: the row's, and where the row names no genome of its own the parameters'.
def explicitFiles(params, row) {
    def names = ['fasta', 'gtf', 'bed']
    return (row.genome ? [:] : params.subMap(names)) + row.subMap(names)
}

// Which of the two the genes come from: the row's own file before the parameters', and else the genome's GTF.
def annotationKind(params, row) {
    def explicit = explicitFiles(params, row)
    return row.gtf ? 'gtf' : row.bed ? 'bed' : explicit.gtf ? 'gtf' : explicit.bed ? 'bed' : 'gtf'
}

// One row with the parameters filled in: [id, fasta, annotation: 'gtf' | 'bed', genes_from, genes, features, half_life].
def resolveSample(params, row) {
    def genome = row.genome ?: params.genome
    def explicit = explicitFiles(params, row)
    def annotation = annotationKind(params, row)
    return [
        id: row.sample ?: genome ?: 'sample',
        fasta: explicit.fasta ?: genomeFile(params, genome, 'fasta'),
        annotation: annotation,
        genes_from: explicit[annotation] ?: genomeFile(params, genome, 'gtf'),
        genes: row.genes ?: params.genes,
        features: row.features ?: params.features,
        half_life: params.half_life,
    ]
}

// What is wrong with where one row's genome and genes come from.
def sourceProblems(params, row) {
    def genome = row.genome ?: params.genome
    def explicit = explicitFiles(params, row)
    def ask = "give --genome (${params.genomes.keySet().join(', ')})"
    return [
        genome && !params.genomes.containsKey(genome) ? "genome '${genome}' is unknown – allowed: ${params.genomes.keySet().join(', ')}" : null,
        !genome && !explicit.fasta ? "no genome – ${ask} or --fasta" : null,
        !genome && !explicit.gtf && !explicit.bed ? "no genes – ${ask}, --gtf or --bed" : null,
        (row.gtf && row.bed) || (!row.gtf && !row.bed && explicit.gtf && explicit.bed) ? 'both a GTF and a BED – allowed: one of them' : null,
    ].findAll { problem -> problem }
}

// What is wrong with where one row's extra inputs come from.
def featureProblems(params, row) {
    if (!params.half_life) {
        return []
    }
    return [
        annotationKind(params, row) == 'bed'
            ? 'half-life features are computed from an annotation, and the genes are a BED – allowed with --half_life: a GTF' : null,
        row.features || params.features
            ? "features given twice – in --half_life and ${row.features ? 'column features' : '--features'} – allowed: one of the two" : null,
    ].findAll { problem -> problem }
}

// All problems of all rows, one line per bad row.
def sampleProblems(params, schema_path) {
    if (!params.input) {
        return sourceProblems(params, [:]) + featureProblems(params, [:])
    }
    def rows = sampleRows(params.input)
    def seen = rows.countBy { row -> row.sample }
    def problems = rows.withIndex().collect { row, index ->
        def wrong = valueProblems(readSchema(schema_path).items, row, 'column ') + sourceProblems(params, row) + featureProblems(params, row)
        if (row.sample && seen[row.sample] > 1) {
            wrong << "sample '${row.sample}' stands in ${seen[row.sample]} rows – allowed: one"
        }
        return wrong ? "${params.input}, line ${index + 2}: ${wrong.join('; ')}" : null
    }
    return (rows ? [] : ["${params.input} has no rows – allowed: a header line, then one line per sample"]) + problems.findAll { problem -> problem }
}

// A name with a slash is a folder, unless it is of the Hub.
def isFolder(source) {
    return source.contains('/') && !source.startsWith('hf:')
}

// What --models names: [id, source, digest].
def readModels(models) {
    return models.toString().tokenize(',').collect { name -> name.trim() }.collect { source ->
        [
            id: source.tokenize('/').last().replaceAll('[^A-Za-z0-9._-]', '_'),
            source: isFolder(source) ? file(source).toString() : source,
            digest: isFolder(source) ? folderDigest(file(source)) : '',
        ]
    }
}

def modelProblems(models) {
    def sources = models.toString().tokenize(',').collect { name -> name.trim() }
    def missing = sources.findAll { source -> isFolder(source) && !file(source).resolve('config.json').exists() }
        .collect { source -> "--models: '${source}' is no model – allowed: a folder with config.json, or a name" }
    def doubled = sources.countBy { source -> source.tokenize('/').last() }.findAll { _name, n -> n > 1 }.keySet()
        .collect { name -> "--models: ${name} stands there twice – allowed: names that differ, since files are named after them" }
    return missing + doubled + (sources ? [] : ['--models is empty – allowed: one or more names or folders, joined by commas'])
}

// Which samples have extra inputs that a model does not take, or lack those it needs; features: as the model describes them.
def modelFeatureProblems(model, features, samples) {
    def needed = features.findAll { feature -> feature.default == null }.collect { feature -> feature.name }
    return samples.collectMany { sample ->
        def given = sample.half_life ? '--half_life' : sample.features ? 'a table of features' : null
        return [
            given && !features
                ? "sample '${sample.id}' has ${given}, and the model '${model.id}' takes no features – allowed: a run of this model without them" : null,
            !given && needed
                ? "sample '${sample.id}' has no features, and the model '${model.id}' needs ${needed.join(', ')} – give --half_life or --features" : null,
        ].findAll { problem -> problem }
    }
}

workflow INPUTS {
    take:
    samples   // list of maps: [id, fasta, annotation, genes_from, genes, features, half_life]
    models    // list of maps: [id, source, digest]
    code      // string: digest of the package's source

    main:
    // [key, fasta, [index files beside it]], one per distinct FASTA; the key is its full path
    ch_fasta = channel.fromList(samples.collect { sample -> sample.fasta }.unique())
        .map { fasta ->
            // Public servers are not asked for an index: it would have to match their gzip, which is unpacked here.
            def endings = fasta ==~ '^(https?|ftp):.*' ? [] : ['fai', 'gzi']
            def index = endings.collect { ending -> file("${fasta}.${ending}") }.findAll { path -> path.exists() }
            [fasta, file(fasta), index]
        }
        .branch { _key, fasta, index ->
            indexed: index.size() == (fasta.name.endsWith('gz') ? 2 : 1)
            raw: true
        }

    PREPARE_GENOME(ch_fasta.raw.map { key, fasta, _index -> [key, fasta] })

    // [key, fasta, [fai(, gzi)]]: the FASTA as given, or unpacked
    ch_genome = ch_fasta.indexed.mix(
        ch_fasta.raw.join(PREPARE_GENOME.out.files).map { key, fasta, _index, prepared ->
            def files = [prepared].flatten()
            def unpacked = files.find { path -> path.name == 'genome.fa' }
            [key, unpacked ?: fasta, files.findAll { path -> path != unpacked }]
        }
    )

    // [key, meta, annotation file, genes file or [], features file or [], whether to compute them]
    ch_sample = channel.fromList(samples).map { sample ->
        [
            sample.fasta,
            [id: sample.id, annotation: sample.annotation],
            file(sample.genes_from),
            sample.genes ? file(sample.genes) : [],
            sample.features ? file(sample.features) : [],
            sample.half_life,
        ]
    }

    // [model, bundle folder or []]
    ch_bundle = channel.fromList(models).map { model -> [model, isFolder(model.source) ? file(model.source) : []] }
    DESCRIBE_MODEL(ch_bundle, code)

    // [model with kind, fingerprint and whether it takes logarithms of lengths, bundle]
    ch_model = ch_bundle.join(DESCRIBE_MODEL.out.json).map { model, bundle, json ->
        def described = new groovy.json.JsonSlurper().parseText(json.text)
        def problems = modelFeatureProblems(model, described.features, samples)
        if (problems) {
            error("unusable input:\n  * ${problems.join('\n  * ')}")
        }
        def log10 = described.features.any { feature -> feature.name.startsWith('log10_') }
        [model + [kind: described.kind, fingerprint: described.fingerprint, log10: log10], bundle]
    }

    // Every sample with every model: [meta, log10, fasta, index, annotation, genes, model, bundle], or with the given
    // table [meta, fasta, index, annotation, genes, features, model, bundle]. That features are computed stays out of
    // meta, which is part of every task's identity: embeddings are the same with and without.
    ch_pair = ch_sample.combine(ch_genome, by: 0).combine(ch_model)
        .branch { _key, meta, annotation, genes, features, half_life, fasta, index, model, bundle ->
            computed: half_life
                return [meta, model.log10, fasta, index, annotation, genes, model, bundle]
            given: true
                return [meta, fasta, index, annotation, genes, features, model, bundle]
        }

    HALF_LIFE(
        ch_pair.computed
            .map { meta, log10, fasta, index, annotation, genes, _model, _bundle -> [meta, log10, fasta, index, annotation, genes] }
            .unique(),
        code,
    )
    ch_computed = ch_pair.computed.combine(HALF_LIFE.out.features, by: [0, 1])
        .map { meta, _log10, fasta, index, annotation, genes, model, bundle, features ->
            [meta, fasta, index, annotation, genes, features, model, bundle]
        }

    // [meta with model, fasta, index, annotation, genes, features, model, bundle]
    ch_jobs = ch_pair.given.mix(ch_computed)
        .map { meta, fasta, index, annotation, genes, features, model, bundle ->
            [meta + [model: model.id], fasta, index, annotation, genes, features, model, bundle]
        }

    emit:
    jobs = ch_jobs
    versions = PREPARE_GENOME.out.versions.mix(DESCRIBE_MODEL.out.versions, HALF_LIFE.out.versions)
}
