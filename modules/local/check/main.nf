/*
 * Finds what is wrong with a sample's files before anything expensive is done.
 */
process CHECK {
    tag "${sample.id}"
    label 'process_single'
    label 'error_ignore'

    input:
    // sample: [id, half_life, samples: of the VCF, or '', kinds: what each file is, models: their descriptions as
    // JSON]; genome: the FASTA and its index
    tuple val(sample), path(genome, stageAs: 'genome/*'), path(files, stageAs: 'files/?/*')
    val code

    output:
    tuple val(sample), path("found.json"), emit: json

    script:
    def listed = files instanceof List ? files : [files]
    def given = [sample.kinds, listed].transpose().collect { kind, path -> "--${kind} ${path}" }.join(' ')
    def half_life = sample.half_life ? '--half-life' : ''
    def phased = sample.samples ? "--samples '${sample.samples}'" : ''
    """
    cat > models.json <<'END'
    ${sample.models}
    END
    texcnn check --fasta ${genome[0]} --models models.json --out found.json ${given} ${half_life} ${phased}
    """

    stub:
    """
    echo '{"problems": [], "cautions": []}' > found.json
    """
}
