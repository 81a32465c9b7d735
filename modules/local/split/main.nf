/*
 * Cuts the distinct alleles of the samples' VCFs into shards: each is scored once, in whichever samples.
 */
process SPLIT {
    tag "${pool.name}"
    label 'process_single'
    label 'error_ignore'

    input:
    // pool: [name: the annotation's, key: digest of genome, genes and options, size: alleles per shard]; vcfs: of all its samples
    tuple val(pool), path(vcfs, stageAs: 'vcf/?/*')
    val code

    output:
    tuple val(pool), path("shards/*.vcf.gz"), emit: shards

    script:
    def args = task.ext.args ?: ''
    def listed = [vcfs].flatten().collect { vcf -> "--vcf ${vcf}" }.join(' ')
    """
    texcnn variants split ${listed} --size ${pool.size} --out shards ${args}
    """

    stub:
    """
    mkdir shards
    for shard in \$(seq 1 ${task.ext.stub_shards ?: 1}); do
        echo "\$shard" > shards/\$(printf '%04d' \$shard).vcf.gz
    done
    """
}
