/*
 * Parameters, cast and checked against their JSON schema without a plugin, so that a run needs no network.
 */
include { isGiven; plainFile } from '../files/main'

// Every property of a schema, the groups under $defs laid flat: [name: rule].
def schemaProperties(schema) {
    return (schema['$defs'] ?: [:]).values().inject(schema.properties ?: [:]) { all, group -> all + group.properties }
}

def readSchema(path) {
    return new groovy.json.JsonSlurper().parseText(file(path).text)
}

// From Nextflow 26.04 on every parameter of the command line is a string; the schema knows what it means.
def castValue(rule, value) {
    def text = value.toString()
    if (rule.type == 'integer' && text ==~ '-?[0-9]{1,18}') {
        return text.toLong()
    }
    if (rule.type == 'boolean' && text in ['true', 'false']) {
        return text == 'true'
    }
    return rule.type == 'string' && value instanceof Number ? text : value   // a name or a folder may be a number
}

// What nf-core's institutional configurations (--custom_config_base) set for other pipelines.
def foreignParams() {
    return ['igenomes_base', 'igenomes_ignore', 'max_cpus', 'max_memory', 'max_time']
}

// The parameters with the types of the schema.
def castParams(schema, values) {
    def rules = schemaProperties(schema)
    return values.findAll { name, _value -> !(name in foreignParams()) }.collectEntries { name, value ->
        [name, isGiven(value) && rules.containsKey(name) ? castValue(rules[name], value) : value]
    }
}

// What is wrong with one value, or null.
def valueProblem(rule, value) {
    def matches = [
        integer: value instanceof Integer || value instanceof Long,
        boolean: value instanceof Boolean,
        object: value instanceof Map,
        // --fasta without a value arrives as true.
        string: value instanceof CharSequence && value.toString() != 'true',
    ]
    if (!matches[rule.type]) {
        return "is '${value}' – allowed: ${rule.type == 'integer' ? 'a whole number' : "a ${rule.type}"}"
    }
    if (rule['enum'] && !rule['enum'].contains(value)) {   // a bare enum is a keyword in strict syntax
        return "is '${value}' – allowed: ${rule['enum'].join(', ')}${nearest(rule['enum'], value)}"
    }
    if (rule.minimum != null && value < rule.minimum) {
        return "is ${value} – allowed: ${rule.minimum} or more"
    }
    if (rule.maximum != null && value > rule.maximum) {
        return "is ${value} – allowed: ${rule.maximum} or less"
    }
    if (rule.pattern && !(value.toString() ==~ rule.pattern)) {
        return "is '${value}' – allowed: ${rule.errorMessage ?: rule.pattern}"
    }
    return rule.format == 'file-path' && rule.exists || rule.format == 'directory-path' ? pathProblem(rule.format, value.toString()) : null
}

// What is wrong with the path of a file that is read, or of a folder that is written, or null.
def pathProblem(format, text) {
    try {
        return format == 'file-path' ? fileProblem(text, plainFile(text)) : folderProblem(text, plainFile(text))
    }
    catch (Exception problem) {   // an address whose plugin is not there, or letters that no path has
        return "is '${text}', which cannot be read – ${(problem.cause ?: problem).message}"
    }
}

def isLocal(path) {
    return path.fileSystem == java.nio.file.FileSystems.default
}

def fileProblem(text, path) {
    def letters = path.toString().findAll('[$`*?\\\\\n]').unique()   // what a shell reads in a name that Nextflow links
    return !path.exists() ? "is '${text}', which does not exist${isLocal(path) ? unexpanded(text) : ' or cannot be reached'}"
        : path.isDirectory() ? "is '${text}', a folder – allowed: a file"
        : isLocal(path) && !path.isFile() ? "is '${text}', a pipe or a device – allowed: a file"
        : letters ? "is '${text}', whose name has ${letters.join(' ')} – allowed: any other letter" : null
}

def existingPart(path) {
    return path.exists() ? path : existingPart(path.parent)
}

def folderProblem(text, path) {
    if (!isLocal(path)) {
        return null
    }
    def there = existingPart(path.toAbsolutePath().normalize())
    return unexpanded(text) ? "is '${text}'${unexpanded(text)}"
        : !there.isDirectory() ? "is '${text}'${there == path ? '' : ", in '${there}'"}, a file – allowed: a folder"
        : !java.nio.file.Files.isWritable(there) ? "is '${text}', and nothing can be written to ${there}" : null
}

