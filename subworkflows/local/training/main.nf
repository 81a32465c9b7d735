/*
 * From vectors and measured expression to a model of the user's own, which takes the place of the one it starts from.
 */
include { plainFile; optionalFile; annotationOptions } from '../files/main'
include { describedModel } from '../models/main'
include { TRAIN } from '../../../modules/local/train/main'
include { BEST_RUN } from '../../../modules/local/best_run/main'

// Files of one run: [meta, stores, genome, annotation, genes, features, expression, split, bundle]
def trainingInputs(job, stores, table, run, settings) {
    def more = [
        name: settings.train,
        run: run,
        unit: settings.unit,
        kind: job.sample.kind,
        genes: annotationOptions(job.sample, settings),
        light: job.model.light,
    ]
    def read = stores ? [[], [], []] : [job.genome, plainFile(job.sample.annotation), optionalFile(job.sample.genes)]
    return [job.meta + more, stores] + read + [table, plainFile(job.sample.expression), optionalFile(job.sample.split), job.bundle]
}

// The job of the new model: the sample's job with the trained model.
def trainedJob(job, bundle, described, code, settings) {
    // A stub makes no model: describe the one it starts from.
    def model = described ? describedModel([id: settings.train, source: ''], described, code, settings.dtype) : job.model + [id: settings.train, source: '']
    return job + [meta: job.meta + [model: settings.train, source: '', content: model.content], model: model, bundle: bundle, starts: false]
}

workflow TRAINING {
    take:
    embedded   // [meta with shard, store, job]
    direct     // [meta with shard, content, windows BED, job]
    features   // [meta, features or []]
    ready      // [set, job] of usable samples
    counts     // [set, [genes, shards], skipped genes]
    code       // value: map of stages' digests
    settings   // map

    main:
    ch_ready = ready.branch { _set, job ->
        starts: job.starts
        plain: true
    }
    ch_embedded = embedded.branch { _meta, _store, job ->
        starts: job.starts
        plain: true
    }
    ch_direct = direct.branch { _meta, _content, _bed, job ->
        starts: job.starts
        plain: true
    }

    // [meta, [stores in the order of the shards]]: [] where vectors are not kept
    ch_shards = ch_ready.starts.combine(counts, by: 0).map { _set, job, numbers, _skipped -> [job.meta, numbers[1]] }
    ch_stores = ch_embedded.starts.map { meta, store, job -> [job.meta, [meta.shard, store]] }
        .combine(ch_shards, by: 0)
        .map { meta, shard, n_shards -> [groupKey(meta, n_shards), shard] }
        .groupTuple()
        .map { key, shards -> [key.target, shards.sort(false) { shard -> shard[0] }.collect { shard -> shard[1] }] }
        .mix(ch_ready.starts.filter { _set, job -> !job.model.stored }.map { _set, job -> [job.meta, []] })

    TRAIN(
        ch_ready.starts.map { _set, job -> [job.meta, job] }
            .combine(ch_stores, by: 0)
            .combine(features, by: 0)
            .flatMap { _meta, job, stores, table -> (0..<settings.runs).collect { run -> trainingInputs(job, stores, table, run, settings) } },
        code.map { stages -> stages.train },
    )
    BEST_RUN(
        TRAIN.out.bundle
            .map { meta, bundle -> [groupKey(meta.subMap(['id', 'model', 'source', 'content', 'name']), settings.runs as int), [meta.run, bundle]] }
            .groupTuple()
            .map { key, runs -> [key.target, runs.sort(false) { run -> run[0] }.collect { run -> run[1] }] },
        code.map { stages -> stages.train },
    )

    // [meta of the job it starts from, the new job]
    ch_trained = BEST_RUN.out.model.map { meta, bundle, identity -> [meta.subMap(['id', 'model', 'source', 'content']), bundle, identity] }
        .combine(ch_ready.starts.map { _set, job -> [job.meta, job] }, by: 0)
        .combine(code.map { stages -> [stages] })
        .map { meta, bundle, identity, job, stages ->
            def described = new groovy.json.JsonSlurperClassic().parseText(identity.text).models[0]
            [meta, trainedJob(job, bundle, described, stages, settings)]
        }

    emit:
    embedded = ch_embedded.plain.mix(
        ch_embedded.starts.map { meta, store, job -> [job.meta, meta.shard, store] }.combine(ch_trained, by: 0)
            .map { _meta, shard, store, job -> [job.meta + [shard: shard], store, job] },
    )
    direct = ch_direct.plain.mix(
        ch_direct.starts.map { meta, content, bed, job -> [job.meta, meta.shard, content, bed] }.combine(ch_trained, by: 0)
            .map { _meta, shard, content, bed, job -> [job.meta + [shard: shard], content, bed, job] },
    )
    features = features.mix(features.combine(ch_trained, by: 0).map { _meta, table, job -> [job.meta, table] })
    ready = ch_ready.plain.mix(
        ch_ready.starts.map { set, job -> [job.meta, set] }.combine(ch_trained, by: 0).map { _meta, set, job -> [set, job] },
    )
}
