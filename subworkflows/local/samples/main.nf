/*
 * Samples: rows of a samplesheet, or one from the parameters alone, and what is wrong with them.
 */
include { isGiven; plainFile } from '../files/main'
include { readSchema; valueProblems; pathProblem; commandProblems; nearest } from '../parameters/main'
include { modelProblems } from '../models/main'

// The cells of one line of a CSV file, as RFC 4180 has them: a quoted cell may hold commas and doubled quotes.
def csvCells(line) {
    def quoted = '"((?:[^"]++|"")*+)(?:"|$)'
    return ",${line}".findAll(",(?:${quoted}|[^,\"]++)*+")
        .collect { cell -> cell.drop(1).replaceAll(quoted) { _all, inside -> inside.replace('""', '"') }.trim() }
}

// A samplesheet: [line: of the header, header: [name], rows: [[line, cells: [column: text], problems: [text]]]]; empty cells
// are left out, and lines without any, as spreadsheets write them.
def readSheet(path) {
    def lines = new String(plainFile(path).bytes, 'UTF-8').replace('\uFEFF', '').split('\r\n|\n|\r', -1)
        .toList().withIndex(1).findAll { line, _number -> line.find('[^\\s,"]') }
    def header = lines ? csvCells(lines[0][0]) : []
    def rows = lines.drop(1).collect { line, number ->
        def cells = csvCells(line)
        def named = [header + [''] * Math.max(cells.size() - header.size(), 0), cells].transpose().findAll { _name, cell -> cell }
        def nameless = named.findAll { name, _cell -> !name }.collect { _name, cell -> cell }
        def problems = line.count('"') % 2 ? ['a quote is not closed']
            : nameless ? ["'${nameless.join(', ')}' has no column – allowed: a name for it in the header, and cells with a comma in quotes"] : []
        return [line: number, cells: named.findAll { name, _cell -> name }.collectEntries { name, cell -> [name, cell] }, problems: problems]
    }
    return [line: lines ? lines[0][1] : 1, header: header, rows: rows]
}

// What is wrong with the header of a samplesheet; without the names of its columns, rows cannot be read.
def headerProblems(schema, header) {
    if (header.join('').find('[\\x00-\\x08]')) {
        return ['it is no text in UTF-8 – allowed: a samplesheet saved as CSV UTF-8']
    }
    def separator = header.size() == 1 ? header[0].find('[;\t]') : null
    def doubled = header.countBy { name -> name }.findAll { name, n -> name && n > 1 }.keySet()
    return separator ? ["columns are separated by ${separator == ';' ? 'semicolons' : 'tabs'} – allowed: commas"]
        : valueProblems([properties: schema.properties], header.findAll { name -> name }.collectEntries { name -> [name, null] }, 'column ') + [
            header.contains('sample') ? null : 'column sample is missing',
            doubled ? "column ${doubled.join(', ')} appears twice – allowed: once" : null,
        ].findAll { problem -> problem }
}

// The rows' cells; without a samplesheet one row without a name.
def sampleRows(input) {
    return input ? readSheet(input).rows.collect { row -> row.cells } : [[:]]
}

// FASTA or GTF of a genome of conf/genomes.config, or of a mirror that keeps <genome>/<file name>; nothing where it has none.
def genomeFile(settings, genome, kind) {
    def entry = settings.genomes[genome]
    def address = entry instanceof Map ? entry[kind] : null
    return address && settings.genomes_base ? "${settings.genomes_base}/${genome}/${address.tokenize('/').last()}" : address
}

// The files that win over a genome's: the row's, and where the row names no genome the parameters'.
def explicitFiles(settings, row) {
    def names = ['fasta', 'gtf', 'bed']
    return (row.genome ? [:] : settings.subMap(names)) + row.subMap(names)
}

// Which of the two the genes come from: the row's own file before the parameters', and else the genome's GTF.
def annotationKind(settings, row) {
    def explicit = explicitFiles(settings, row)
    return row.gtf ? 'gtf' : row.bed ? 'bed' : explicit.gtf ? 'gtf' : explicit.bed ? 'bed' : 'gtf'
}

// One row with the parameters filled in.
def resolveSample(settings, row) {
    def genome = row.genome ?: settings.genome
    def explicit = explicitFiles(settings, row)
    def kind = annotationKind(settings, row)
    def own = ['genes', 'features', 'truth', 'expression', 'split', 'vcf'].collectEntries { name -> [name, row[name] ?: settings[name]] }
    return own + [
        id: row.sample ?: genome ?: 'sample',
        fasta: explicit.fasta ?: genomeFile(settings, genome, 'fasta'),
        kind: kind,
        annotation: explicit[kind] ?: genomeFile(settings, genome, 'gtf'),
        half_life: settings.half_life,
        models: row.models ?: settings.models,
    ]
}

// What is wrong with where one row's genome and genes come from.
def sourceProblems(settings, row) {
    def genome = row.genome ?: settings.genome
    def explicit = explicitFiles(settings, row)
    def known = settings.genomes ? settings.genomes.keySet() : []
    def ask = "give --genome (${known.join(', ')})"
    def wanted = [explicit.fasta ? null : 'fasta', explicit.gtf || explicit.bed ? null : 'gtf'].findAll { kind -> kind }
    def from_genome = !genome ? []
        : !known.contains(genome) ? ["genome '${genome}' is unknown – allowed: ${known.join(', ')}${nearest(known, genome)}"]
        : wanted.collect { kind -> genomeFileProblem(settings, genome, kind) }
    return from_genome.findAll { problem -> problem } + [
        // Files of another genome under its name, as with --genome next to -profile test
        genome && !wanted && (row.genome || !settings.input) ? "genome '${genome}' and files in place of all of its own – allowed: one of the two" : null,
        !genome && !explicit.fasta ? "no genome – ${ask} or --fasta" : null,
        !genome && !explicit.gtf && !explicit.bed ? "no genes – ${ask}, --gtf or --bed" : null,
        (row.gtf && row.bed) || (!row.gtf && !row.bed && explicit.gtf && explicit.bed) ? 'both a GTF and a BED – allowed: one of them' : null,
    ].findAll { problem -> problem }
}

