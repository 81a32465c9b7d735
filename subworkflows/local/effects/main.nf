/*
 * Effects of variants in shards: the distinct alleles of all samples that read the same genome and genes are scored once, for
 * each model; haplotypes are predicted in shares of the chromosomes.
 */
include { plainFile; optionalFile; annotationOptions; digestOf; keepByContent } from '../files/main'
include { SPLIT } from '../../../modules/local/split/main'
include { VARIANTS } from '../../../modules/local/variants/main'

// Options of VARIANTS that depend on the sample.
def variantOptions(sample, settings) {
    return annotationOptions(sample, settings) + (settings.half_life == false && sample.kind == 'gtf' ? ' --no-half-life' : '')
}

// What samples have to share for their alleles to be scored together.
def poolOf(job, settings) {
    def read = [job.fingerprint, job.sample.annotation, job.sample.genes, job.sample.kind, variantOptions(job.sample, settings)]
    return [name: plainFile(job.sample.annotation).name, key: digestOf(read), size: settings.variant_shard_size]
}

// The files of VARIANTS, except the VCF: [genome, annotation, genes, features, bundle]
def filesOf(job, features) {
    return [genome: job.genome, annotation: plainFile(job.sample.annotation), genes: optionalFile(job.sample.genes), features: features, bundle: job.bundle]
}

// What all tasks of VARIANTS of a kind and a model share.
def sharedMeta(job, features, what, settings) {
    def phased = " --phased --samples '${settings.samples}' --unphased ${settings.unphased}"
    def of_haplotypes = what == 'haplotypes' ? [job.sample.vcf, phased] : []
    return [
        key: digestOf([poolOf(job, settings).key, what, job.model.content, job.model.source, features.toString(), settings.dtype] + of_haplotypes),
        what: what,
        name: job.model.id,
        source: job.model.source,
        kind: job.sample.kind,
        light: job.model.light,
        options: "${variantOptions(job.sample, settings)}${what == 'haplotypes' ? phased : ''}".toString(),
        dtype: settings.dtype,
    ]
}

workflow EFFECTS {
    take:
    samples    // [set, job] of usable samples, before any training
    ready      // [set, job], trained models included
    features   // [meta, features or []]
    counts     // [meta, shards of the genes]
    code       // value: map of stages' digests
    settings   // map

    main:
    // [pool, [VCFs]]
    ch_pool = samples.filter { _set, job -> job.sample.vcf }
        .map { _set, job -> [poolOf(job, settings), job.sample.vcf.toString()] }
        .groupTuple()
        .map { pool, vcfs -> [pool, vcfs.unique().sort().collect { vcf -> plainFile(vcf) }] }
    SPLIT(ch_pool, code.map { stages -> stages.split })

    // [pool, shard, shards, VCF], kept by content: shards before the first allele that is new are not scored again
    ch_alleles = SPLIT.out.shards.flatMap { pool, files ->
        def listed = [files].flatten().sort { file -> file.name }
        listed.withIndex(1).collect { file, number ->
            def kept = workflow.workDir.resolve("alleles/${digestOf([file.bytes.encodeBase64()])}.vcf.gz")
            [pool, number, listed.size(), keepByContent(file, kept)]
        }
    }

    // [job, features]
    ch_job = ready.filter { _set, job -> job.sample.vcf }.map { _set, job -> [job.meta, job] }.combine(features, by: 0)
        .map { _meta, job, table -> [job, table] }

    ch_effects = ch_job.map { job, table -> [poolOf(job, settings), job, table] }.combine(ch_alleles, by: 0)
        .map { _pool, job, table, shard, shards, vcf -> [sharedMeta(job, table, 'effects', settings) + [shard: shard, shards: shards], job, table, vcf] }
    ch_haplotypes = ch_job.filter { _job, _table -> settings.samples }.map { job, table -> [job.meta, job, table] }.combine(counts, by: 0)
        .flatMap { _meta, job, table, shards ->
            def meta = sharedMeta(job, table, 'haplotypes', settings)
            (1..shards).collect { shard -> [meta + [shard: shard, shards: shards], job, table, plainFile(job.sample.vcf)] }
        }
    VARIANTS(
        ch_effects.mix(ch_haplotypes).unique { row -> row[0] }.map { meta, job, table, vcf ->
            def files = filesOf(job, table)
            [meta, files.genome, files.annotation, files.genes, vcf, files.features, files.bundle]
        },
        code.map { stages -> stages.variants },
    )

    // [key, [parts in the order of the shards]]
    ch_parts = VARIANTS.out.parts.map { meta, part -> [groupKey(meta.key, meta.shards), [meta.shard, part]] }
        .groupTuple()
        .map { key, parts -> [key.target, parts.sort(false) { part -> part[0] }.collect { part -> part[1] }] }
    ch_wanted = ch_job.flatMap { job, table ->
        ['effects', 'haplotypes'].findAll { what -> what == 'effects' || settings.samples }
            .collect { what -> [sharedMeta(job, table, what, settings).key, what, job] }
    }

    emit:
    // [meta with what, parts, VCF or []]
    parts = ch_wanted.combine(ch_parts, by: 0)
        .map { _key, what, job, parts -> [job.meta + [what: what], parts, what == 'effects' ? plainFile(job.sample.vcf) : []] }
}
