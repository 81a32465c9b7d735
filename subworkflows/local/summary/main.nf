/*
 * What a run reports at its end: the result of each sample, by mail and to a hook too.
 */
include { plainFile; unlinked } from '../files/main'
include { wantedModels; modelLabel } from '../models/main'

// One text for reasons that differ in names and numbers only, as in texcnn predict: keeps what they share.
def blended(reasons) {
    def varying = ~/'[^']*'|\b\d[\d,]*(?:\.\d+)?%?/
    def found = reasons.collect { reason -> reason.findAll(varying) }
    def differs = found.transpose().collect { values -> values.toSet().size() > 1 }
    def shown = [found[0], differs].transpose().collect { value, other -> other ? '…' : value }
    def text = [varying.split(reasons[0], -1).toList(), shown + ['']].transpose().collect { parts -> parts.join('') }.join('')
    def first = [found[0], differs].transpose().findAll { _value, other -> other }.collect { value, _other -> value }
    return first ? "${text} (first: ${first.join(', ')})" : text
}

// A line of the table of results: sample, model, genes that entered, predicted, skipped, reasons.
def resultLine(meta, skipped, genes) {
    def reasons = skipped.readLines().drop(1).collect { line -> line.tokenize('\t').drop(1).join(' ') }
        .groupBy { reason -> reason.replaceAll("'[^']*'|\\b\\d[\\d,]*(?:\\.\\d+)?%?", '…') }.values()
        .sort { a, b -> b.size() <=> a.size() }.collect { similar -> "${similar.size()} ${blended(similar)}" }
    def n_skipped = skipped.countLines() - 1
    return [meta.id, meta.model, genes, genes - n_skipped, n_skipped, reasons.join('; ')].join('\t')
}

// A line of MultiQC's table: sample (and model, where it has several), genes, predicted, skipped, share of unknown bases, type
// of number, squared Pearson (median of cell types).
def multiqcLine(meta, label, genes, rows, evaluation, settings) {
    def (predicted, n_fraction) = rows.readLines()[1].tokenize('\t')
    def name = label ? "${meta.id} ${meta.model}" : meta.id
    return [name, genes, predicted, genes - (predicted as int), n_fraction, settings.dtype, evaluation ? medianOf(evaluation) : ''].join('\t')
}

// The median over cell types of the squared Pearson correlation in the folder of EVALUATE, whose first rows are the model's.
def medianOf(evaluation) {
    def table = evaluation.resolve('metrics.tsv').readLines().collect { line -> line.split('\t', -1).toList() }
    def rows = table.drop(1).collect { cells -> [table[0], cells].transpose().collectEntries() }
    def values = rows.findAll { row -> row.model == rows[0].model && row.squared_pearson.isNumber() }
        .collect { row -> row.squared_pearson as double }.sort()
    return values ? String.format(Locale.ROOT, '%.4f', values[values.size().intdiv(2)]) : ''
}

def multiqcHead() {
    return [
        '# id: texcnn',
        "# section_name: 'TExCNN'",
        "# description: 'Expression predicted from DNA: genes that entered, were predicted and skipped.'",
        "# plot_type: 'table'",
        ['Sample', 'genes', 'predicted', 'skipped', 'unknown_bases', 'dtype', 'squared_pearson'].join('\t'),
    ].join('\n')
}

// The result of each sample and model; wanted: [[sample, model]]
def endText(table, wanted) {
    def rows = table.exists() ? table.readLines().drop(1).collect { line -> line.split('\t', -1) } : []
    def done = rows.collect { row -> "  ${row[0]}, ${row[1]}: ${row[3]} of ${row[2]} genes predicted${row[5] ? ", skipped: ${row[5]}" : ''}" }
    def there = rows.collect { row -> [row[0], row[1]] }
    def missing = wanted.findAll { pair -> !there.contains(pair) }.collect { sample, model -> "  ${sample}, ${model}: no result" }
    return (done + missing).join('\n')
}

// The first of many lines, and how many there are.
def shortened(lines) {
    return lines.size() > 30 ? lines.take(30) + ["and ${lines.size() - 30} more"] : lines
}

