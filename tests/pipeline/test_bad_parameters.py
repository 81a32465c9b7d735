"""Parameters and samplesheets that are refused before anything runs, each with its message; one run tries all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pipeline_runs import Pipeline, copy_pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

GOOD: dict[str, Any] = {"fasta": "genome.fa.gz", "gtf": "genes.gtf"}
HEAD = "sample,fasta,gtf,bed\n"
ROW = "genome.fa.gz,genes.gtf,\n"

PARAMETERS: list[tuple[dict[str, Any], str]] = [
    ({"fastaa": "genome.fa.gz"}, "--fastaa is unknown"),
    ({"shard-size": "3"}, "did you mean shard_size?"),
    ({"shardSize": "3"}, "did you mean shard_size?"),
    ({"shard_size": "-5"}, "--shard_size is -5 – allowed: 1 or more"),
    ({"shard_size": "1.5"}, "--shard_size is '1.5' – allowed: a whole number"),
    ({"shard_size": 1.5}, "--shard_size is '1.5' – allowed: a whole number"),
    ({"shard_size": "0"}, "--shard_size is 0 – allowed: 1 or more"),
    ({"shard_size": 0}, "--shard_size is 0 – allowed: 1 or more"),
    ({"shard_size": "abc"}, "--shard_size is 'abc' – allowed: a whole number"),
    ({"shard_size": True}, "--shard_size is 'true' – allowed: a whole number"),
    ({"shard_size": "99999999999999999999"}, "--shard_size is '99999999999999999999' – allowed: a whole number"),
    ({"gpus": "-1"}, "--gpus is -1 – allowed: 0 or more"),
    ({"gpus": "true"}, "--gpus is 'true' – allowed: a whole number"),
    ({"gpus": "all"}, "--gpus is 'all' – allowed: a whole number"),
    ({"batch_size": "0"}, "--batch_size is 0 – allowed: 1 or more"),
    ({"batch_size": "99999999999"}, "--batch_size is 99999999999 – allowed: 1000000000 or less"),
    ({"fasta": "nope.fa"}, "--fasta is 'nope.fa', which does not exist"),
    ({"fasta": "folder"}, "--fasta is 'folder', a folder – allowed: a file"),
    ({"fasta": "true"}, "--fasta is 'true' – allowed: a string"),
    ({"fasta": "a$b.fa"}, "whose name has $"),
    ({"fasta": "a`b.fa"}, "whose name has `"),
    ({"fasta": "star*.fa"}, "--fasta is 'star*.fa', which does not exist"),
    ({"fasta": "~/genome.fa"}, "which does not exist – ~ and variables are not replaced here: write the whole path"),
    ({"fasta": "s3://bucket/genome.fa"}, "which cannot be read – Missing plugin 'nf-amazon'"),
    ({"fasta": "http://127.0.0.1:1/genome.fa"}, "which does not exist or cannot be reached"),
    ({"fasta": "/dev/null"}, "a pipe or a device – allowed: a file"),
    ({"fasta": "a\0b.fa"}, "which cannot be read"),
    ({"gtf": None}, "no genes – give --genome"),
    ({"fasta": None}, "no genome – give --genome"),
    ({"fasta": None, "gtf": None}, "no genes – give --genome"),
    ({"genome": "hg38"}, "genome 'hg38' and files in place of all of its own – allowed: one of the two"),
    ({"fasta": None, "genome": "hg38", "genomes_base": "folder"}, "fasta of genome 'hg38' is 'folder/hg38/hg38.fa"),
    ({"gtf": None, "genome": "own", "genomes": {"own": {"fasta": "genome.fa.gz"}}}, "gtf of genome 'own' is missing"),
    ({"genomes": None, "genome": "hg38"}, "genome 'hg38' is unknown"),
    ({"genome": "hg39"}, "genome 'hg39' is unknown"),
    ({"genome": "HG38"}, "did you mean hg38?"),
    ({"models": ","}, "--models is empty"),
    ({"models": "./absent"}, "--models: './absent' is no model"),
    ({"models": "./folder"}, "--models: './folder' is no model"),
    ({"models": "a b"}, "--models: 'a b' is no name"),
    ({"models": "a;b"}, "--models: 'a;b' is no name"),
    ({"models": "-a"}, "--models: '-a' is no name"),
    ({"models": ".."}, "--models: '..' is no model"),
    ({"models": "s3://bucket/model"}, "--models: 's3://bucket/model' is no model"),
    ({"models": "Mini,./x/mini"}, "--models: Mini appears twice – allowed: names that differ, also in lower case"),
    ({"models": ""}, "--models is empty – allowed: a value; without the parameter it is texcnn-mini"),
    ({"models": "texcnn-mini,texcnn-mini,./x/texcnn-mini"}, "--models: texcnn-mini appears twice"),
    ({"models": ["texcnn-mini"]}, "--models is '[texcnn-mini]' – allowed: a string"),
    ({"transcripts": "ALL"}, "--transcripts is 'ALL' – allowed: gene, all – did you mean all?"),
    ({"bed": "genes.bed"}, "both a GTF and a BED – allowed: one of them"),
    ({"gtf": None, "bed": "genes.bed", "transcripts": "all"}, "transcripts are chosen from a GTF"),
    ({"gtf": None, "bed": "genes.bed", "half_life": "true"}, "half-life features are computed from an annotation"),
    ({"gtf": None, "bed": "genes.bed", "bed_anchor": "TSS"}, "--bed_anchor is 'TSS' – allowed: five-prime, center"),
    ({"half_life": "true", "features": "genes.bed"}, "features given twice – in --half_life and --features"),
    ({"half_life": "true", "input": "inputs.csv"}, "line 3: half-life features are computed from an annotation"),
    ({"half_life": "true", "input": "inputs.csv"}, "line 4: features given twice – in --half_life and column features"),
    ({"input": "folder/sheet.csv"}, "line 2: column fasta is 'own.fa', which does not exist"),
    ({"input": "folder/sheet.csv"}, "column fasta starts at the samplesheet's folder – allowed: paths that start at /"),
    ({"half_life": "yes"}, "--half_life is 'yes' – allowed: a boolean"),
    ({"publish_dir_mode": "cp"}, "--publish_dir_mode is 'cp'"),
    ({"resume": True}, "--resume is unknown"),
    ({"outdir": "genes.gtf"}, "--outdir is 'genes.gtf', a file – allowed: a folder"),
    ({"outdir": "genes.gtf/new"}, "/genes.gtf', a file – allowed: a folder"),
    ({"outdir": None}, "--outdir is empty – allowed: a value; without the parameter it is results"),
    ({"outdir": "$HOME/new"}, "--outdir is '$HOME/new' – ~ and variables are not replaced here"),
    ({"outdir": "work/new"}, "--outdir is 'work/new', in the work folder"),
    ({"outdir": "gs://bucket/new"}, "--outdir is 'gs://bucket/new', which cannot be read – Missing plugin 'nf-google'"),
    ({"store": "genes.gtf"}, "--store is 'genes.gtf', a file – allowed: a folder"),
    ({"genes": "folder"}, "--genes is 'folder', a folder – allowed: a file"),
    ({"truth": "nope.tsv"}, "--truth is 'nope.tsv', which does not exist"),
    ({"vcf": "folder"}, "--vcf is 'folder', a folder – allowed: a file"),
    ({"samples": "A"}, "samples of a VCF, and no VCF – give --vcf"),
    ({"samples": "A'B", "vcf": "genes.bed"}, "--samples is 'A'B' – allowed: names without quotes"),
    ({"unphased": "yes"}, "--unphased is 'yes' – allowed: error, skip, as-is, merge"),
    ({"dtype": "float64"}, "--dtype is 'float64'"),
    ({"dtype": "float16", "gpus": "0"}, "--dtype is 'float16' without a GPU – allowed: auto, float32, bfloat16"),
    ({"dtype": "bf16"}, "--dtype is 'bf16' – allowed: auto, float32, bfloat16"),
    ({"on_error": "Stop"}, "did you mean stop?"),
    ({"train": "new"}, "a training without measured expression – give --expression"),
    ({"train": "new", "expression": "genes.bed"}, "a training needs the unit of its expression"),
    ({"train": "texcnn-mini"}, "--train: 'texcnn-mini' is a model of --models – allowed: a new name"),
    ({"train": "a/b", "unit": "TPM"}, "--train is 'a/b' – allowed: letters, digits"),
    ({"train": "..", "unit": "TPM"}, "--train is '..' – allowed: letters, digits"),
    ({"train": "TEXCNN-mini"}, "--train: 'TEXCNN-mini' is a model of --models – allowed: a new name"),
    ({"train": 2024, "models": "./x/2024"}, "--train: '2024' is a model of --models"),
    ({"runs": "0", "train": "a"}, "--runs is 0 – allowed: 1 or more"),
    ({"runs": "2"}, "--unit and --runs are for a training – give --train"),
    ({"train": "a", "unit": "TPM", "expression": "genes.bed", "transcripts": "all"}, "expression is per gene"),
    ({"email": "me"}, "--email is 'me' – allowed: addresses"),
    ({"hook_url": "file:///etc/passwd"}, "is 'file:///etc/passwd' – allowed: an address that starts with http"),
]  # fmt: skip

SHEETS: list[tuple[str, str]] = [
    ("", "has no rows – allowed: a header line"),
    (HEAD, "has no rows – allowed: a header line"),
    ("sample;fasta;gtf\na;genome.fa.gz;genes.gtf\n", "line 1: columns are separated by semicolons – allowed: commas"),
    ("sample\tfasta\tgtf\na\tgenome.fa.gz\tgenes.gtf\n", "line 1: columns are separated by tabs"),
    (f"{HEAD}a,{ROW}".encode("utf-16").decode("latin-1"), "line 1: it is no text in UTF-8"),
    (f'{HEAD}"a\nb",{ROW}', "line 2: a quote is not closed"),
    ("sample,fasta,gtf,\na,genome.fa.gz,genes.gtf,lost\n", "line 2: 'lost' has no column"),
    (f"{HEAD}{'a' * 201},{ROW}", "200 at most, the first a letter or a digit"),
    (f"{HEAD}MultiQC,{ROW}", "sample 'MultiQC' would mix with the folder of that name"),
    ("sample,genome,fasta,gtf\na,hg38,genome.fa.gz,genes.gtf\n", "line 2: genome 'hg38' and files in place of all"),
    ("sample,fasta,models\n" + 40 * "a,,./x\n", "sample 'a' appears in 40 rows"),
    (f'{HEAD}a,"genome.fa.gz,genes.gtf,\n', "a quote is not closed"),
    (f"{HEAD}a,{ROW}a,{ROW}", "sample 'a' appears in 2 rows"),
    (f"{HEAD}a,{ROW}A,{ROW}", "one, in upper or lower case"),
    (f"{HEAD}a,genome.fa.gz,genes.gtf,,extra,more\n", "'extra, more' has no column"),
    ("fasta,gtf\ngenome.fa.gz,genes.gtf\n", "column sample is missing"),
    (f"sample,fasta,gtf,gtf\na,{ROW}", "column gtf appears twice"),
    (f"Sample,fasta,gtf,bed\na,{ROW}", "column Sample is unknown"),
    (f"{HEAD}\n\na b,{ROW}", "line 4: column sample is 'a b'"),
    (f"{HEAD}# a comment\n", "line 2: "),
    (f"{HEAD}pipeline_info,{ROW}", "would mix with the folder of that name"),
    (f"{HEAD}é,{ROW}", "column sample is 'é' – allowed: letters"),
    (f"{HEAD}a,{ROW}b,nope.fa,genes.gtf,\nc,{ROW}", "line 3: column fasta is 'nope.fa', which does not exist"),
    (f"{HEAD}a,genome.fa.gz,genes.gtf,genes.bed\n", "both a GTF and a BED"),
    (f"{HEAD}a,genome.fa.gz,,\n", "no genes – give --genome"),
    (f"{HEAD}../a,{ROW}", "column sample is '../a'"),
]

USABLE_COMMANDS = [
    "nextflow run main.nf --fasta 'my genome.fa' -resume",
    r"nextflow run main.nf --fasta it\'s\ a\ genome.fa",
    "nextflow run -r 1.0 texcnn/texcnn --fasta genome.fa",
]

USABLE = [
    f"\ufeff{HEAD}a,{ROW}",
    f"{HEAD}a,{ROW}".replace("\n", "\r\n"),
    f"{HEAD}a,{ROW}".replace("\n", "\r"),
    'sample , "fasta",gtf\n"a","genome.fa.gz",genes.gtf\n',
    f"{HEAD}a,genome.fa.gz,genes.gtf\n",
    f"{HEAD}17,{ROW}",
    f"{HEAD}{'a' * 200},{ROW}",
    "sample,fasta,gtf,,\na,genome.fa.gz,genes.gtf,,\n",
    f'{HEAD}a,{ROW},,,\n"","",,""\n',
    'sample,fasta,gtf,genes\n"a",folder/../genome.fa.gz,"./genes.gtf","say ""all"", or not.txt"\n',
]

COMMANDS = [
    ("nextflow run main.nf out", "'out' belongs to no parameter"),
    ("nextflow run main.nf --fasta genome.fa.gz out", "'out' belongs to no parameter"),
    ("nextflow run main.nf --fasta=genome.fa.gz out", "'out' belongs to no parameter"),
    ("nextflow run main.nf --max_memory 4.GB", "--max_memory is not read here – allowed: process.resourceLimits"),
    ("nextflow run main.nf --fasta 'my genome.fa' out", "'out' belongs to no parameter"),
    ("nextflow run -r 1.0 texcnn/texcnn --fasta genome.fa out", "'out' belongs to no parameter"),
    (r"nextflow run main.nf --fasta it\'s\ a\ genome.fa out", "'out' belongs to no parameter"),
]


def write_cases(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The cases as the script reads them."""
    cases: list[dict[str, Any]] = [{"params": GOOD | params, "command": ""} for params, _ in PARAMETERS]
    cases += [{"params": GOOD, "command": command} for command, _ in COMMANDS]
    for number, text in enumerate([*(text for text, _ in SHEETS), *USABLE]):
        encoding = "latin-1" if text.startswith("\xff\xfe") else "utf-8"
        (pipeline.launch / f"sheet {number}.csv").write_bytes(text.encode(encoding))
        cases.append({"params": {"input": f"sheet {number}.csv"}, "command": ""})
    cases += [{"params": GOOD, "command": command} for command in USABLE_COMMANDS]
    return cases


