/*
 * From vectors and bases to tables: expression predicted in shards and merged, effects of variants, evaluation, report.
 */
include { plainFile; optionalFile } from '../files/main'
include { modelLabel } from '../models/main'
include { EFFECTS } from '../effects/main'
include { PREDICT } from '../../../modules/local/predict/main'
include { PREDICT_DIRECT } from '../../../modules/local/predict_direct/main'
include { MERGE } from '../../../modules/local/merge/main'
include { EVALUATE } from '../../../modules/local/evaluate/main'
include { REPORT } from '../../../modules/local/report/main'

// [meta, [parts in order], [their skipped lists]] as soon as all shards of a job are there; counts: [meta, shards]
def gathered(parts, counts) {
    return parts.map { meta, part, skipped -> [meta.findAll { name, _value -> name != 'shard' }, [meta.shard, part, skipped]] }
        .combine(counts, by: 0)
        .map { meta, shard, n_shards -> [groupKey(meta, n_shards), shard] }
        .groupTuple()
        .map { key, shards ->
            def ordered = shards.sort(false) { shard -> shard[0] }
            [key.target, ordered.collect { shard -> shard[1] }, ordered.collect { shard -> shard[2] }]
        }
}

// An earlier table of predictions to compare with, and its companion files.
def expectedFiles(settings) {
    return settings.expected ? ['', '.meta.json', '.skipped.tsv'].collect { ending -> plainFile("${settings.expected}${ending}") }.findAll { path -> path.exists() } : []
}

// The meta of a job, as it was before MERGE. Only tasks that publish know the label: another model recomputes no prediction.
def plainMeta(meta) {
    return meta.findAll { name, _value -> !(name in ['what', 'label']) }
}

workflow EXPRESSION {
    take:
    embedded   // [meta with shard, store, job]
    direct     // [meta with shard, content, windows BED, job]
    features   // [meta, features or []]
    ready      // [set, job] of usable samples
    samples    // the same before any training
    counts     // [set, [genes, shards], skipped genes]
    code       // value: map of stages' digests
    settings   // map

    main:
    // [meta with shard, store or BED, job, features]
    ch_embedded = embedded.map { meta, vectors, job -> [job.meta, meta, vectors, job] }.combine(features, by: 0)
    ch_direct = direct.map { meta, _content, bed, job -> [job.meta, meta, bed, job] }.combine(features, by: 0)

    PREDICT(
        ch_embedded.map { _meta, meta, vectors, job, table -> [meta, vectors, table, job.bundle] },
        code.map { stages -> stages.predict },
    )
    PREDICT_DIRECT(
        ch_direct.map { _meta, meta, bed, job, table ->
            def transcripts = settings.transcripts == 'all' && job.sample.kind == 'gtf' ? '--transcripts all' : ''
            [meta + [light: job.model.light, options: transcripts, dtype: settings.dtype], bed, job.genome, table, job.bundle]
        },
        code.map { stages -> stages.predict },
    )

    // [meta, genes, shards, skipped genes, label]
    ch_count = ready.combine(counts, by: 0)
        .map { _set, job, numbers, skipped -> [job.meta, numbers[0], numbers[1], skipped, modelLabel(job.sample, settings, job.meta.model)] }
    ch_direct_parts = PREDICT_DIRECT.out.parts
        .map { meta, part, skipped -> [meta.findAll { name, _value -> !(name in ['light', 'options', 'dtype']) }, part, skipped] }
    ch_gathered = gathered(PREDICT.out.parts.mix(ch_direct_parts), ch_count.map { meta, _genes, shards, _skipped, _label -> [meta, shards] })
    EFFECTS(samples, ready, features, ch_count.map { meta, _genes, shards, _skipped, _label -> [meta, shards] }, code, settings)

    // One merge for all kinds of table
    ch_predicted = ch_gathered.combine(ch_count, by: 0)
        .map { meta, parts, skipped_parts, genes, _shards, skipped, label -> [meta + [what: 'predictions', label: label], parts, skipped_parts, skipped, [], genes] }
    ch_effect_parts = EFFECTS.out.parts.map { meta, parts, vcf -> [plainMeta(meta), meta.what, parts, vcf] }.combine(ch_count, by: 0)
        .map { meta, what, parts, vcf, _genes, _shards, _skipped, label -> [meta + [what: what, label: label], parts, [], [], vcf, 0] }
    MERGE(
        ch_predicted.mix(ch_effect_parts),
        code.map { stages -> stages.merge },
    )
    ch_predictions = MERGE.out.predictions.map { meta, table, skipped -> [plainMeta(meta), table, skipped] }

    EVALUATE(
        ch_predictions.combine(ready.filter { _set, job -> job.sample.expression }.map { _set, job -> [job.meta, job.sample] }, by: 0)
            .map { meta, table, _skipped, sample ->
                [meta + [label: modelLabel(sample, settings, meta.model)], table, plainFile(sample.expression), optionalFile(sample.split)]
            },
        code.map { stages -> stages.evaluate },
    )
    ch_evaluation = EVALUATE.out.folder.map { meta, folder -> [plainMeta(meta), folder] }
    // [meta, table, skipped, job]: reports wait only for the other results of their sample
    ch_reported = ch_predictions.combine(ready.map { _set, job -> [job.meta, job] }, by: 0).branch { _meta, _table, _skipped, job ->
        more: job.sample.vcf || job.sample.expression
        plain: true
    }
    ch_effects = MERGE.out.variants.filter { meta, _files -> meta.what == 'effects' }
        .map { meta, files -> [plainMeta(meta), [files].flatten().find { file -> file.name == 'effects.tsv.gz' }] }
    ch_more = ch_reported.more.join(ch_evaluation, remainder: true).filter { row -> row[1] }
        .join(ch_effects, remainder: true).filter { row -> row[1] }
    REPORT(
        ch_reported.plain.map { meta, table, skipped, job -> [meta, table, skipped, job, [], []] }.mix(ch_more)
            .map { meta, table, skipped, job, evaluation, effects ->
                def more = [label: modelLabel(job.sample, settings, meta.model), annotation: plainFile(job.sample.annotation).name, comment: settings.report_comment ?: '']
                [meta + more, table, skipped, optionalFile(job.sample.truth), evaluation ?: [], effects ?: [], job.bundle, expectedFiles(settings)]
            },
        code.map { stages -> stages.report },
    )

    emit:
    predictions = ch_predictions           // [meta, predictions.parquet, predictions.skipped.tsv]
    counts = ch_count                     // [meta, genes, shards, skipped genes, label]
    rows = MERGE.out.counts.map { meta, rows -> [plainMeta(meta), rows] }   // [meta, counts.tsv: predicted, n_fraction]
    evaluation = ch_evaluation            // [meta, folder]
}
