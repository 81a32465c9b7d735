#!/usr/bin/env bash
# Runs Nextflow: the one on PATH, else the release named in pom.xml, fetched once through Maven into .lib/nextflow.
#   scripts/nextflow.sh run main.nf -profile test --outdir results
# An environment made by "make demo" (.venv) goes first on PATH where it is not there yet, so that the tasks find its texcnn.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jars=${TEXCNN_NEXTFLOW_JARS:-$project/.lib/nextflow}
if [[ -d $project/.venv/bin && ":$PATH:" != *":$project/.venv/bin:"* ]]; then
    PATH=$project/.venv/bin:$PATH
fi

# missing TOOL - WHERE IT IS USED - REMEDY
missing() {
    echo "scripts/nextflow.sh: $1 was not found – $2 – $3" >&2
    exit 2
}

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
command -v "$java" > /dev/null ||
    missing "a Java runtime" "Nextflow needs a JDK of version 17 or later" \
        "install one, for example 'apt-get install openjdk-17-jdk-headless' or 'conda install -c conda-forge openjdk=17'"
release=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
if ((${release:-0} < 17)); then
    missing "Java 17 or later" "'$java' is version ${release:-unknown}" \
        "install a newer JDK, for example 'apt-get install openjdk-17-jdk-headless', or point JAVA_HOME at one"
fi

# Java reads scripts and names of files in the locale's letters: cron, schedulers and containers often set none.
case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
    *[Uu][Tt][Ff]*8*) ;;
    *) export LC_ALL=C.UTF-8 ;;
esac

if command -v nextflow > /dev/null; then
    exec nextflow "$@"
fi

if ! compgen -G "$jars/nextflow-*.jar" > /dev/null; then
    command -v mvn > /dev/null ||
        missing "Maven" "it fetches Nextflow's jars into $jars where no nextflow is on PATH" \
            "install either, for example 'apt-get install maven' or 'conda install -c bioconda nextflow'"
    echo "Fetching Nextflow into $jars (once)" >&2
    mkdir -p "$(dirname "$jars")"
    # Fetched into a folder next to the final one and renamed, so that an interrupted fetch is never taken for a complete one.
    fetched=$(mktemp -d "$jars.XXXXXX")
    trap 'rm -rf "$fetched"' EXIT
    mvn -q -B -f "$project/pom.xml" dependency:copy-dependencies -DoutputDirectory="$fetched" >&2
    mv -T "$fetched" "$jars" 2> /dev/null || compgen -G "$jars/nextflow-*.jar" > /dev/null
fi

# What the nextflow launcher opens too: without these, results cannot be stored for -resume on JDK 17 and later.
opens=()
for package in java.lang java.io java.nio java.net java.util java.util.regex java.util.concurrent.locks \
    java.util.concurrent.atomic sun.nio.ch sun.nio.fs sun.net.www.protocol.{http,https,ftp,file} jdk.internal.{misc,vm}; do
    opens+=(--add-opens "java.base/$package=ALL-UNNAMED")
done
# As the launcher does: what was typed, and the options of Java in NXF_OPTS, such as -Xmx4g.
export NXF_CLI="nextflow $*"
read -ra options <<< "${NXF_OPTS:-}"
exec "$java" -XX:TieredStopAtLevel=1 ${options[@]+"${options[@]}"} "${opens[@]}" -Dfile.encoding=UTF-8 -cp "$jars/*" nextflow.cli.Launcher "$@"