// Shells replace these where they stand alone; samplesheets, files of parameters and --name=~/path keep them.
def unexpanded(text) {
    return text ==~ '(~.*|.*[$]\\{?[A-Za-z_].*)' ? ' – ~ and variables are not replaced here: write the whole path' : ''
}

def bareName(name) {
    return name.toString().toLowerCase().replaceAll('[^a-z0-9]', '')
}

// ' – did you mean ...?' for the nearest valid name: written with other signs, or mistyped.
def nearest(names, wrong) {
    def close = names.findAll { name -> bareName(name) == bareName(wrong) } ?: names.collect { name -> name.toString() }.closest(wrong.toString())
    return close ? " – did you mean ${close[0]}?" : ''
}

// All problems of a map of values, one line each; prefix comes before each name ('--' or 'column ').
def valueProblems(schema, values, prefix) {
    def rules = schemaProperties(schema)
    def known = rules.findAll { _name, rule -> !rule.hidden }.keySet()
    def unknown = values.keySet().findAll { name -> !rules.containsKey(name) }
        .collect { name -> "${prefix}${name} is unknown – allowed: ${known.join(', ')}${nearest(known, name)}" }
    def missing = (schema.required ?: []).findAll { name -> !isGiven(values[name]) }
        .collect { name -> "${prefix}${name} is missing – it is ${rules[name].description}" }
    def wrong = values.findAll { name, value -> rules.containsKey(name) && isGiven(value) }
        .collect { name, value -> [name, valueProblem(rules[name], value)] }
        .findAll { _name, problem -> problem }
        .collect { name, problem -> "${prefix}${name} ${problem}" }
    // A run without a folder for its results, without a model: an empty text is no way to say the default.
    def emptied = rules.findAll { name, rule -> isGiven(rule.default) && rule.default != false && values.containsKey(name) && !isGiven(values[name]) }
        .collect { name, rule -> "${prefix}${name} is empty – allowed: a value; without the parameter it is ${rule.default}" }
    return unknown + missing + emptied + wrong
}

// Words that belong to no option, "nextflow run main.nf out" is a forgotten --outdir; options of other pipelines.
def commandProblems(command) {
    // Nextflow quotes a word with special letters, or puts a backslash before each of them.
    def words = command.toString().findAll(~/(?:'[^']*'|\\.|[^\s'\\])+/)
    def foreign = foreignParams().findAll { name -> words.any { word -> word == "--${name}" || word.startsWith("--${name}=") } }
    def start = words.indexOf('run')
    def stray = start < 0 ? [] : words.indices.findAll { place ->
        place > start + 1 && !words[place].startsWith('-') && !(words[place - 1] ==~ '-[^=]*') && words[place - 1] != 'run'
    }
    // After "run -r 1.0" the first such word is the pipeline.
    def unexpected = stray && words[start + 1].startsWith('-') ? stray.drop(1) : stray
    return unexpected.collect { place -> "'${words[place]}' belongs to no parameter – allowed: --name value, or --name=value" } +
        foreign.collect { name -> "--${name} is not read here – allowed: process.resourceLimits in a file given with -c, and --genomes_base" }
}

// The text of --help.
def helpText(schema) {
    def groups = schema['$defs'].values().collect { group ->
        def lines = group.properties.findAll { _name, rule -> !rule.hidden }.collect { name, rule ->
            "  --${name.padRight(20)} ${rule.description}${isGiven(rule.default) ? " [${rule.default}]" : ''}"
        }
        return "${group.title}\n${lines.join('\n')}"
    }
    return "${schema.description}\n\nnextflow run main.nf --genome hg38 --outdir results -profile docker\n\n${groups.join('\n\n')}\n"
}

// The start of a run's log: its version, and the parameters that differ from the defaults.
def startText(schema, settings) {
    def rules = schemaProperties(schema)
    def changed = settings.findAll { name, value -> rules[name] && !rules[name].hidden && isGiven(value) && value != rules[name].default }
    def run = "TExCNN ${workflow.manifest.version}, Nextflow ${workflow.nextflow.version}, run ${workflow.runName}, profile ${workflow.profile}"
    def site = ['name', 'description', 'contact', 'url'].collect { part -> settings["config_profile_${part}"] }.findAll { text -> text }
    return ([run] + (site ? ["  ${site.join(', ')}"] : []) + changed.collect { name, value -> "  ${name.padRight(18)} ${value.toString().size() > 200 ? "${value.toString().take(200)}…" : value}" }).join('\n')
}
