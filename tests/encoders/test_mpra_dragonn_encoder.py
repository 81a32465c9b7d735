"""MPRA-DragoNN's convolutions as an encoder: what each base of a segment adds, whatever lies around the segment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_dragonn import random_head
from tiny_checkpoints import FakeBundle, write_weights
from torch import Tensor

from texcnn.encoders.mpra_dragonn import MpraDragoNNEncoder, ReporterCNN
from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.encoders.registry import load_encoder
from texcnn.errors import ModelError
from texcnn.heads.mpra_dragonn import FRAGMENT, OUTPUTS, MpraDragoNN
from texcnn.model.import_mpra_dragonn import reporter_weights
from texcnn.segments.bases import one_hot, stack_codes

TINY = {"filters": 1, "width": 3, "layers": 1, "outputs": 2, "place": 5, "places": 2}
PUBLISHED = {"filters": 120, "width": 5, "layers": 3, "outputs": OUTPUTS, "place": 300, "places": 1}
SEGMENT = 300


def dna(n: int, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), n))


def a_counter_of_acg() -> MpraDragoNNEncoder:
    """Places that are in the middle of ACG count 1; the outputs are twice that less 1 a base, and its opposite."""
    model = ReporterCNN(**TINY)
    with torch.no_grad():
        model.convolutions[0].weight.zero_()
        for tap, base in enumerate("ACG"):
            model.convolutions[0].weight[0, "ACGT".index(base), tap] = 1
        model.convolutions[0].bias.fill_(-2)
        model.output.weight.copy_(torch.tensor([[2.0], [-2.0]]))
        model.output.bias.copy_(torch.tensor([-1.0, 1.0]))
    return MpraDragoNNEncoder(model, TINY)


def published(head: MpraDragoNN, **kept: Any) -> MpraDragoNNEncoder:
    model = ReporterCNN(**PUBLISHED)
    model.load_state_dict(reporter_weights(head.state_dict()))
    return MpraDragoNNEncoder(model, PUBLISHED, **kept)


def embed(encoder: Any, *segments: str) -> Tensor:
    found: Tensor = encoder.embed(encoder.tokenize(segments))
    return found


def test_each_known_place_counts_and_both_strands_are_averaged() -> None:
    encoder = a_counter_of_acg()
    # CGT is ACG on the other strand. The first and the last base are around the segment: read, but not counted.
    segments = ["NACGN", "TTACGACGTT", "TTTT", "ACG", "ACGT", "NNNN", "NANGN", "NCGN"]
    # Of the first place, five bases, and of the second one.
    found = [(1 / 2, 0), (1 / 2, 1), (0, 0), (1 / 2, 0), (1, 0), (0, 0), (0, 0), (0, 0)]
    bases = [(3, 0), (5, 3), (2, 0), (1, 0), (2, 0), (0, 0), (2, 0), (2, 0)]
    expected = [
        [sign * (2 * here - base) for here, base in zip(*places, strict=True) for sign in (1, -1)]
        for places in zip(found, bases, strict=True)
    ]
    assert embed(encoder, *segments).tolist() == expected
    assert encoder.embed([]).shape == (0, 4)


def test_a_substitution_changes_a_segment_as_it_changes_a_window_of_the_published_network() -> None:
    head = random_head(2 * (FRAGMENT - 1) + SEGMENT + 12, 0.2)
    encoder, rng = published(head), np.random.default_rng(1)
    window = dna(head.length)
    start = FRAGMENT - 1 + 6
    for place in (start + 6, start + 150, start + SEGMENT - 7, start + int(rng.integers(6, SEGMENT - 6))):
        changed = window[:place] + ("A" if window[place] != "A" else "C") + window[place + 1 :]
        with torch.no_grad():
            expected = torch.sub(*head(one_hot(stack_codes([changed, window]))))
        found = torch.sub(*embed(encoder, *(text[start - 6 : start + SEGMENT + 6] for text in (changed, window))))
        size = expected.abs().max().item()
        assert size > 1e-3
        torch.testing.assert_close(found, expected, rtol=0, atol=5e-3 * size)


def test_a_segments_share_and_its_neighbours_are_that_of_both() -> None:
    encoder, bases = published(random_head(156, 0.2)), dna(SEGMENT + 12)
    whole = embed(encoder, bases)
    parts = embed(encoder, bases[: 6 + 100 + 6], bases[100:])
    torch.testing.assert_close(parts.sum(dim=0), whole[0], rtol=1e-4, atol=1e-3)


def test_places_divide_a_segment() -> None:
    head, bases = random_head(156, 0.2), dna(SEGMENT + 12)
    model = ReporterCNN(**{**PUBLISHED, "place": 50, "places": 6})
    model.load_state_dict(reporter_weights(head.state_dict()))
    fine = MpraDragoNNEncoder(model, {**PUBLISHED, "place": 50, "places": 6})
    whole, parts = embed(published(head), bases), embed(fine, bases).view(6, OUTPUTS)
    torch.testing.assert_close(parts.sum(dim=0), whole[0], rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(parts[2], embed(published(head), bases[100 : 6 + 150 + 6])[0], rtol=1e-4, atol=1e-3)
    assert not embed(fine, bases[: 6 + 120 + 6]).view(6, OUTPUTS)[3:].any()


def test_unknown_bases_add_nothing() -> None:
    encoder, segment = published(random_head(156, 0.2)), "N" * 6 + dna(80) + "N" * 6
    alone, padded = embed(encoder, segment), embed(encoder, "N" * 30 + segment + "N" * 17)
    torch.testing.assert_close(padded, alone, rtol=1e-4, atol=1e-4)
    assert not embed(encoder, "N" * 40).any()


def test_codes_and_one_hot_bases_are_two_ways_to_the_same_numbers() -> None:
    model = published(random_head(156, 0.2)).model
    codes = stack_codes([dna(SEGMENT + 12, seed) for seed in range(40)] + ["N" * 100 + dna(212)])
    with torch.no_grad():
        torch.testing.assert_close(model.from_codes(codes), model(one_hot(codes)), rtol=1e-4, atol=1e-3)


def test_a_vector_does_not_depend_on_the_others() -> None:
    encoder = published(random_head(156, 0.2))
    segments = [*(dna(SEGMENT + 12, seed) for seed in range(35)), dna(20), "N" * 13]
    together = embed(encoder, *segments)
    alone = torch.cat([embed(encoder, segment) for segment in segments])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-3)


def test_a_longer_segment_is_refused() -> None:
    with pytest.raises(ModelError, match="13 bases for the encoder 'mpra-dragonn'"):
        a_counter_of_acg().tokenize(["A" * 13])


def test_a_folder_and_a_bundle_hold_the_same_encoder(tmp_path: Path) -> None:
    encoder = a_counter_of_acg()
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    write_weights(tmp_path, encoder.model.state_dict(), "model.safetensors")
    loaded = load_encoder(EncoderSpec("mpra-dragonn", str(tmp_path)))
    tensors = {f"encoders.0.{name}": value.half() for name, value in encoder.model.state_dict().items()}
    options = {"config": TINY, "prefix": "encoders.0."}
    bundled, near = (
        load_encoder(EncoderSpec("mpra-dragonn", BUNDLE_SOURCE, options=each), bundle=FakeBundle(tmp_path, tensors))
        for each in (options, {**options, "segments": [2, 4]})
    )
    assert loaded.fingerprint() == bundled.fingerprint() == encoder.fingerprint() != near.fingerprint()
    assert isinstance(near, MpraDragoNNEncoder)
    assert near.segments == (2, 4)


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        ({"width": 4}, {}, "unusable sizes of MPRA-DragoNN's convolutions: width"),
        ({"layers": None}, {}, "layers"),
        ({"outputs": 3}, {}, r"output\.weight has shape \(2, 1\)"),
        ({}, {"segments": [3, 3]}, r"unusable segments \[3, 3\]"),
        ({}, {"segments": [3]}, r"unusable segments \[3\]"),
    ],
)
def test_sizes_and_segments_that_cannot_be_are_refused(
    tmp_path: Path, config: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**TINY, **config}))
    write_weights(tmp_path, a_counter_of_acg().model.state_dict(), "model.safetensors")
    with pytest.raises(ModelError, match=message):
        load_encoder(EncoderSpec("mpra-dragonn", str(tmp_path), options=options))
