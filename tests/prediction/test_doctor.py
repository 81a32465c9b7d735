"""The doctor looks at everything, and one fault hides no other."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from tiny import save_tiny_dnabert2, write_genome, write_gtf

from texcnn import __version__
from texcnn.encoders.known import KNOWN_ENCODERS
from texcnn.errors import ModelError
from texcnn.genome.assembly import HUMAN, Assembly
from texcnn.model.bundle import extend_bundle
from texcnn.model.catalog import bundled_models
from texcnn.prediction import doctor
from texcnn.prediction.doctor import Finding, diagnose

_Usage = namedtuple("_Usage", "total used free")


def by_subject(findings: list[Finding]) -> dict[str, tuple[str, str]]:
    assert len({finding.subject for finding in findings}) == len(findings), "a subject is named once"
    return {finding.subject: (finding.verdict, finding.text) for finding in findings}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_dnabert2(tmp_path_factory.mktemp("model") / "m")


def test_what_there_is_without_files(model: Path) -> None:
    found = by_subject(diagnose(model))
    assert list(found)[:4] == ["texcnn", "torch", "GPU", "disk"]
    assert found["texcnn"][0] == "ok"
    assert found["texcnn"][1].startswith(f"{__version__} on Python 3.")
    assert str(torch.__version__) in found["torch"][1]
    assert found["model"] == ("ok", "tiny-dnabert2")
    for name in bundled_models():
        verdict, text = found[name]
        assert (verdict, text.endswith("sums as recorded")) == ("ok", True)
    assert not {"genome", "species", "annotation"} & set(found)


@pytest.mark.parametrize(("free", "verdict"), [(4.94e9, "note"), (5.06e9, "ok")])
def test_a_disk_that_is_nearly_full_is_noted(
    model: Path, monkeypatch: pytest.MonkeyPatch, free: float, verdict: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: _Usage(9e9, 9e9 - free, free))
    assert by_subject(diagnose(model))["disk"] == (verdict, f"{free / 1e9:.1f} GB free in this folder")


@pytest.mark.parametrize(
    ("cuda", "message"),
    [(None, "torch was built without CUDA: everything runs on the CPU"), ("12.4", "none that torch can use: ")],
)
def test_why_there_is_no_gpu(model: Path, monkeypatch: pytest.MonkeyPatch, cuda: str | None, message: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    verdict, text = by_subject(diagnose(model))["GPU"]
    assert verdict == "note"
    assert text.startswith(message)


def test_every_gpu_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"card {index}")
    assert Finding("ok", "GPU", "card 0, card 1") in list(doctor._machine())


def test_encoders_that_were_fetched_are_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {KNOWN_ENCODERS["dnabert2"].source}

    def find(spec, name):  # type: ignore[no-untyped-def]
        if spec.source not in there:
            raise ModelError("not fetched")

    monkeypatch.setattr(doctor, "find_file", find)
    assert by_subject(diagnose(model))["encoders"] == ("ok", "fetched: dnabert2")
    there.clear()
    assert by_subject(diagnose(model))["encoders"] == ("note", "fetched: none (texcnn models fetch NAME)")


class TestFiles:
    @pytest.fixture
    def files(self, tmp_path: Path) -> tuple[Path, Path]:
        return write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")

    def test_a_genome_alone(self, model: Path, files: tuple[Path, Path]) -> None:
        found = by_subject(diagnose(model, files[0]))
        assert found["genome"] == ("ok", "genome.fa: 2 sequences, 280 bp")
        assert not {"species", "annotation"} & set(found), "this model does not say what it was made for"

    def test_genes_without_a_place_are_counted(self, model: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
        genes = [("g1", "chr1", 41, 60, "+"), ("g2", "chr2", 79, 90, "-"), ("g3", "chrUn", 1, 9, "+")]
        gtf = write_gtf(tmp_path / "half.gtf", genes)
        found = by_subject(diagnose(model, files[0], gtf))
        assert found["annotation"] == ("ok", "half.gtf: 1 genes have a place, 2 have none")

    def test_names_of_another_style_are_mapped_when_asked(
        self, model: Path, files: tuple[Path, Path], tmp_path: Path
    ) -> None:
        gtf = write_gtf(tmp_path / "ensembl.gtf", [("g1", "1", 41, 60, "+")])
        verdict, text = by_subject(diagnose(model, files[0], gtf))["annotation"]
        assert (verdict, "`map_chrom_names`" in text) == ("wrong", True)
        mapped = by_subject(diagnose(model, files[0], gtf, map_chrom_names=True))
        assert mapped["annotation"] == ("ok", "ensembl.gtf: 1 genes have a place, 0 have none")

    def test_a_genome_that_cannot_be_read_ends_its_own_checks_only(self, model: Path, files: tuple[Path, Path]) -> None:
        found = by_subject(diagnose(model, Path("nowhere.fa"), files[1]))
        assert found["genome"][0] == "wrong"
        assert "nowhere.fa" in found["genome"][1]
        assert found["model"][0] == "ok"
        assert "annotation" not in found

    @pytest.mark.parametrize(
        ("assembly", "finding"),
        [
            (Assembly("Tinius", "T1", {"1": 200, "2": 80}), ("ok", "the genome looks like Tinius (T1)")),
            (HUMAN, ("note", "the genome does not look like Homo sapiens (GRCh38)")),
        ],
    )
    def test_the_species_of_the_model(
        self, tmp_path: Path, files: tuple[Path, Path], assembly: Assembly, finding: tuple[str, str]
    ) -> None:
        own = save_tiny_dnabert2(tmp_path / "own")
        extend_bundle(own, {}, assembly=assembly)
        assert by_subject(diagnose(own, files[0]))["species"] == finding

    def test_a_model_that_cannot_be_loaded_hides_no_genome(self, tiny: Path, files: tuple[Path, Path]) -> None:
        (tiny / "model.safetensors").write_bytes(b"cut short")
        found = by_subject(diagnose(tiny, *files))
        assert (found["model"][0], "wrong checksum" in found["model"][1]) == ("wrong", True)
        assert found["genome"] == ("ok", "genome.fa: 2 sequences, 280 bp")
        assert found["annotation"] == ("note", "genes.gtf was not looked at, as there is no model to place it for")
        assert "species" not in found
