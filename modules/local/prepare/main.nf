/*
 * Makes a FASTA readable at any place, once for all that read it: gzip is unpacked (bgzip need not be), the index built or
 * checked, and the whole file read, so that a damaged block is found here and not after hours.
 */
process PREPARE {
    tag "${fasta instanceof List ? fasta[0].name : fasta.name}"
    label 'process_low'
    label 'error_ignore'

    input:
    tuple val(key), path(fasta, stageAs: 'genome/*')   // key: the FASTA's full path; the FASTA, and index files next to it
    val code

    output:
    tuple val(key), path("prepared/*"), emit: files    // genome.json, [genome.fa], [<fasta>.fai(, <fasta>.gzi)]

    script:
    """
    texcnn prepare --fasta ${fasta instanceof List ? fasta[0] : fasta} --out prepared
    """

    stub:
    def name = fasta instanceof List ? fasta[0].name : fasta.name
    """
    mkdir prepared
    printf '{"fingerprint": "%s"}' ${name.md5()} > prepared/genome.json
    touch prepared/stub.fai
    """
}
