/*
 * From genomes and genes to shards of windows, and to vectors of these: shared by all samples and models that need the same.
 */
include { plainFile; optionalFile; annotationOptions; digestOf; keepByContent; computesHalfLife } from '../files/main'
include { WINDOWS } from '../../../modules/local/windows/main'
include { EMBED } from '../../../modules/local/embed/main'
include { HALF_LIFE } from '../../../modules/local/half_life/main'

// The start of published windows' and features' names: annotations of one name, and lists of genes, are told apart.
def publishedName(job) {
    def read = [job.fingerprint, job.sample.annotation, job.sample.genes]
    return "${digestOf(read).take(6)}.${plainFile(job.sample.annotation).name}".toString()
}

// What the windows of a job depend on: jobs with the same set share them.
def setOf(job, settings) {
    return [
        genome: job.fingerprint,
        annotation: job.sample.annotation.toString(),
        genes: job.sample.genes.toString(),
        name: publishedName(job),
        kind: job.sample.kind,
        upstream: job.model.window[0],
        downstream: job.model.window[1],
        shard_size: settings.shard_size ?: (job.model.light ? 3500 : 1000),
        options: annotationOptions(job.sample, settings),
    ]
}

// What computed features depend on.
def featureSetOf(job, settings) {
    return [
        genome: job.fingerprint,
        annotation: job.sample.annotation.toString(),
        genes: job.sample.genes.toString(),
        name: publishedName(job),
        scale: job.model.half_life,
        options: [settings.map_chrom_names ? '--map-chrom-names' : '', settings.half_life ? '' : '--allow-noncoding'].join(' ').trim(),
    ]
}

// [set, number of the shard, digest of its content, BED] for each shard of a set, kept by content.
def shardsOf(set, beds) {
    return [beds].flatten().sort { bed -> bed.name.tokenize('.')[0] as int }.withIndex(1).collect { bed, number ->
        def content = digestOf([set.genome, set.options.contains('--transcripts all'), bed.text])
        [set, number, content, keepByContent(bed, workflow.workDir.resolve("windows/${content}.bed"))]
    }
}

// [genes placed or skipped, shards]
def countGenes(beds, skipped) {
    def placed = [beds].flatten().sum(0) { bed -> bed.countLines() - 1 }
    return [placed + skipped.countLines() - 1, [beds].flatten().size()]
}

def noGeneMessage(set, skipped) {
    def reasons = skipped.readLines().drop(1).countBy { line -> line.tokenize('\t').last() }.collect { reason, n -> "${n} ${reason}" }
    return "no gene of ${set.annotation} could be placed on the genome: ${reasons.join('; ')}"
}

workflow SEQUENCES {
    take:
    jobs       // maps: [meta, sample, model, bundle, genome, fingerprint]
    usable     // [id] of the samples without problems
    code       // value: map of stages' digests
    settings   // map

    main:
    // [set, job]: all samples are checked before anything is computed
    ch_ready = usable.combine(jobs.map { job -> [job.meta.id, job] }, by: 0).map { _id, job -> [setOf(job, settings), job] }

    // CHECK reads lists of genes and nothing else of what WINDOWS reads: without one WINDOWS need not wait for it
    ch_placed = jobs.filter { job -> !job.sample.genes }.map { job -> [setOf(job, settings), job] }
        .mix(ch_ready.filter { _set, job -> job.sample.genes })
    WINDOWS(
        ch_placed.map { set, job -> [set, job.genome, plainFile(job.sample.annotation), optionalFile(job.sample.genes)] }
            .unique { row -> row[0] },
        code.map { stages -> stages.windows },
    )
    ch_count = WINDOWS.out.shards.map { set, beds, skipped ->
        if (!beds && settings.on_error == 'stop') {
            error(noGeneMessage(set, skipped))
        }
        if (!beds) {
            log.warn("left out: ${noGeneMessage(set, skipped)}")
        }
        [set, countGenes(beds, skipped), skipped]
    }

    // [meta with shard, content, windows BED, job]
    ch_shard = WINDOWS.out.shards.flatMap { set, beds, _skipped -> shardsOf(set, beds) }
        .combine(ch_ready, by: 0)
        .map { _set, number, content, bed, job -> [job.meta + [shard: number], content, bed, job] }
        .branch { _meta, _content, _bed, job ->
            stored: job.model.stored
            direct: true
        }

    // One task per shard and distinct embedding, for any number of samples and models
    def store = (settings.store ? plainFile(settings.store) : workflow.workDir.resolve('store')).toUriString()
    EMBED(
        ch_shard.stored.map { _meta, content, bed, job ->
            def key = [
                content: content,
                embedding: job.model.embedding,
                store: workflow.stubRun ? "${store}/stub" : store,
                name: job.model.id,
                source: job.model.source,
                dtype: settings.dtype,
                light: job.model.light,
                options: settings.transcripts == 'all' && job.sample.kind == 'gtf' ? '--transcripts all' : '',
            ]
            [key, bed, job.genome, job.bundle]
        }.unique { row -> row[0].subMap(['content', 'embedding']) },
        code.map { stages -> stages.embed },
    )

    // [meta with shard, store, job]
    ch_embedded = ch_shard.stored.map { meta, content, _bed, job -> [[content, job.model.embedding], meta, job] }
        .combine(EMBED.out.embeddings.map { key, vectors -> [[key.content, key.embedding], vectors] }, by: 0)
        .map { _key, meta, job, vectors -> [meta, vectors, job] }

    // [meta, features or []]
    ch_with = ch_ready.map { _set, job -> job }.branch { job ->
        computed: computesHalfLife(settings, job.sample, job.model)
        given: true
    }
    ch_feature_set = ch_with.computed.map { job -> [featureSetOf(job, settings), job] }
    HALF_LIFE(
        ch_feature_set.map { set, job -> [set, job.genome, plainFile(job.sample.annotation), optionalFile(job.sample.genes)] }
            .unique { row -> row[0] },
        code.map { stages -> stages.features },
    )
    ch_features = ch_feature_set.combine(HALF_LIFE.out.features, by: 0)
        .map { _set, job, table -> [job.meta, table.countLines() > 1 || workflow.stubRun ? table : []] }
        .mix(ch_with.given.map { job -> [job.meta, optionalFile(job.sample.features)] })

    emit:
    embedded = ch_embedded   // [meta with shard, store, job]
    direct = ch_shard.direct  // [meta with shard, content, BED, job]
    features = ch_features   // [meta, features or []]
    ready = ch_ready         // [set, job] of usable samples
    counts = ch_count        // [set, [genes, shards], skipped genes]
}
