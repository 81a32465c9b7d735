/*
 * Makes a FASTA readable at any place: gzip is unpacked (bgzip need not be), and the index is built.
 * What is already there stays where it is: only new files are put out.
 */
process PREPARE_GENOME {
    tag "${fasta.name}"
    label 'process_single'

    input:
    tuple val(key), path(fasta)   // key: the FASTA's full path

    output:
    tuple val(key), path("prepared/*"), emit: files   // [genome.fa, genome.fa.fai] or [<fasta>.fai(, <fasta>.gzi)]
    path "versions.yml", emit: versions

    script:
    """
    mkdir prepared
    genome='${fasta}'
    # gzip starts with 1f8b; bgzip, which need not be unpacked, also has the letters BC (4243) at bytes 13 and 14.
    case "\$(head -c 14 '${fasta}' | od -An -v -tx1 | tr -d ' \\n')" in
        1f8b????????????????????4243) ;;
        1f8b*) genome=prepared/genome.fa; gunzip -c '${fasta}' > "\$genome" ;;
    esac
    python3 -c 'import sys, pysam; pysam.faidx(sys.argv[1])' "\$genome"
    if [ "\$genome" != prepared/genome.fa ]; then
        mv -- '${fasta}'.*i prepared/
    fi

    cat <<-END > versions.yml
    "${task.process}":
        pysam: \$(python3 -c 'import pysam; print(pysam.__version__)')
    END
    """

    stub:
    """
    mkdir prepared
    touch 'prepared/${fasta}.fai'
    cat <<-END > versions.yml
    "${task.process}":
        pysam: stub
    END
    """
}
