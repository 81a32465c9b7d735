/*
 * Parameters and samplesheets, checked against their JSON schemas without a plugin, so that a run needs no network.
 */

// Every property of a schema, the groups under $defs laid flat: [name: rule].
def schemaProperties(schema) {
    return (schema['$defs'] ?: [:]).values().inject(schema.properties ?: [:]) { all, group -> all + group.properties }
}

def readSchema(path) {
    return new groovy.json.JsonSlurper().parseText(file(path).text)
}

def isGiven(value) {
    return value != null && value != ''
}

// What is wrong with one value, or null.
def valueProblem(rule, value) {
    def matches = [
        integer: value instanceof Integer || value instanceof Long,
        boolean: value instanceof Boolean,
        object: value instanceof Map,
        // An unquoted number is a usable name or folder; --fasta without a value arrives as true.
        string: value instanceof CharSequence || value instanceof Number,
    ]
    if (!matches[rule.type]) {
        return "is '${value}' – allowed: ${rule.type == 'integer' ? 'a whole number' : "a ${rule.type}"}"
    }
    if (rule['enum'] && !rule['enum'].contains(value)) {   // a bare enum is a keyword in strict syntax
        return "is '${value}' – allowed: ${rule['enum'].join(', ')}"
    }
    if (rule.minimum != null && value < rule.minimum) {
        return "is ${value} – allowed: ${rule.minimum} or more"
    }
    if (rule.pattern && !(value.toString() ==~ rule.pattern)) {
        return "is '${value}' – allowed: ${rule.errorMessage ?: rule.pattern}"
    }
    if (rule.exists && !file(value.toString()).exists()) {
        return "is '${value}', which does not exist"
    }
    return null
}

// All problems of a map of values, one line each; prefix stands before each name ('--' or 'column ').
def valueProblems(schema, values, prefix) {
    def rules = schemaProperties(schema)
    def unknown = values.keySet().findAll { name -> !rules.containsKey(name) }
        .collect { name -> "${prefix}${name} is unknown – allowed: ${rules.findAll { _name, rule -> !rule.hidden }.keySet().join(', ')}" }
    def missing = (schema.required ?: []).findAll { name -> !isGiven(values[name]) }
        .collect { name -> "${prefix}${name} is missing – it is ${rules[name].description}" }
    def wrong = values.findAll { name, value -> rules.containsKey(name) && isGiven(value) }
        .collect { name, value -> [name, valueProblem(rules[name], value)] }
        .findAll { _name, problem -> problem }
        .collect { name, problem -> "${prefix}${name} ${problem}" }
    return unknown + missing + wrong
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
