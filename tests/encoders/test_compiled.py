"""Compiled encoders: the same vectors, no other code for another batch, and refusal where there is nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny import CompositionEncoder, write_genome, write_gtf

from texcnn.cli.main import main
from texcnn.encoders.compiled import compile_encoders
from texcnn.encoders.dnabert import load_dnabert
from texcnn.encoders.dnabert2 import load_dnabert2
from texcnn.encoders.protocol import Compilable, EncoderSpec
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.errors import InputError
from texcnn.model.load import load_model

SEGMENTS = ["ACGTACGTACGT", "GGGTTTAAACCC", "ACG", "TTTTTTTTTTTTTTTT", "ACGNNACGT"]


@pytest.fixture
def encoder(request: pytest.FixtureRequest, dnabert_folder: Path, dnabert2_folder: Path) -> TokenEncoder:
    if request.param == "dnabert":
        return load_dnabert(EncoderSpec("dnabert", str(dnabert_folder), options={"k": 3}))
    return load_dnabert2(EncoderSpec("dnabert2", str(dnabert2_folder)))


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["dnabert", "dnabert2"], indirect=True)
def test_compiled_vectors_are_the_same_and_one_compilation_serves_every_batch(encoder: TokenEncoder) -> None:
    plain = encoder.copy()
    fingerprint, keys = encoder.fingerprint(), encoder.model.state_dict().keys()
    compile_encoders([encoder], torch.device("cpu"))
    tokens = encoder.tokenize(SEGMENTS)

    assert (encoder.embed(tokens) - plain.embed(tokens)).abs().max() <= 1e-5
    with torch.compiler.set_stance("fail_on_recompile"):
        for rows in (tokens[:2], tokens[1:], tokens * 3, [tokens[0]] * 4):
            assert (encoder.embed(rows) - plain.embed(rows)).abs().max() <= 1e-5
        assert (encoder.copy().embed(tokens) - plain.embed(tokens)).abs().max() == 0  # a copy is not compiled

    encoder._fingerprint = None
    assert (encoder.fingerprint(), encoder.model.state_dict().keys()) == (fingerprint, keys)


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["dnabert2"], indirect=True)
def test_compiled_in_bfloat16(encoder: TokenEncoder) -> None:
    tokens = encoder.tokenize(SEGMENTS)
    full = encoder.copy().embed(tokens)
    expected = encoder.copy().compute_in(torch.bfloat16).embed(tokens)
    compile_encoders([encoder], torch.device("cpu"))
    found = encoder.compute_in(torch.bfloat16).embed(tokens)
    # Fused kernels round to 16 bits less often than one after the other, so that they differ, but not in size.
    assert 1e-5 < (found - full).abs().max() <= 2 * (expected - full).abs().max()


@pytest.mark.slow
def test_predictions_of_a_compiled_model(tiny_dnabert2: Path, tmp_path: Path) -> None:
    genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
    columns = ["x", "y", "z"]
    model = load_model(tiny_dnabert2)
    expected = model.predict(genome, gtf=gtf, device="cpu", dtype="float32")[columns]
    found = model.predict(genome, gtf=gtf, device="cpu", dtype="float32", compile=True)[columns]
    part = next(module for module in model.segment_network().encoders[0].model.modules() if module._compiled_call_impl)
    assert type(part).__name__ == "AttentionOutput"
    assert (found - expected).abs().max().max() <= 1e-5


@pytest.mark.slow
def test_a_machine_without_a_compiler_is_reported(tiny_dnabert2: Path, tmp_path: Path) -> None:
    genome, gtf, out = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf"), tmp_path / "out.tsv"
    command = ["predict", "--fasta", genome, "--gtf", gtf, "--model", tiny_dnabert2, "--device", "cpu", "--out", out]
    environment = {"CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "texcnn", *map(str, command), "--compile"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "torch.compile does not work on this machine" in done.stderr
    assert "a C++ compiler (g++, or the one that CXX names)" in done.stderr
    assert "leave --compile out" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_an_encoder_with_nothing_to_compile_is_refused() -> None:
    encoder = CompositionEncoder()
    assert not isinstance(encoder, Compilable)
    with pytest.raises(InputError, match=r"no encoder that could be compiled .*`compile` .*DNABERT-2"):
        compile_encoders([encoder], torch.device("cpu"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["predict", "--embeddings", "store", "--out", "out.tsv"], "so --compile cannot be given"),
        (["train", "--fasta", "f", "--architecture", "xpresso", "--expression", "e", "--unit", "TPM", "--out", "o"],
         "there is no frozen encoder to compile"),
        (["train", "--fasta", "f", "--fine-tune", "--expression", "e", "--unit", "TPM", "--out", "o"],
         "there is no frozen encoder to compile"),
        (["train", "--embeddings", "s", "--expression", "e", "--unit", "TPM", "--out", "o"],
         "there is no frozen encoder to compile"),
        (["embed", "--fasta", "f", "--gtf", "g", "--model", "texcnn-yeast", "--out", "o"],
         "no encoder that could be compiled"),
        (["bench", "--model", "texcnn-yeast"], "no encoder that could be compiled"),
    ],
)  # fmt: skip
def test_where_nothing_is_there_to_compile(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leaving:
        main([*options, "--compile", "--device", "cpu"])
    assert leaving.value.code == 2
    assert message in capsys.readouterr().err
