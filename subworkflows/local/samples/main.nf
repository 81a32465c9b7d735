/*
 * Samples: rows of a samplesheet, or one from the parameters alone, and what is wrong with them.
 */
include { isGiven; plainFile } from '../files/main'
include { readSchema; valueProblems; positionalProblems; nearest } from '../parameters/main'
include { modelProblems } from '../models/main'

// The cells of one line of a CSV file, as RFC 4180 has them: a quoted cell may hold commas and doubled quotes.
def csvCells(line) {
    def cells = []
    def cell = new StringBuilder()
    def quoted = false
    line.eachWithIndex { letter, place ->
        if (letter == '"') {
            if (quoted && place + 1 < line.size() && line[place + 1] == '"') {
                cell << '"'   // the second of the two closes and opens again
            }
            quoted = !quoted
        }
        else if (letter == ',' && !quoted) {
            cells << cell.toString()
            cell.setLength(0)
        }
        else {
            cell << letter
        }
    }
    return (cells + [cell.toString()]).collect { text -> text.trim() }
}

// The rows of a samplesheet: [line: number, cells: [column: text], problems: [text]]; empty cells are left out.
def readSheet(path) {
    def lines = new String(plainFile(path).bytes, 'UTF-8').replace('\uFEFF', '').split('\r\n|\n|\r', -1)
        .toList().withIndex(1).findAll { line, _number -> line.trim() }
    if (!lines) {
        return []
    }
    def header = csvCells(lines[0][0])
    def doubled = header.countBy { name -> name }.findAll { _name, n -> n > 1 }.keySet()
    return lines.drop(1).collect { line, number ->
        def cells = csvCells(line)
        def extra = cells.drop(header.size()).findAll { cell -> cell }
        def problems = [
            doubled ? "column ${doubled.join(', ')} appears twice – allowed: once" : null,
            extra ? "${cells.size()} cells under ${header.size()} columns – allowed: a cell with a comma in quotes" : null,
            line.count('"') % 2 ? 'a quote is not closed' : null,
        ].findAll { problem -> problem }
        def named = [header, cells].transpose().collectEntries { name, cell -> [name, cell] }
        return [line: number, cells: named.findAll { name, cell -> isGiven(cell) && isGiven(name) }, problems: problems]
    }
}

// The rows' cells; without a samplesheet one row without a name.
def sampleRows(input) {
    return input ? readSheet(input).collect { row -> row.cells } : [[:]]
}

// FASTA or GTF of a genome of conf/genomes.config, or of a mirror that keeps <genome>/<file name>.
def genomeFile(settings, genome, kind) {
    def address = settings.genomes[genome][kind]
    return settings.genomes_base ? "${settings.genomes_base}/${genome}/${address.tokenize('/').last()}" : address
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
        models: row.models,
    ]
}

// What is wrong with where one row's genome and genes come from.
def sourceProblems(settings, row) {
    def genome = row.genome ?: settings.genome
    def explicit = explicitFiles(settings, row)
    def known = settings.genomes.keySet()
    def ask = "give --genome (${known.join(', ')})"
    return [
        genome && !settings.genomes.containsKey(genome) ? "genome '${genome}' is unknown – allowed: ${known.join(', ')}${nearest(known, genome)}" : null,
        !genome && !explicit.fasta ? "no genome – ${ask} or --fasta" : null,
        !genome && !explicit.gtf && !explicit.bed ? "no genes – ${ask}, --gtf or --bed" : null,
        (row.gtf && row.bed) || (!row.gtf && !row.bed && explicit.gtf && explicit.bed) ? 'both a GTF and a BED – allowed: one of them' : null,
    ].findAll { problem -> problem }
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
    def rows = readSheet(settings.input)
    def seen = rows.countBy { row -> row.cells.sample?.toLowerCase() }
    def schema = readSchema(schema_path).items
    def problems = rows.collect { row ->
        def wrong = row.problems + valueProblems(schema, row.cells, 'column ') + rowProblems(settings, row.cells)
        def name = row.cells.sample
        if (name && seen[name.toLowerCase()] > 1) {
            wrong << "sample '${name}' appears in ${seen[name.toLowerCase()]} rows – allowed: one, in upper or lower case"
        }
        if (name == 'pipeline_info') {
            wrong << "sample 'pipeline_info' would mix with the folder of that name"
        }
        return wrong ? "${settings.input}, line ${row.line}: ${wrong.join('; ')}" : null
    }
    return (rows ? [] : ["${settings.input} has no rows – allowed: a header line, then one line per sample"]) + problems.findAll { problem -> problem } +
        trainingProblems(settings, rows.collect { row -> row.cells })
}

// float16 on a CPU would end the first task that embeds.
def dtypeProblems(settings) {
    return settings.dtype == 'float16' && !settings.gpus ? ["--dtype is 'float16' without a GPU – allowed: auto, float32, bfloat16, or --gpus 1"] : []
}

// Finds all problems of a run's inputs before anything runs.
// schema: of the parameters; settings: the parameters, cast; command: as it was typed; sheet_schema: path of the samplesheet's
def inputProblems(schema, settings, command, sheet_schema) {
    def wrong = valueProblems(schema, settings, '--') + positionalProblems(command)
    return wrong ?: dtypeProblems(settings) + sampleProblems(settings, sheet_schema) + modelProblems(settings, sampleRows(settings.input))
}
