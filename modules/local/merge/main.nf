/*
 * Joins the shards' tables in the genome's order and checks that no gene got lost on the way.
 */
process MERGE {
    tag "${meta.id} ${meta.model}"
    label 'process_low'
    label 'error_ignore'

    input:
    // parts: shard_1.parquet, ... in the order of the windows; skipped_parts: shard_1.parquet.skipped.tsv, ..., which
    // texcnn merge finds next to them; expected: the number of genes that entered, placed or skipped
    tuple val(meta), path(parts), path(skipped_parts), path(skipped_windows), val(expected)
    val code

    output:
    tuple val(meta), path("predictions.parquet"), path("predictions.skipped.tsv"), emit: predictions
    tuple val(meta), path("predictions.tsv.gz"), path("predictions.tsv.gz.meta.json"), emit: text
    tuple val(meta), path("predictions.h5ad"), emit: h5ad, optional: true
    tuple val(meta), path("counts.tsv"), emit: counts

    script:
    def args = task.ext.args ?: ''
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
    """
    touch predictions.parquet
    printf '' | gzip > predictions.tsv.gz
    printf 'predicted\\tn_fraction\\n0\\t0\\n' > counts.tsv
    echo '{}' > predictions.tsv.gz.meta.json
    printf 'gene_id\\treason\\n' > predictions.skipped.tsv
    """
}
