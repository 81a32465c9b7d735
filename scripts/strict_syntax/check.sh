#!/usr/bin/env bash
# Reads every script of the pipeline with the strict parser of Nextflow 25, fetched once through Maven; 0 without a complaint.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$here/../.." && pwd)
jars=${TEXCNN_STRICT_JARS:-$project/.lib/strict-syntax}
if ! compgen -G "$jars/nf-lang-*.jar" > /dev/null; then
    mkdir -p "$(dirname "$jars")"
    fetched=$(mktemp -d "$jars.XXXXXX")
    trap 'rm -rf "$fetched"' EXIT
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$fetched" >&2
    mv -T "$fetched" "$jars" 2> /dev/null || compgen -G "$jars/nf-lang-*.jar" > /dev/null
fi
cd "$project"
exec java -cp "$jars/*" "$here/StrictSyntax.java" main.nf $(find modules subworkflows -name '*.nf' | sort)
