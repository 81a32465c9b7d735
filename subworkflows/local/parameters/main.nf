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
    return value
}

// The parameters with the types of the schema, and nothing in place of empty text.
def castParams(schema, values) {
    def rules = schemaProperties(schema)
    return values.collectEntries { name, value ->
        [name, isGiven(value) && rules.containsKey(name) ? castValue(rules[name], value) : value]
    }
}

// What is wrong with one value, or null.
def valueProblem(rule, value) {
    def matches = [
        integer: value instanceof Integer || value instanceof Long,
        boolean: value instanceof Boolean,
        object: value instanceof Map,
        // An unquoted number is a usable name or folder; --fasta without a value arrives as true.
        string: (value instanceof CharSequence || value instanceof Number) && value.toString() != 'true',
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
    return pathProblem(rule, value)
}

def pathProblem(rule, value) {
    if (rule.format == 'file-path' && rule.exists) {
        def path = plainFile(value)
        def letters = path.toString().findAll('[$`*?\\\\\n]').unique()   // what a shell reads in a name that Nextflow links
        return !path.exists() ? "is '${value}', which does not exist"
            : path.isDirectory() ? "is '${value}', a folder – allowed: a file"
            : letters ? "is '${value}', whose name has ${letters.join(' ')} – allowed: any other letter" : null
    }
    if (rule.format == 'directory-path') {
        def path = plainFile(value)
        return path.exists() && !path.isDirectory() ? "is '${value}', a file – allowed: a folder" : null
    }
    return null
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
    return unknown + missing + wrong
}

// Words that belong to no option: "nextflow run main.nf out" is a forgotten --outdir.
def positionalProblems(command) {
    // Nextflow quotes a word with special letters, or puts a backslash before each of them.
    def words = command.toString().findAll(~/(?:'[^']*'|\\.|[^\s'\\])+/)
    def start = words.indexOf('run')
    def stray = start < 0 ? [] : words.indices.findAll { place ->
        place > start + 1 && !words[place].startsWith('-') && !words[place - 1].startsWith('-') && words[place - 1] != 'run'
    }
    return stray.collect { place -> "'${words[place]}' belongs to no parameter – allowed: --name value, or --name=value" }
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
    return ([run] + changed.collect { name, value -> "  ${name.padRight(18)} ${value}" }).join('\n')
}
