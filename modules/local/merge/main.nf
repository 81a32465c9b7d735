/*
 * Joins the shards' tables, of predictions in the genome's order, of effects in the VCF's with its genotypes; checks that
 * no gene and no allele got lost on the way.
 */
process MERGE {
    tag "${meta.id} ${meta.model} ${meta.what}"
    label 'process_low'
    label 'error_ignore'

    input:
    // meta: [id, model, source, content, what: 'predictions' | 'effects' | 'haplotypes', label]; of predictions:
    // parts: shard_1.parquet, ... in the order of the windows; skipped_parts: shard_1.parquet.skipped.tsv, ..., which
    // texcnn merge finds next to them; expected: the number of genes that entered, placed or skipped.
    // Of the others parts: folders; vcf: whose alleles the table of effects has, or []
    tuple val(meta), path(parts), path(skipped_parts), path(skipped_windows), path(vcf, stageAs: 'vcf/*'), val(expected)
    val code

    output:
    tuple val(meta), path("predictions.parquet"), path("predictions.skipped.tsv"), emit: predictions, optional: true
    tuple val(meta), path("predictions.tsv.gz"), path("predictions.tsv.gz.meta.json"), emit: text, optional: true
    tuple val(meta), path("predictions.h5ad"), emit: h5ad, optional: true
    tuple val(meta), path("counts.tsv"), emit: counts, optional: true
    tuple val(meta), path("{effects,haplotypes}.*"), emit: variants, optional: true

    script:
    def args = task.ext.args ?: ''
    def args2 = task.ext.args2 ?: ''   // of effects and haplotypes
    def files = vcf ? "--vcf ${vcf} --summary effects.summary.tsv.gz --annotate effects.vcf.gz" : ''
    if (meta.what != 'predictions')
    """
    texcnn merge --out ${meta.what}.tsv.gz ${files} ${args2} ${parts}
    """
    else
    """
    texcnn merge \\
        --out predictions.parquet \\
        --also predictions.tsv.gz \\
        --skipped ${skipped_windows} \\
        ${args} \\
        ${parts}
    mv predictions.parquet.skipped.tsv predictions.skipped.tsv

    # Rows, and how much of their windows is unknown
    gunzip -c predictions.tsv.gz | awk -F '\\t' '
        NR == 1 { for (i = 1; i <= NF; i++) if (\$i == "n_fraction") column = i; next }
        { sum += \$column }
        END { printf "predicted\\tn_fraction\\n%d\\t%.6f\\n", NR - 1, (NR > 1 ? sum / (NR - 1) : 0) }' > counts.tsv
    predicted=\$(sed -n '2s/\\t.*//p' counts.tsv)
    skipped=\$((\$(wc -l < predictions.skipped.tsv) - 1))
    if [ \$((predicted + skipped)) -ne ${expected} ]; then
        echo "genes got lost: ${expected} in, \$predicted predicted and \$skipped skipped – in ${meta.id}" >&2
        exit 1
    fi
    """

    stub:
    if (meta.what != 'predictions')
    """
    touch ${meta.what}.tsv.gz ${meta.what}.tsv.gz.skipped.tsv
    """
    else
    """
    touch predictions.parquet
    printf '' | gzip > predictions.tsv.gz
    printf 'predicted\\tn_fraction\\n0\\t0\\n' > counts.tsv
    echo '{}' > predictions.tsv.gz.meta.json
    printf 'gene_id\\treason\\n' > predictions.skipped.tsv
    """
}
