/*
 * Places every gene on the genome: one interval per gene, as long as the model reads, in the annotation's order, cut into
 * shards.
 */
process WINDOWS {
    tag "${annotation.name}"
    label 'process_low'
    label 'error_ignore'

    input:
    // set: [genome, annotation, genes, name, kind: 'gtf' | 'bed', upstream, downstream, shard_size, options]; genes: a list of gene ids, or []
    tuple val(set), path(genome, stageAs: 'genome/*'), path(annotation, stageAs: 'annotation/*'), path(genes, stageAs: 'genes/*')
    val code

    output:
    tuple val(set), path("shards/*.bed", arity: '0..*'), path("windows.bed.skipped.tsv"), emit: shards
    tuple val(set), path("windows.bed"), emit: windows

    script:
    def args = task.ext.args ?: ''
    def wanted = genes ? "--genes ${genes}" : ''
    """
    texcnn windows \\
        --fasta ${genome[0]} \\
        --${set.kind} ${annotation} \\
        --upstream ${set.upstream} --downstream ${set.downstream} \\
        --shards shards --shard-size ${set.shard_size} \\
        --out windows.bed \\
        ${set.options} ${wanted} ${args}
    """

    stub:
    """
    mkdir shards
    for gene in \$(seq 1 ${task.ext.stub_shards ?: 1}); do
        printf '#chrom\\tstart\\tend\\tgene_id\\tscore\\tstrand\\tgene_name\\ttss\\ttranscript_id\\n' > shards/\$gene.bed
        printf "stub\\t0\\t10500\\tgene\$gene\\t0\\t+\\tgene\$gene\\t7001\\t\\n" >> shards/\$gene.bed
    done
    cat shards/*.bed > windows.bed
    printf 'gene_id\\treason\\n' > windows.bed.skipped.tsv
    """
}
