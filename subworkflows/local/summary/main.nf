/*
 * What a run says of itself: at its start which parameters differ from the defaults, at its end what became of each sample.
 */
include { schemaProperties; isGiven; plainFile } from '../parameters/main'

def startText(schema, settings) {
    def rules = schemaProperties(schema)
    def changed = settings.findAll { name, value -> rules[name] && !rules[name].hidden && isGiven(value) && value != rules[name].default }
    def run = "TExCNN ${workflow.manifest.version}, Nextflow ${workflow.nextflow.version}, run ${workflow.runName}, profile ${workflow.profile}"
    return ([run] + changed.collect { name, value -> "  ${name.padRight(18)} ${value}" }).join('\n')
}

// A line of the table of results: sample, model, genes that entered, predicted, skipped, reasons.
def resultLine(meta, skipped, genes) {
    def reasons = skipped.readLines().drop(1)
        .countBy { line -> line.tokenize('\t').drop(1).join(' ').replaceAll("'[^']*'|[0-9]+([.][0-9]+)?", '…') }
        .sort { a, b -> b.value <=> a.value }.collect { reason, n -> "${n} ${reason}" }
    def n_skipped = skipped.countLines() - 1
    return [meta.id, meta.model, genes, genes - n_skipped, n_skipped, reasons.join('; ')].join('\t')
}

// What became of each sample and model; wanted: [[sample, model]]
def endText(table, wanted) {
    def rows = table.exists() ? table.readLines().drop(1).collect { line -> line.split('\t', -1) } : []
    def done = rows.collect { row -> "  ${row[0]}, ${row[1]}: ${row[3]} of ${row[2]} genes predicted${row[5] ? ", skipped: ${row[5]}" : ''}" }
    def there = rows.collect { row -> [row[0], row[1]] }
    def missing = wanted.findAll { pair -> !there.contains(pair) }.collect { sample, model -> "  ${sample}, ${model}: no result" }
    return (done + missing).join('\n')
}

// Tables and reports that lie where this run writes and are of another: of other samples, or of other models.
def otherResults(settings, wanted) {
    def outdir = plainFile(settings.outdir)
    def several = settings.models.toString().contains(',')
    def expected = wanted.collectMany { sample, model ->
        def folder = settings.input ? outdir.resolve(sample) : outdir
        def name = several ? ".${model}" : ''
        def tables = ['parquet', 'skipped.tsv', 'tsv.gz', 'tsv.gz.meta.json'].collect { ending -> folder.resolve("predictions/predictions${name}.${ending}") }
        return tables + [folder.resolve("report/report${name}.html")]
    }
    def found = []
    outdir.eachFileRecurse { path ->
        if (path.parent.name in ['predictions', 'report'] && path.name ==~ '(predictions|report)[.].+' && !expected.contains(path)) {
            found << outdir.relativize(path).toString()
        }
    }
    return found.sort()
}

// A run that was refused leaves no trace: what Nextflow wrote of it goes when Nextflow ends, which writes it last.
def leaveNothing(outdir, suffix) {
    def info = plainFile(outdir).resolve('pipeline_info')
    Runtime.runtime.addShutdownHook(new Thread({
        if (info.exists()) {
            info.listFiles().findAll { path -> path.name.contains(suffix) }.each { path -> path.delete() }
            [info, info.parent].each { folder -> if (!folder.list()) { folder.delete() } }
        }
    }))
}
