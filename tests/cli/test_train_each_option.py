"""``texcnn train``: each option once, with what it changes in the folder that is left."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
from runs import Commands, Run, well
from tiny import write_gtf
from torch import Tensor

N_GENES = 40
GENES = [f"g{number:02d}" for number in range(N_GENES)]
Train = Callable[..., Run]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """40 genes on five chromosomes, eight on each; expression grows with the G of a window."""
    chance = random.Random(3)
    bases: dict[str, str] = {f"chr{number}": "" for number in range(5)}
    genes, rows = [], []
    for number, gene in enumerate(GENES):
        chrom = f"chr{number % 5}"
        window = "".join(chance.choices("ACGT", [3, 1, 1 + number % 6, 2], k=30))
        genes.append((gene, chrom, len(bases[chrom]) + 21, len(bases[chrom]) + 30, "+"))
        bases[chrom] += window + "A" * 10
        rows.append(f"{gene}\t{window.count('G')}\t{window.count('G') ** 2 + number / 10}")
    fasta, table = tmp_path / "genome.fa", tmp_path / "tpm.tsv"
    fasta.write_text("".join(f">{name}\n{text}\n" for name, text in bases.items()))
    table.write_text("\n".join(["gene_id\tliver\tbrain", *rows]) + "\n")
    return {"fasta": fasta, "gtf": write_gtf(tmp_path / "genes.gtf", genes), "expression": table}


@pytest.fixture
def train(commands: Commands, files: dict[str, Path], tiny: Path, tmp_path: Path) -> Train:
    """Trains for two epochs into a folder of the test, with options changed, added or (None) left out."""
    usual: dict[str, Any] = {
        **files, "unit": "TPM", "model": tiny, "split": "random", "epochs": 2, "genes_per_step": 8,
        "learning_rate": 0.02, "filters": 4, "kernel_widths": "1", "device": "cpu", "quiet": True,
    }  # fmt: skip

    def run(out: str, **changes: Any) -> Run:
        return commands.with_options("train", out=tmp_path / out, **{**usual, **changes})

    return run


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, sep="\t")


def config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


def tensors(folder: Path) -> dict[str, Tensor]:
    return safetensors.torch.load_file(folder / "model.safetensors")


def parts(folder: Path) -> dict[str, list[str]]:
    split = table(folder, "split.tsv")
    return {str(part): sorted(rows["gene_id"]) for part, rows in split.groupby("split")}


class TestTable:
    def test_gene_column(self, train: Train, files: dict[str, Path], tmp_path: Path) -> None:
        renamed = tmp_path / "renamed.tsv"
        renamed.write_text(files["expression"].read_text().replace("gene_id", "locus", 1))
        well(train("plain"))
        well(train("named", expression=renamed, gene_column="locus"))
        assert (tmp_path / "named" / "split.tsv").read_bytes() == (tmp_path / "plain" / "split.tsv").read_bytes()
        left, right = tensors(tmp_path / "plain"), tensors(tmp_path / "named")
        assert all(value.equal(right[name]) for name, value in left.items())

    def test_cell_type_takes_columns_in_the_order_given(self, train: Train, tmp_path: Path) -> None:
        well(train("one", cell_type="brain"))
        well(train("two", cell_type=["brain", "liver"]))
        assert table(tmp_path / "one", "cell_types.tsv")["cell_type"].tolist() == ["brain"]
        assert table(tmp_path / "two", "cell_types.tsv")["cell_type"].tolist() == ["brain", "liver"]
        refused = train("three", cell_type="liwer")
        assert refused.status == 2
        assert "unknown column 'liwer'" in refused.err
        assert "allowed: liver, brain – did you mean 'liver'?" in refused.err

    @pytest.mark.parametrize(("transform", "unit"), [(None, "log10(counts + 0.1)"), ("none", "counts")])
    def test_unit_and_transform(self, train: Train, tmp_path: Path, transform: str | None, unit: str) -> None:
        well(train("mine", unit="counts", transform=transform, seed=1))
        assert config(tmp_path / "mine")["unit"] == unit
        # The mean of the labels is in the last layer's bias: some tens as they are, about one as logarithms.
        bias = tensors(tmp_path / "mine")["head.output.bias"]
        assert (bias[1] > 10) == (transform == "none")

    def test_features_are_inputs_by_their_columns_names(self, train: Train, tmp_path: Path) -> None:
        rows = "".join(f"{gene}\t{place}\t{place % 3}\n" for place, gene in enumerate(GENES))
        (tmp_path / "f.tsv").write_text(f"gene_id\tlength\tintrons\n{rows}")
        well(train("mine", features=tmp_path / "f.tsv"))
        assert [feature["name"] for feature in config(tmp_path / "mine")["features"]] == ["length", "introns"]
        assert tensors(tmp_path / "mine")["head.output.weight"].shape == (2, 4 + 2)


class TestGenes:
    def test_genes_and_gene(self, train: Train, tmp_path: Path) -> None:
        (tmp_path / "list.txt").write_text("\n".join(GENES[:30]) + "\n")
        well(train("listed", genes=tmp_path / "list.txt"))
        well(train("named", gene=GENES[:30]))
        for name in ("listed", "named"):
            assert sorted(table(tmp_path / name, "split.tsv")["gene_id"]) == GENES[:30]
            skipped = table(tmp_path / name, "skipped.tsv")
            assert sorted(skipped["gene_id"]) == GENES[30:]
            assert set(skipped["reason"]) == {"in the expression table, but not among the genes"}

    def test_a_bed_of_the_same_places_gives_the_same_weights(self, train: Train, tmp_path: Path) -> None:
        lines = [
            f"chr{number % 5}\t{number // 5 * 40 + 20}\t{number // 5 * 40 + 30}\t{gene}\t0\t+"
            for number, gene in enumerate(GENES)
        ]
        (tmp_path / "genes.bed").write_text("\n".join(lines) + "\n")
        well(train("gtf"))
        well(train("bed", gtf=None, bed=tmp_path / "genes.bed"))
        left, right = tensors(tmp_path / "gtf"), tensors(tmp_path / "bed")
        assert all(value.equal(right[name]) for name, value in left.items())

    def test_one_row_per_transcript_is_refused(self, train: Train, tmp_path: Path) -> None:
        refused = train("mine", transcripts="all")
        assert refused.status == 2
        assert "expression is per gene, so training takes one row per gene – in --transcripts" in refused.err
        assert not (tmp_path / "mine").exists()

    def test_map_chrom_names(self, train: Train, files: dict[str, Path], tmp_path: Path) -> None:
        bare = tmp_path / "bare.gtf"
        bare.write_text(files["gtf"].read_text().replace("chr", ""))
        refused = train("mine", gtf=bare)
        assert refused.status == 2
        assert "--map-chrom-names maps them to the FASTA's names" in refused.err
        well(train("mine", gtf=bare, map_chrom_names=True))
        assert len(table(tmp_path / "mine", "split.tsv")) == N_GENES

    @pytest.mark.parametrize(
        ("changes", "window"),
        [
            ({"upstream": 10}, (10, 10)),
            ({"downstream": 0}, (20, 0)),
            ({"upstream": 0, "downstream": 10}, (0, 10)),
        ],
    )
    def test_upstream_and_downstream(
        self, train: Train, tmp_path: Path, changes: dict[str, int], window: tuple[int, int]
    ) -> None:
        well(train("mine", **changes))
        found = config(tmp_path / "mine")["window"]
        assert (found["upstream"], found["downstream"]) == window
        assert config(tmp_path / "mine")["head"]["options"]["n_segments"] == sum(window) // 10


class TestSplit:
    def test_chromosomes_are_the_default_and_named_ones_are_taken(self, train: Train, tmp_path: Path) -> None:
        well(train("drawn", split=None, valid_fraction=0.2, test_fraction=0.2))
        assert {part: len(ids) for part, ids in parts(tmp_path / "drawn").items()} == {
            "train": 24, "valid": 8, "test": 8,
        }  # fmt: skip
        well(train("named", split=None, valid_chrom=["chr1", "chr3"], test_chrom="chr4"))
        found = parts(tmp_path / "named")
        assert found["valid"] == [gene for number, gene in enumerate(GENES) if number % 5 in (1, 3)]
        assert found["test"] == GENES[4::5]
        assert "by chromosomes: chr1, chr3 validate, chr4 test" in (tmp_path / "named" / "README.md").read_text()

    def test_fractions(self, train: Train, tmp_path: Path) -> None:
        well(train("mine", valid_fraction=0.25, test_fraction=0.3))
        assert {part: len(ids) for part, ids in parts(tmp_path / "mine").items()} == {
            "train": 18, "valid": 10, "test": 12,
        }  # fmt: skip
        refused = train("other", valid_fraction=0.5, test_fraction=0.5)
        assert "unusable fractions 0.5 and 0.5 – in --valid-fraction and --test-fraction" in refused.err

    def test_a_file(self, train: Train, tmp_path: Path) -> None:
        output = dict(zip(GENES, ["test"] * 5 + ["train"] * 25 + ["valid"] * 8, strict=False))
        (tmp_path / "split.tsv").write_text("gene_id\tsplit\n" + "".join(f"{g}\t{p}\n" for g, p in output.items()))
        well(train("mine", split="file", split_file=tmp_path / "split.tsv"))
        assert dict(table(tmp_path / "mine", "split.tsv").to_numpy().tolist()) == output
        skipped = table(tmp_path / "mine", "skipped.tsv")
        assert skipped.to_numpy().tolist() == [
            [gene, "in no part of the split of the file split.tsv"] for gene in GENES[38:]
        ]
        refused = train("other", split="file")
        assert "the split 'file' and --split-file go together – in --split file" in refused.err

    def test_groups(self, train: Train, tmp_path: Path) -> None:
        families = {gene: f"family{number // 4}" for number, gene in enumerate(GENES)}
        lines = "".join(f"{gene}\t{family}\n" for gene, family in families.items())
        (tmp_path / "groups.tsv").write_text(f"gene_id\tfamily\n{lines}")
        well(train("mine", split="groups", groups=tmp_path / "groups.tsv"))
        of_part = {part: {families[gene] for gene in ids} for part, ids in parts(tmp_path / "mine").items()}
        assert sum(map(len, of_part.values())) == 10
        refused = train("other", split="groups")
        assert "no groups – in --split groups – give the table of --groups" in refused.err
        leaks = train("leaking", split="random", groups=tmp_path / "groups.tsv")
        assert leaks.status == 2
        assert "of the same group in" in leaks.err
        assert "use the --split groups, which keeps groups whole" in leaks.err


class TestRuns:
    def test_seed_runs_and_first_run(self, train: Train, tmp_path: Path) -> None:
        well(train("three", seed=4, runs=3))
        runs = table(tmp_path / "three", "runs.tsv")
        assert runs["seed"].tolist() == [4, 5, 6]
        well(train("last", seed=4, first_run=2))
        assert parts(tmp_path / "last") == parts(tmp_path / "three")
        alone = table(tmp_path / "last", "runs.tsv")
        pd.testing.assert_frame_equal(alone, runs.iloc[[2]].reset_index(drop=True), check_exact=True)
        well(train("other", seed=6))
        assert parts(tmp_path / "other") != parts(tmp_path / "three")
        assert table(tmp_path / "other", "runs.tsv")["seed"].tolist() == [6]

    def test_epochs_and_patience(self, train: Train, tmp_path: Path) -> None:
        well(train("epochs", epochs=5))
        assert table(tmp_path / "epochs", "history.tsv")["epoch"].tolist() == [1, 2, 3, 4, 5]
        # With a rate at which no weight moves, no later epoch is better than the first.
        well(train("patience", epochs=20, patience=3, learning_rate=1e-30, optimizer="sgd"))
        history = table(tmp_path / "patience", "history.tsv")
        assert history["epoch"].tolist() == [1, 2, 3, 4]
        assert history["valid_loss"].nunique() == 1
        assert table(tmp_path / "patience", "runs.tsv")["best_epoch"].tolist() == [1]

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("genes_per_step", (4, 16)),
            ("learning_rate", (0.001, 0.01)),
            ("optimizer", ("adamw", "adam", "sgd")),
            ("dropout", (0, 0.9)),
        ],
    )
    def test_what_changes_the_way_that_the_weights_go(
        self, train: Train, tmp_path: Path, name: str, values: tuple[object, ...]
    ) -> None:
        losses = set()
        for value in values:
            well(train(f"{value}", **{name: value}))
            losses.add(tuple(table(tmp_path / f"{value}", "history.tsv")["train_loss"]))
        assert len(losses) == len(values)

    def test_an_epoch_of_one_step_has_the_loss_of_the_first_weights(self, train: Train, tmp_path: Path) -> None:
        for rate in (0.001, 0.1):
            well(train(f"{rate}", genes_per_step=N_GENES, learning_rate=rate, epochs=1, dropout=0))
        left, right = (table(tmp_path / f"{rate}", "history.tsv") for rate in (0.001, 0.1))
        assert left["train_loss"].tolist() == right["train_loss"].tolist()
        assert left["valid_loss"].tolist() != right["valid_loss"].tolist()


class TestHead:
    @pytest.mark.parametrize(
        ("changes", "shapes"),
        [
            ({"filters": 6}, {"convolutions.0.weight": (6, 4, 1), "output.weight": (2, 6)}),
            (
                {"kernel_widths": "1,3"},
                {"convolutions.0.weight": (4, 4, 1), "convolutions.1.weight": (4, 4, 3), "output.weight": (2, 8)},
            ),
            ({"dense_units": 7}, {"dense.0.weight": (7, 3 * 4), "output.weight": (2, 7)}),
            ({"fusion_units": 5}, {"fusion.0.weight": (5, 4), "output.weight": (2, 4 + 5)}),
            ({"segment_positions": True}, {"positions": (3, 4)}),
            ({"no_segment_positions": True}, {"positions": None}),
        ],
    )
    def test_sizes(
        self, train: Train, tmp_path: Path, changes: dict[str, object], shapes: dict[str, tuple[int, ...] | None]
    ) -> None:
        well(train("mine", **changes))
        found = tensors(tmp_path / "mine")
        for name, shape in shapes.items():
            assert (tuple(found[f"head.{name}"].shape) if f"head.{name}" in found else None) == shape

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"kernel_widths": "1;3"}, "'1;3' are not widths – in --kernel-widths – allowed: odd numbers with commas"),
            ({"kernel_widths": "2"}, "unusable kernel widths [2] – allowed: one or more odd numbers from 1"),
            ({"kernel_widths": "-1"}, "unusable number -1 – in --kernel-widths – allowed: a whole number from 1"),
            (
                {"architecture": "kmer-ridge", "model": None},
                "--kernel-widths, --filters can be given to a text CNN only",
            ),
            ({"encoder_learning_rate": 0.1}, "no encoder learns – in --encoder-learning-rate – add --fine-tune"),
            ({"fine_tune": "all"}, "an encoder of the type composition cannot be fine-tuned – in --fine-tune"),
        ],
    )
    def test_refused(self, train: Train, tmp_path: Path, changes: dict[str, object], message: str) -> None:
        run = train("mine", **changes)
        assert run.status == 2
        assert message in run.err
        assert not list(tmp_path.glob("mine*"))

    def test_architecture(self, train: Train, tmp_path: Path) -> None:
        fit = dict.fromkeys(["filters", "kernel_widths", "epochs", "genes_per_step", "learning_rate", "model"])
        well(train("mine", architecture="kmer-ridge", upstream=20, downstream=10, **fit))
        assert config(tmp_path / "mine")["head"]["type"] == "linear"
        assert table(tmp_path / "mine", "history.tsv")["epoch"].tolist() == [1]
        unknown = train("other", architecture="lstm")
        assert "unknown architecture 'lstm' – in --architecture – allowed: textcnn, xpresso," in unknown.err


class TestCompute:
    def test_batch_sizes_and_threads_change_nothing(self, train: Train, tmp_path: Path) -> None:
        for size in (1, 7):
            well(train(f"{size}", batch_size=size, threads=1))
        names = sorted(path.name for path in (tmp_path / "1").iterdir())
        assert len(names) == 11
        for name in names:
            if name not in ("README.md", "config.json"):  # these two say the folder's name
                assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "7" / name).read_bytes(), name

    def test_overwrite(self, train: Train, tmp_path: Path) -> None:
        well(train("mine"))
        refused = train("mine", seed=1)
        assert refused.status == 2
        assert "mine' already exists" in refused.err
        assert table(tmp_path / "mine", "runs.tsv")["seed"].tolist() == [0]
        well(train("mine", seed=1, overwrite=True))
        assert table(tmp_path / "mine", "runs.tsv")["seed"].tolist() == [1]

    def test_without_quiet_it_says_the_figures(self, train: Train, tmp_path: Path) -> None:
        output = train("mine", quiet=None)
        assert (output.status, output.out) == (0, "")
        assert f"40 genes used, 0 skipped: {tmp_path / 'mine'}" in output.err
        row = table(tmp_path / "mine", "runs.tsv").iloc[0]
        assert f"test rmse: {row['test_rmse']:.4f} ({row['test_rmse']:.4f} to {row['test_rmse']:.4f})" in output.err

    def test_compile_needs_an_encoder_that_stays(self, train: Train) -> None:
        fit = dict.fromkeys(["filters", "kernel_widths", "epochs", "genes_per_step", "learning_rate", "model"])
        refused = train("mine", architecture="xpresso", compile=True, **fit)
        assert refused.status == 2
        assert "there is no frozen encoder to compile – in --compile – leave it out" in refused.err