@pytest.fixture(scope="module")
def output(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """What the pipeline says of each case."""
    pipeline = copy_pipeline(nextflow, project, tmp_path_factory.mktemp("problems"))
    demo = pipeline.folder / "assets" / "demo"
    for name in ("genome.fa.gz", "genes.gtf"):
        shutil.copy(demo / name, pipeline.launch)
    for name in ("genes.bed", "a$b.fa", "a`b.fa"):
        (pipeline.launch / name).write_text("demo1\t0\t10\n")
    (pipeline.launch / "folder").mkdir()
    (pipeline.launch / 'say "all", or not.txt').write_text("")
    (pipeline.launch / "folder" / "own.fa").write_text("")
    (pipeline.launch / "folder" / "sheet.csv").write_text(f"{HEAD}a,own.fa,genes.gtf,\n")
    (pipeline.launch / "inputs.csv").write_text(
        "sample,gtf,bed,features\ngood,genes.gtf,,\nbed,,genes.bed,\ntable,genes.gtf,,genes.bed\n"
    )
    (pipeline.launch / "cases.json").write_text(json.dumps(write_cases(pipeline)))
    shutil.copy(Path(__file__).with_name("problems.nf"), pipeline.folder)
    asking = Pipeline(pipeline.nextflow, pipeline.folder, pipeline.launch, pipeline.model, script="problems.nf")
    asking.succeed(
        "--cases", pipeline.launch / "cases.json", "--found", pipeline.launch / "found.json", "--help", "true"
    )
    found: list[list[str]] = json.loads((pipeline.launch / "found.json").read_text())
    return found


def test_each_is_refused_with_what_is_wrong(output: list[list[str]]) -> None:
    expected = [*PARAMETERS, *((command, text) for command, text in COMMANDS), *SHEETS]
    assert len(expected) >= 75
    for problems, (case, text) in zip(output, expected, strict=False):
        assert any(text in problem for problem in problems), (case, problems)


def test_forms_of_sheets_and_commands_that_are_read(output: list[list[str]]) -> None:
    usable = len(USABLE) + len(USABLE_COMMANDS)
    assert output[-usable:] == [[]] * usable
    assert len(output) == len(PARAMETERS) + len(COMMANDS) + len(SHEETS) + usable
