"""Matrix products in bfloat16: how far vectors and predictions move, and that there is a way back.

On a CPU without the instructions bfloat16 is emulated: slow, but the numbers are those of the hardware.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.checkpoint import load_weights, read_state_dict
from texcnn.encoders.dnabert import load_dnabert
from texcnn.encoders.dnabert2 import Dnabert2Config, Dnabert2Model, load_dnabert2
from texcnn.encoders.pooling import mean
from texcnn.encoders.protocol import EncoderSpec, ReducedPrecision
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.model.load import load_model

SEGMENTS = ["ACGTACGTACGT", "GGGTTTAAACCC", "ACG", "TTTTTTTTTTTTTTTTTTTT"]


@pytest.fixture(params=["dnabert", "dnabert2"])
def encoder(request: pytest.FixtureRequest, dnabert_folder: Path, dnabert2_folder: Path) -> TokenEncoder:
    if request.param == "dnabert":
        return load_dnabert(EncoderSpec("dnabert", str(dnabert_folder), options={"k": 3}))
    return load_dnabert2(EncoderSpec("dnabert2", str(dnabert2_folder)))


def test_all_weights_change_and_come_back(encoder: TokenEncoder) -> None:
    assert isinstance(encoder, ReducedPrecision)
    before = {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}
    fingerprint, tokens = encoder.fingerprint(), encoder.tokenize(SEGMENTS)
    full = encoder.embed(tokens)

    low = encoder.compute_in(torch.bfloat16).embed(tokens)
    assert low.dtype == torch.float32
    assert 1e-5 < (low - full).abs().max() < 0.05 * full.abs().max()
    assert encoder.fingerprint() == fingerprint
    # Norms and embeddings too: float32 between matrix products costs what the matrix products gain, and the vectors do
    # not need it (see the correlations below).
    assert {weight.dtype for weight in encoder.model.parameters()} == {torch.bfloat16}

    encoder.compute_in(torch.float16).compute_in(torch.float32)  # not through what bfloat16 left
    assert torch.equal(encoder.embed(tokens), full)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.model.state_dict().items())


def test_the_fingerprint_is_that_of_the_weights_as_they_were_loaded(encoder: TokenEncoder) -> None:
    expected = encoder.fingerprint()
    encoder._fingerprint = None
    assert encoder.compute_in(torch.bfloat16).fingerprint() == expected


def test_the_engine_chooses_the_type_for_encoders_that_have_the_choice(encoder: TokenEncoder) -> None:
    full = embed_segments([encoder], SEGMENTS, options=ComputeOptions(2, "cpu", "float32"))
    low = embed_segments([encoder], SEGMENTS, options=ComputeOptions(2, "cpu", "bfloat16"))
    assert encoder.dtype == torch.float32, "put back after the call"
    assert not torch.equal(low, full)
    again = embed_segments([encoder], SEGMENTS, options=ComputeOptions(2, "cpu", "float32"))
    assert torch.equal(again, full)


def correlations(found: Tensor, expected: Tensor) -> list[float]:
    return [float(np.corrcoef(*pair)[0, 1]) for pair in zip(found.numpy(), expected.numpy(), strict=True)]


# Measured smallest correlation of a vector: 0.999997 (8 heads), 0.999995 (12 heads).
@pytest.mark.data
@pytest.mark.parametrize("name", ["dnabert2_tiny_8heads", "dnabert2_tiny_12heads"])
def test_pooled_vectors_equal_the_originals_to_four_nines(data: Path, name: str) -> None:
    folder = data / "encoders" / name
    model = Dnabert2Model(Dnabert2Config.from_json(json.loads((folder / "config.json").read_text()))).eval()
    load_weights(model, read_state_dict(folder / "pytorch_model.bin"), where=folder)
    arrays = {name: torch.from_numpy(array) for name, array in np.load(folder / "reference.npz").items()}
    ids, mask = arrays["input_ids"], arrays["attention_mask"]
    with torch.inference_mode():
        hidden = model.to(torch.bfloat16)(ids, mask)
    assert hidden.dtype == torch.bfloat16  # the residual stream
    found, expected = (mean(states, mask, mask) for states in (hidden, arrays["last_hidden_state"]))
    assert not torch.equal(found, expected)
    assert min(correlations(found, expected)) >= 0.9999


def test_the_bundled_model_computes_in_float32_whatever_is_asked() -> None:
    model = load_model("texcnn-mini")
    bases = np.random.default_rng(0).choice(list("ACGT"), (8, model.window.length))
    sequences = ["".join(row) for row in bases]
    full = model.predict_sequences(sequences, device="cpu", dtype="float32")
    np.testing.assert_array_equal(model.predict_sequences(sequences, device="cpu", dtype="bfloat16"), full)
