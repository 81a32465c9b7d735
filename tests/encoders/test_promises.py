"""What every encoder promises, whatever its kind: one vector per segment, and a share of it for each base."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import texcnn
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.encoders.protocol import Bundled, Encoder, EncoderSpec, Explained, ReducedPrecision, TokenCost
from texcnn.encoders.registry import load_encoder
from texcnn.errors import ModelError

LONGEST = 18
Make = Callable[[], Encoder]


def segments(n: int = 12, seed: int = 0) -> list[str]:
    """Random segments of several lengths, some with unknown bases, one of them twice."""
    rng = random.Random(seed)
    made = ["".join(rng.choices("ACGTN", [9, 9, 9, 9, 1], k=rng.choice([8, 12, LONGEST]))) for _ in range(n - 1)]
    return [*made, made[0]]


@pytest.fixture(params=["kmer-counts", "dnabert", "dnabert2", "texcnn-mini", "texcnn-yeast"])
def make(request: pytest.FixtureRequest, dnabert_folder: Path, dnabert2_folder: Path) -> Make:
    """Loads an encoder anew."""
    kinds: dict[str, Make] = {
        "kmer-counts": lambda: KmerCountsEncoder(3),
        "dnabert": lambda: load_encoder(EncoderSpec(type="dnabert", source=str(dnabert_folder), options={"k": 3})),
        "dnabert2": lambda: load_encoder(EncoderSpec(type="dnabert2", source=str(dnabert2_folder))),
        "texcnn-mini": lambda: texcnn.load_model("texcnn-mini").segment_network().encoders[0],
        "texcnn-yeast": lambda: texcnn.load_model("texcnn-yeast").segment_network().encoders[0],
    }
    return kinds[request.param]


def embed(encoder: Encoder, given: list[str]) -> torch.Tensor:
    return encoder.embed(encoder.tokenize(given))


def test_a_vector_of_float32_per_segment_without_gradients(make: Make) -> None:
    encoder = make()
    found = embed(encoder, segments())
    assert (found.shape, found.dtype) == ((12, encoder.dim), torch.float32)
    assert found.isfinite().all()
    assert not found.requires_grad
    assert torch.equal(found[0], found[-1]), "the same segment"
    assert len({tuple(row.tolist()) for row in found}) > 8, "others differ"


def test_a_vector_depends_on_no_other_segment(make: Make) -> None:
    encoder, given = make(), segments()
    together = embed(encoder, given)
    scale = together.abs().max().item()
    alone = torch.cat([embed(encoder, [segment]) for segment in given])
    torch.testing.assert_close(alone, together, rtol=0, atol=2e-6 * max(scale, 1))
    reverse = embed(encoder, given[::-1]).flip(0)
    torch.testing.assert_close(reverse, together, rtol=0, atol=2e-6 * max(scale, 1))


def test_tokens_are_made_segment_by_segment(make: Make) -> None:
    encoder, given = make(), segments()
    assert list(map(list, encoder.tokenize(given))) == [list(encoder.tokenize([segment])[0]) for segment in given]
    assert list(encoder.tokenize([])) == []


def test_a_name_a_length_and_a_digest_that_loading_again_gives_again(make: Make) -> None:
    one, other = make(), make()
    assert one.name
    assert one.dim > 0
    assert re.fullmatch("[0-9a-f]{64}", one.fingerprint())
    assert one.fingerprint() == other.fingerprint()
    assert torch.equal(embed(one, segments()), embed(other, segments()))


def test_it_can_be_moved_to_where_it_is(make: Make) -> None:
    encoder = make()
    before = embed(encoder, segments())
    assert encoder.to(torch.device("cpu")) is encoder
    assert torch.equal(embed(encoder, segments()), before)


def test_another_type_of_number_and_back(make: Make) -> None:
    encoder = make()
    if not isinstance(encoder, ReducedPrecision):
        pytest.skip("computes in float32 only")
    before, digest = embed(encoder, segments()), encoder.fingerprint()
    encoder.compute_in(torch.bfloat16)
    rounded = embed(encoder, segments())
    assert rounded.dtype == torch.float32, "what was pooled is float32 in any case"
    assert not torch.equal(rounded, before)
    torch.testing.assert_close(rounded, before, rtol=0, atol=0.05 * before.abs().max().item())
    assert encoder.fingerprint() == digest
    encoder.compute_in(torch.float32)
    assert torch.equal(embed(encoder, segments()), before)


class TestContributions:
    @pytest.fixture
    def encoder(self, make: Make) -> Explained:
        encoder = make()
        assert isinstance(encoder, Explained)
        return encoder

    def test_of_each_base_to_each_output(self, encoder: Explained) -> None:
        gradients = torch.randn(3, encoder.dim, generator=torch.Generator().manual_seed(0))  # type: ignore[attr-defined]
        for segment in segments(4):
            of_bases, elsewhere = encoder.base_contributions(segment, gradients)
            assert (of_bases.shape, elsewhere.shape) == ((3, len(segment)), (3,))
            assert of_bases.dtype == elsewhere.dtype == torch.float32
            assert of_bases.isfinite().all()

    def test_they_are_linear_in_what_is_asked(self, encoder: Explained) -> None:
        generator = torch.Generator().manual_seed(1)
        one, two = torch.randn(2, 1, encoder.dim, generator=generator)  # type: ignore[attr-defined]
        segment = segments(3)[1]
        (a, a_rest), (b, b_rest), (both, both_rest) = (
            encoder.base_contributions(segment, gradients) for gradients in (one, two, 2 * one - two)
        )
        scale = max(a.abs().max().item(), b.abs().max().item(), 1e-3)
        torch.testing.assert_close(both, 2 * a - b, rtol=0, atol=1e-4 * scale)
        torch.testing.assert_close(both_rest, 2 * a_rest - b_rest, rtol=0, atol=1e-4 * max(scale, 1))
        nothing, rest = encoder.base_contributions(segment, torch.zeros_like(one))
        assert not nothing.any()
        assert not rest.any()

    def test_the_weights_are_left_alone(self, encoder: Explained) -> None:
        before = embed(encoder, segments())  # type: ignore[arg-type]
        encoder.base_contributions(segments()[0], torch.ones(1, encoder.dim))  # type: ignore[attr-defined]
        assert torch.equal(embed(encoder, segments()), before)  # type: ignore[arg-type]
        for parameter in getattr(getattr(encoder, "model", None), "parameters", list)():
            assert parameter.grad is None


def test_what_else_they_have(make: Make) -> None:
    encoder = make()
    if isinstance(encoder, TokenCost):
        assert 0 < encoder.token_cost <= 1
    if isinstance(encoder, Bundled):
        assert encoder.bundle_files is None or all(isinstance(name, str) for name in encoder.bundle_files.values())
        assert not any(module.training for module in encoder.model.modules())


class TestSpec:
    def test_it_comes_back_from_json(self) -> None:
        spec = EncoderSpec("dnabert", "a/b", "r", {"f": "0"}, "cls", {"k": 3})
        assert EncoderSpec.from_json(spec.to_json()) == spec
        assert EncoderSpec.from_json({"type": "x", "source": "y"}) == EncoderSpec("x", "y")

    @pytest.mark.parametrize("values", [{"type": "x"}, {"type": "x", "source": "y", "colour": "red"}, {}])
    def test_missing_and_unknown_entries(self, values: dict[str, str]) -> None:
        with pytest.raises(ModelError):
            EncoderSpec.from_json(values)
