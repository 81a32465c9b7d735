/*
 * From genomes to tables of expression: windows, embedded in shards, predicted, merged in order and shown.
 */
include { WINDOWS } from '../../../modules/local/windows/main'
include { EMBED } from '../../../modules/local/embed/main'
include { PREDICT } from '../../../modules/local/predict/main'
include { PREDICT_ONE_HOT } from '../../../modules/local/predict_one_hot/main'
include { MERGE } from '../../../modules/local/merge/main'
include { REPORT } from '../../../modules/local/report/main'

workflow EXPRESSION {
    take:
    jobs         // [meta: [id, annotation, model], fasta, [index], annotation, genes | [], features | [], model, bundle | []]
    truth        // path of measured expression, or []
    shard_size   // genes per shard
    code         // string: digest of the package's source

    main:
    // [meta, windows.bed] and [meta, windows.bed.skipped.tsv]
    WINDOWS(
        jobs.map { meta, fasta, index, annotation, genes, _features, model, bundle ->
            [meta, fasta, index, annotation, genes, model, bundle]
        },
        code,
    )

    // [meta, number of shards, number of genes that entered, windows.bed.skipped.tsv]
    ch_count = WINDOWS.out.bed.join(WINDOWS.out.skipped).map { meta, windows, skipped ->
        def placed = windows.countLines() - 1    // the header
        if (placed < 1) {
            error("no gene of '${meta.id}' could be placed on the genome – the reasons stand in ${skipped}")
        }
        [meta, Math.ceil(placed / shard_size).intValue(), placed + skipped.countLines() - 1, skipped]
    }

    // [meta with shard: 1, 2, ..., windows.<shard>.bed, fasta, index, features, model, bundle]
    ch_shard = WINDOWS.out.bed
        .splitText(by: shard_size, keepHeader: true, file: true, elem: 1)
        .combine(jobs, by: 0)
        .map { meta, windows, fasta, index, _annotation, _genes, features, model, bundle ->
            [meta + [shard: windows.name.tokenize('.')[-2] as int], windows, fasta, index, features, model, bundle]
        }
        .branch { _meta, _windows, _fasta, _index, _features, model, _bundle ->
            segments: model.kind == 'segments'
            one_hot: true
        }

    // [meta, embeddings.zarr]
    EMBED(
        ch_shard.segments.map { meta, windows, fasta, index, _features, model, bundle ->
            [meta, windows, fasta, index, model, bundle]
        },
        code,
    )

    // [meta, shard_<shard>.parquet, shard_<shard>.parquet.skipped.tsv]
    PREDICT(
        EMBED.out.embeddings.join(ch_shard.segments).map { meta, embeddings, _windows, _fasta, _index, features, model, bundle ->
            [meta, embeddings, features, model, bundle]
        },
        code,
    )
    PREDICT_ONE_HOT(ch_shard.one_hot, code)

    // [meta, [parts in order], [their skipped tables], windows.bed.skipped.tsv, genes that entered]: as soon as all are there
    ch_parts = PREDICT.out.parts.mix(PREDICT_ONE_HOT.out.parts)
        .map { meta, part, skipped -> [meta.findAll { name, _value -> name != 'shard' }, [meta.shard, part, skipped]] }
        .combine(ch_count, by: 0)
        .map { meta, shard, n_shards, n_genes, skipped -> [groupKey(meta, n_shards), shard, n_genes, skipped] }
        .groupTuple()
        .map { key, shards, n_genes, skipped ->
            def ordered = shards.sort(false) { shard -> shard[0] }
            [key.target, ordered.collect { shard -> shard[1] }, ordered.collect { shard -> shard[2] }, skipped[0], n_genes[0]]
        }
    MERGE(ch_parts, code)

    REPORT(MERGE.out.predictions, truth, code)

    emit:
    predictions = MERGE.out.predictions   // [meta, predictions.parquet, predictions.skipped.tsv]
    report = REPORT.out.html              // [meta, report.html]
}
