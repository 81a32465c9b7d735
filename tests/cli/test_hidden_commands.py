"""What the pipeline asks: a genome made ready, files that fit, and which code and models these are."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pysam
import pytest
from runs import Commands
from tiny import CHR1, CHR2, save_tiny_dnabert2, write_genome

from texcnn import __version__
from texcnn.cli.identity import PACKAGES
from texcnn.features.spec import FeatureSpec
from texcnn.files import sha256_file
from texcnn.identity import STAGES
from texcnn.model.describe import describe_model


class TestPrepare:
    def read(self, fasta: Path) -> dict[str, str]:
        with pysam.FastaFile(str(fasta)) as genome:
            return {name: genome.fetch(name) for name in genome.references}

    def test_a_plain_genome_gets_its_index_and_stays_where_it_is(self, tmp_path: Path, commands: Commands) -> None:
        genome = write_genome(tmp_path)
        commands.succeed("prepare", "--fasta", genome, "--out", tmp_path / "ready")
        assert sorted(path.name for path in (tmp_path / "ready").iterdir()) == ["genome.fa.fai", "genome.json"]
        output = json.loads((tmp_path / "ready" / "genome.json").read_text())
        assert output == {"fingerprint": sha256_file(genome), "chromosomes": 2}

    def test_a_gzip_is_unpacked(self, tmp_path: Path, commands: Commands) -> None:
        packed = tmp_path / "g.fa.gz"
        packed.write_bytes(gzip.compress(write_genome(tmp_path).read_bytes()))
        commands.succeed("prepare", "--fasta", packed, "--out", tmp_path / "ready")
        assert self.read(tmp_path / "ready" / "genome.fa") == {"chr1": CHR1, "chr2": CHR2}
        output = json.loads((tmp_path / "ready" / "genome.json").read_text())
        assert output["fingerprint"] == sha256_file(tmp_path / "genome.fa")

    def test_bgzf_is_read_through_and_stays(self, tmp_path: Path, commands: Commands) -> None:
        packed = tmp_path / "g.fa.gz"
        with pysam.BGZFile(str(packed), "wb") as handle:
            handle.write(write_genome(tmp_path).read_bytes())
        commands.succeed("prepare", "--fasta", packed, "--out", tmp_path / "ready")
        names = sorted(path.name for path in (tmp_path / "ready").iterdir())
        assert names == ["g.fa.gz.fai", "g.fa.gz.gzi", "genome.json"]

    @pytest.mark.parametrize("bgzf", [False, True])
    def test_a_flipped_bit_is_found(self, tmp_path: Path, commands: Commands, bgzf: bool) -> None:
        packed = tmp_path / "g.fa.gz"
        content = write_genome(tmp_path).read_bytes() * 40
        if bgzf:
            with pysam.BGZFile(str(packed), "wb") as handle:
                handle.write(content)
        else:
            packed.write_bytes(gzip.compress(content))
        damaged = bytearray(packed.read_bytes())
        damaged[len(damaged) // 2] ^= 16
        packed.write_bytes(damaged)
        message = commands.refuse("prepare", "--fasta", packed, "--out", tmp_path / "ready")
        assert "the FASTA is damaged" in message
        assert "gzip -t tests it" in message


class TestCheck:
    @pytest.fixture
    def given(self, tmp_path: Path) -> list[object]:
        takes = save_tiny_dnabert2(tmp_path / "takes", features=[FeatureSpec("cds_gc")])
        (tmp_path / "models.json").write_text(json.dumps([describe_model(takes)]))
        genome = write_genome(tmp_path)
        return ["check", "--fasta", genome, "--models", tmp_path / "models.json", "--out", tmp_path / "o.json"]

    @pytest.mark.parametrize(
        ("option", "text", "problem"),
        [
            ("genes", "# nobody\n", "the list of genes is empty"),
            ("features", "gene_id\tother\ng1\t1\n", "feature table lacks the columns cds_gc"),
            ("truth", "gene_id\ttrue_expression\ng1\tinf\n", "'inf' is not a number"),
            ("truth", "gene_id\tvalue\ng1\t1\n", "missing columns: true_expression"),
            ("expression", "gene_id\tliver\ng1\t1\n", "unknown cell type 'liver'"),
            ("split", "gene_id\tsplit\ng1\ttrain\ng1\ttest\n", "the split leaks: gene 'g1' is in train and in test"),
            ("vcf", "no vcf\n", ""),
        ],
    )
    def test_each_file_is_looked_at(
        self, given: list[object], tmp_path: Path, commands: Commands, option: str, text: str, problem: str
    ) -> None:
        (tmp_path / "file").write_text(text)
        features = [] if option == "features" else ["--half-life"]
        commands.succeed(*given, f"--{option}", tmp_path / "file", *features)
        ((found),) = json.loads((tmp_path / "o.json").read_text())["problems"]
        assert found.startswith(problem)
        assert str(tmp_path / "file") in found

    def test_features_that_are_missing_or_computed(
        self, given: list[object], tmp_path: Path, commands: Commands
    ) -> None:
        commands.succeed(*given)
        ((found),) = json.loads((tmp_path / "o.json").read_text())["problems"]
        assert "needs the features cds_gc" in found
        commands.succeed(*given, "--half-life")
        assert json.loads((tmp_path / "o.json").read_text()) == {"problems": [], "cautions": []}

    def test_a_genome_of_another_species(self, given: list[object], tmp_path: Path, commands: Commands) -> None:
        models = [describe_model(name) for name in ("texcnn-mini", "texcnn-yeast")]
        (tmp_path / "models.json").write_text(json.dumps(models))
        commands.succeed(*given)
        found = json.loads((tmp_path / "o.json").read_text())
        assert found["problems"] == []
        assert [text.partition(":")[0] for text in found["cautions"]] == [
            "genome.fa does not look like Homo sapiens (GRCh38), which texcnn-mini was trained on",
            "genome.fa does not look like Saccharomyces cerevisiae (R64-1-1), which texcnn-yeast was trained on",
        ]


class TestIdentity:
    def test_stages_versions_and_models(self, tmp_path: Path, commands: Commands) -> None:
        models = [save_tiny_dnabert2(tmp_path / name, seed=seed) for seed, name in enumerate(("a", "b"))]
        run = commands.succeed("identity", "--model", models[0], "--model", models[1])
        output = json.loads(run.out)
        assert set(output) == {"stages", "versions", "models"}
        assert set(output["stages"]) == set(STAGES)
        assert all(len(digest) == 64 for digest in output["stages"].values())
        assert set(output["versions"]) == {"python", "cuda", *PACKAGES}
        assert output["versions"]["texcnn"] == __version__
        assert output["models"] == [describe_model(model) for model in models]
        assert output["models"][0]["content"] != output["models"][1]["content"]

    def test_without_a_model_there_is_none(self, commands: Commands) -> None:
        assert json.loads(commands.succeed("identity").out)["models"] == []


def test_they_are_not_in_the_help(commands: Commands) -> None:
    page = commands.succeed("--help").out
    commands_shown = page.split("Commands:")[1]
    listed = [line.split()[0] for line in commands_shown.splitlines() if line.strip()]
    assert not {"identity", "prepare", "check"} & set(listed)
    assert {"predict", "train", "doctor"} <= set(listed)
    assert "..." not in commands_shown, "each command has a line of its own that fits"