// What a run publishes of a sample, as patterns of paths in its folder.
def publishedPatterns(settings, sample) {
    return wantedModels(sample, settings).collectMany { model ->
        def label = modelLabel(sample, settings, model)
        def name = java.util.regex.Pattern.quote(label)
        return [
            "predictions/predictions${name}[.](parquet|skipped[.]tsv|tsv[.]gz|tsv[.]gz[.]meta[.]json${settings.h5ad ? '|h5ad' : ''})",
            "report/report${name}[.]html",
            sample.vcf ? "variants/effects${name}[.](tsv|summary|vcf)[.].*" : '',
            sample.vcf && settings.samples ? "variants/haplotypes${name}[.]tsv[.].*" : '',
            sample.expression ? (label ? "evaluation/${java.util.regex.Pattern.quote(model)}" : 'evaluation/[^/]+[.][^/]+') : '',
            settings.train && sample.expression ? "models/(runs[.]tsv|${java.util.regex.Pattern.quote(settings.train)})" : '',
        ]
    }
}

// Results of other runs (other samples, models or kinds of result) in the folder that this run writes.
def otherResults(settings, samples) {
    def outdir = unlinked(plainFile(settings.outdir))
    def folders = [outdir] + outdir.listFiles().findAll { path -> path != workflow.workDir }
        .findAll { path -> java.nio.file.Files.isDirectory(path, java.nio.file.LinkOption.NOFOLLOW_LINKS) }
    def samples_of = samples.groupBy { sample -> settings.input ? outdir.resolve(sample.id) : outdir }
    return folders.collectMany { folder ->
        def own = (samples_of[folder] ?: []).collectMany { sample -> publishedPatterns(settings, sample) }
        return ['predictions', 'report', 'variants', 'evaluation', 'models'].collect { kind -> folder.resolve(kind) }
            .findAll { place -> place.isDirectory() }
            .collectMany { place -> place.listFiles().collect { path -> "${place.name}/${path.name}".toString() } }
            .findAll { name -> name ==~ '(predictions/predictions|report/report|variants/(effects|haplotypes))[.].*|(evaluation|models)/.*' }
            .findAll { name -> !own.any { pattern -> name ==~ pattern } }
            .collect { name -> folder == outdir ? name : "${folder.name}/${name}".toString() }
    }.sort()
}

// A refused run leaves no files: removes what Nextflow wrote for it when Nextflow ends, as it writes these files last.
def leaveNothing(settings) {
    def outdir = plainFile("${settings.outdir}/")   // of an empty text, / as for Nextflow
    def info = outdir.resolve('pipeline_info')
    def folders = java.nio.file.Files.isSymbolicLink(outdir) ? [info] : [info, outdir]
    def suffix = settings.trace_report_suffix
    Runtime.runtime.addShutdownHook(new Thread({
        if (info.exists()) {
            ["timeline_${suffix}.html", "report_${suffix}.html", "trace_${suffix}.txt", "dag_${suffix}.mmd"]
                .collect { name -> info.resolve(name) }.findAll { path -> path.exists() }.each { path -> path.delete() }
            folders.each { folder -> if (!folder.list()) { folder.delete() } }
        }
    }))
}

// Reports the end of a run by mail and to a hook, if asked for; a message that cannot be sent does not fail the run.
def sendSummary(settings, text) {
    def outcome = workflow.success ? 'is done' : 'failed'
    def subject = "TExCNN run ${workflow.runName} ${outcome}".toString()
    def body = [subject, "duration ${workflow.duration}, outdir ${settings.outdir}", text, workflow.success ? '' : workflow.errorReport ?: workflow.errorMessage ?: '']
        .findAll { part -> part }.join('\n')
    def address = settings.email ?: workflow.success ? settings.email : settings.email_on_fail
    try {
        if (address) {
            sendMail(to: address, subject: subject, body: body)
        }
        if (settings.hook_url) {
            def connection = new URI(settings.hook_url).toURL().openConnection()
            connection.requestMethod = 'POST'
            connection.doOutput = true
            connection.connectTimeout = 10000
            connection.readTimeout = 10000
            connection.setRequestProperty('Content-Type', 'application/json')
            connection.outputStream.write(groovy.json.JsonOutput.toJson([text: body]).getBytes('UTF-8'))
            if (connection.responseCode >= 400) {
                log.warn("the hook answered ${connection.responseCode}")
            }
        }
    }
    catch (Exception problem) {
        log.warn("the summary could not be sent: ${problem.message}")
    }
}