// What is wrong with a genome's FASTA or GTF; addresses are not asked.
def genomeFileProblem(settings, genome, kind) {
    def place = genomeFile(settings, genome, kind)
    def wrong = !place ? 'is missing' : place ==~ '[a-z0-9]+://.*' ? null : pathProblem('file-path', place.toString())
    return wrong ? "${kind} of genome '${genome}' ${wrong}" : null
}

// Files that are not where relative paths start, but next to the samplesheet.
def misplacedFiles(settings, schema, cells) {
    def folder = plainFile(settings.input).toAbsolutePath().parent
    return cells.findAll { name, text -> schema.properties[name]?.exists && !text.contains('://') && pathProblem('file-path', text)?.contains('not exist') && folder.resolve(text).exists() }
        .collect { name, _text -> "column ${name} starts at the samplesheet's folder – allowed: paths that start at ${workflow.launchDir}, or whole ones" }
}

// What is wrong with how one row's files go together.
def rowProblems(settings, row) {
    def from_bed = annotationKind(settings, row) == 'bed'
    def features = row.features ? 'column features' : '--features'
    return sourceProblems(settings, row) + [
        settings.half_life && from_bed
            ? 'half-life features are computed from an annotation, and the genes are a BED – allowed with --half_life: a GTF' : null,
        settings.half_life && (row.features || settings.features)
            ? "features given twice – in --half_life and ${features} – allowed: one of the two" : null,
        settings.transcripts == 'all' && from_bed ? 'transcripts are chosen from a GTF – allowed for a BED: --transcripts gene' : null,
        settings.train && settings.transcripts == 'all' ? 'expression is per gene – allowed with --train: --transcripts gene' : null,
        settings.samples && !(row.vcf || settings.vcf) ? 'samples of a VCF, and no VCF – give --vcf' : null,
    ].findAll { problem -> problem }
}

// What is wrong with a training as a whole.
def trainingProblems(settings, rows) {
    def measured = settings.expression || rows.any { row -> row.expression }
    return [
        settings.train && !measured ? 'a training without measured expression – give --expression with --train' : null,
        settings.train && !settings.unit ? 'a training needs the unit of its expression – give --unit, such as TPM' : null,
        !settings.train && (settings.unit || settings.runs != 1) ? '--unit and --runs are for a training – give --train' : null,
    ].findAll { problem -> problem }
}

// All problems of all rows, one line per bad row.
def sampleProblems(settings, schema_path) {
    if (!settings.input) {
        return rowProblems(settings, [:]) + trainingProblems(settings, [])
    }
    def sheet = readSheet(settings.input)
    if (!sheet.rows) {
        return ["${settings.input} has no rows – allowed: a header line, then one line per sample"]
    }
    def schema = readSchema(schema_path).items
    def of_header = headerProblems(schema, sheet.header)
    def named = sheet.header.contains('sample') && !sheet.header.countBy { name -> name }.any { name, n -> name && n > 1 }
    def seen = sheet.rows.countBy { row -> row.cells.sample?.toLowerCase() }
    def of_rows = (named ? sheet.rows : []).collect { row ->
        def cells = row.cells.subMap(schema.properties.keySet())
        return [row.line, row.problems ?: valueProblems(schema, cells, 'column ') + nameProblems(cells.sample, seen) + rowProblems(settings, cells) + misplacedFiles(settings, schema, cells)]
    }
    return ([[sheet.line, of_header]] + of_rows).findAll { _line, problems -> problems }
        .collect { line, problems -> "${settings.input}, line ${line}: ${problems.join('; ')}" } +
        trainingProblems(settings, sheet.rows.collect { row -> row.cells })
}

// What is wrong with a sample's name as that of a folder in --outdir; seen: how many rows have it, in lower case.
def nameProblems(name, seen) {
    def lower = name?.toLowerCase()
    return [
        name && seen[lower] > 1 ? "sample '${name}' appears in ${seen[lower]} rows – allowed: one, in upper or lower case" : null,
        lower in ['pipeline_info', 'multiqc', 'windows', 'features', 'embeddings'] ? "sample '${name}' would mix with the folder of that name" : null,
    ].findAll { problem -> problem }
}

// Results among the files of tasks would go with these.
def outdirProblems(settings) {
    def inside = plainFile(settings.outdir).toAbsolutePath().normalize().startsWith(workflow.workDir)
    return inside ? ["--outdir is '${settings.outdir}', in the work folder ${workflow.workDir} – allowed: another folder"] : []
}

// float16 on a CPU would end the first task that embeds.
def dtypeProblems(settings) {
    return settings.dtype == 'float16' && !settings.gpus ? ["--dtype is 'float16' without a GPU – allowed: auto, float32, bfloat16, or --gpus 1"] : []
}

// Finds all problems of a run's inputs before anything runs.
// schema: of the parameters; settings: the parameters, cast; command: as it was typed; sheet_schema: path of the samplesheet's
def inputProblems(schema, settings, command, sheet_schema) {
    def wrong = valueProblems(schema, settings, '--') + commandProblems(command)
    return wrong ?: outdirProblems(settings) + dtypeProblems(settings) + sampleProblems(settings, sheet_schema) + modelProblems(settings, sampleRows(settings.input))
}
