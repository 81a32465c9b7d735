"""The committed protocol file itself, with small encoders on a part of the real data."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from tiny import tiny_tokenizer
from transformers import BertConfig, BertModel

from texcnn.encoders.dnabert2_config import Dnabert2Config
from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.genome.annotation import read_gtf
from texcnn.model.load import load_model

FILE = "protocol/protocol.toml"


def run(project: Path, *given: str) -> str:
    command = [sys.executable, "scripts/protocol.py", FILE, *given]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def small_encoders(folder: Path) -> dict[str, str]:
    """A DNABERT and a DNABERT-2 of a few random numbers, in the layout of the published ones."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    bert = {**sizes, "vocab_size": 4101, "max_position_embeddings": 512, "type_vocab_size": 2}
    bert2 = {**sizes, "vocab_size": 15, "alibi_starting_size": 512}
    models = {
        "dnabert": (bert, BertModel(BertConfig(**bert), add_pooling_layer=False)),
        "dnabert2": (bert2, Dnabert2Model(Dnabert2Config.from_json(bert2))),
    }
    for name, (config, model) in models.items():
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
        save_file(model.state_dict(), folder / name / "model.safetensors")
    (folder / "dnabert2" / "tokenizer.json").write_bytes(tiny_tokenizer())
    return {name: str(folder / name) for name in models}


def tiny_settings(folder: Path, **files: Path) -> list[str]:
    settings = {
        "out": folder / "results",
        "bed": folder / "genes.bed",
        "split": folder / "split.tsv",
        **files,
        **small_encoders(folder),
        "runs": 2,
        "epochs": 2,
        "device": "cpu",
    }
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def test_every_step_is_listed_with_its_command(project: Path) -> None:
    listed = run(project)
    names = [line for line in listed.splitlines() if not line.startswith(" ")]
    assert len(names) == 8 + 2 * 2 * 4 + 5
    assert "cell-types-50000-half-life-tf" in names
    assert "--runs 10" in listed
    assert "{" not in listed.replace("{'", "")


@pytest.mark.parametrize("given", [["nothing"], ["--set", "nothing=1"]])
def test_unknown_names_list_the_valid_ones(project: Path, given: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/protocol.py", FILE, *given], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert ("embed-10500" if given == ["nothing"] else "fasta") in done.stderr


@pytest.mark.data
@pytest.mark.slow
def test_the_protocol_runs_on_the_slice(project: Path, data: Path, tmp_path: Path) -> None:
    human = data / "human"
    # A few genes with known bases, on the published split.
    bed = pd.read_csv(human / "xpresso_tss_20kb.bed", sep="\t", header=None)
    known = pd.read_csv(human / "hg38_slice.bed", sep="\t", header=None)
    known = known[(known[2] - known[1]) > 200_000]
    inside = [
        bool(((known[0] == chrom) & (known[1] < start - 30_000) & (known[2] > end + 30_000)).any())
        for chrom, start, end in bed[[0, 1, 2]].itertuples(index=False)
    ]
    split = pd.read_csv(human / "xpresso_labels_split.tsv", sep="\t").set_index("gene_id")["split"]
    chosen = bed[inside]
    chosen = chosen[chosen[3].isin(split.index)].head(30)
    chosen.to_csv(tmp_path / "genes.bed", sep="\t", header=False, index=False)
    parts = {gene: ("train", "train", "train", "valid", "test")[i % 5] for i, gene in enumerate(chosen[3])}
    pd.Series(parts, name="split").to_csv(tmp_path / "split.tsv", sep="\t", index_label="gene_id")
    given = tiny_settings(
        tmp_path,
        fasta=human / "hg38_slice.fa.gz",
        gtf=human / "hg38_refseq.gtf.gz",
        expression=human / "expression_roadmap57_rpkm.tsv.gz",
        tf=human / "tf_targets_encode181.tsv.gz",
    )
    run(
        project, *given, "median", "half-life", "tf-without-polr2a", "half-life-tf-without-polr2a", "embed-10500",
        "embed-50000", "median-10500-sequence", "cell-types-50000-half-life-tf-without-polr2a", "peer-kmer-ridge",
    )  # fmt: skip
    results = tmp_path / "results"
    median = pd.read_csv(results / "median.tsv", sep="\t").set_index("gene_id")["median"]
    labels = pd.read_csv(human / "xpresso_labels_split.tsv", sep="\t").set_index("gene_id")["label_log10"]
    both = pd.concat([median, labels], axis=1).dropna()
    assert both.corr().iloc[0, 1] > 0.999
    small = load_model(results / "median-10500-sequence")
    assert (small.cell_types, small.window.length, small.config.features) == (("median",), 10_500, ())
    assert len(pd.read_csv(results / "median-10500-sequence" / "runs.tsv", sep="\t")) == 2
    large = load_model(results / "cell-types-50000-half-life-tf-without-polr2a")
    assert (len(large.cell_types), large.window.length) == (57, 50_000)
    assert len(large.config.features) == 8 + 180
    assert load_model(results / "peer-kmer-ridge").cell_types == ("median",)


@pytest.mark.data
@pytest.mark.slow
def test_the_protocol_runs_on_yeast(project: Path, data: Path, tmp_path: Path) -> None:
    yeast = data / "yeast"
    genes = [gene for gene in read_gtf(yeast / "R64-1-1.81.gtf.gz").genes if 10_000 < gene.tss < 200_000][::40]
    rows = [f"{gene.chrom}\t{gene.tss}\t{gene.tss + 1}\t{gene.id}\t0\t{gene.strand}\n" for gene in genes]
    (tmp_path / "genes.bed").write_text("".join(rows))
    parts = {
        gene: ("train", "train", "train", "valid", "test")[i % 5] for i, gene in enumerate(gene.id for gene in genes)
    }
    pd.Series(parts, name="split").to_csv(tmp_path / "split.tsv", sep="\t", index_label="gene_id")
    given = tiny_settings(
        tmp_path,
        fasta=yeast / "R64-1-1.fa.gz",
        gtf=yeast / "R64-1-1.81.gtf.gz",
        expression=yeast / "expression_tpm_conditions.tsv.gz",
        tf=yeast / "tf_targets_yeastract220.tsv.gz",
    )
    run(project, *given, "median", "embed-10500", "cell-types-10500-sequence", "peer-kmer-ridge")
    model = load_model(tmp_path / "results" / "cell-types-10500-sequence")
    assert len(model.cell_types) == 52
    assert len(pd.read_csv(tmp_path / "results" / "peer-kmer-ridge" / "runs.tsv", sep="\t")) == 2
