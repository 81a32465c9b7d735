import json
import sys
from pathlib import Path

import pytest
import torch
from tiny_checkpoints import FakeBundle, write_weights
from torch import Tensor

from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.choose import encoder_spec
from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.encoders.registry import load_encoder
from texcnn.errors import ModelError, RunError
from texcnn.model.held_encoders import encoders_by_name
from texcnn.segments.bases import one_hot, stack_codes

# Bins of 8 bases; the width has room for 6 kinds of distances per head.
CONFIG = {"dim": 24, "depth": 2, "heads": 2, "attn_dim_key": 5, "num_downsamples": 3, "dim_divisible_by": 4}
SEGMENTS = ["ACGTTGCAAC" * 4, "GATTACA", "ACGNNNNTTGCATTTA", "C" * 9, "ACGTTGCATT" * 4, "G"]


def published(folder: Path):
    """The package's own network, with the folder's weights."""
    enformer_pytorch = pytest.importorskip("enformer_pytorch", reason="the extra 'enformer' is not installed")
    heads = {"human": 3, "mouse": 2}
    model = enformer_pytorch.Enformer(enformer_pytorch.EnformerConfig(**CONFIG, output_heads=heads, target_length=-1))
    if (folder / "pytorch_model.bin").is_file():
        model.load_state_dict(torch.load(folder / "pytorch_model.bin", weights_only=True))
    return model.eval()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = published(tmp_path)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) + 0.5 if "running_var" in name else torch.randn_like(tensor) * 0.3)
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "model_type": "enformer", "target_length": 896}))
    write_weights(tmp_path, model.state_dict(), "pytorch_model.bin")
    return tmp_path


def vectors(folder: Path, segments: list[str]) -> Tensor:
    encoder = load_encoder(encoder_spec(f"enformer={folder}"))
    return encoder.embed(encoder.tokenize(segments))


def test_vectors_are_the_mean_of_the_packages_own_bins(folder: Path) -> None:
    model = published(folder)
    # Padded by hand to whole bins, evenly.
    padded = ["ACGTTGCAAC" * 4, "GATTACAN", "ACGNNNNTTGCATTTA", "NNNCCCCCCCCCNNNN", "ACGTTGCATT" * 4, "NNNGNNNN"]
    for vector, segment in zip(vectors(folder, SEGMENTS), padded, strict=True):
        bases = one_hot(stack_codes([segment])).transpose(1, 2)
        with torch.no_grad():
            bins = model(bases, return_only_embeddings=True)[0]
        assert bins.shape == (len(segment) // 8, 48)
        torch.testing.assert_close(vector, bins.mean(dim=0), atol=1e-5, rtol=1e-5)


def test_a_vector_does_not_depend_on_the_others(folder: Path) -> None:
    together = vectors(folder, SEGMENTS)
    for place, segment in enumerate(SEGMENTS):
        torch.testing.assert_close(vectors(folder, [segment])[0], together[place], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(vectors(folder, SEGMENTS[::-1]), together.flip(0), atol=1e-5, rtol=1e-5)
    encoder = load_encoder(encoder_spec(f"enformer={folder}"))
    for batch_size in (1, 7):
        by_engine = embed_segments([encoder], [*SEGMENTS, SEGMENTS[0]], options=ComputeOptions(batch_size, "cpu"))
        torch.testing.assert_close(by_engine[:-1], together, atol=1e-5, rtol=1e-5)
        assert by_engine[-1].equal(by_engine[0])
    assert vectors(folder, []).shape == (0, 48)


def test_order_of_bases_strand_and_unknown_bases_count(folder: Path) -> None:
    first, second, third = vectors(folder, ["ACGTTGCATT", "TTACGTTGCA", "ACGTTGCANN"])
    assert not first.allclose(second, atol=1e-3)
    assert not first.allclose(third, atol=1e-3)
    # N at the ends is what padding is.
    torch.testing.assert_close(vectors(folder, ["NACGTTGCATTN"]), first[None], atol=1e-5, rtol=1e-5)


def test_safetensors_and_bundles_hold_each_tensor_once(folder: Path, tmp_path: Path) -> None:
    encoder = load_encoder(EncoderSpec("enformer", str(folder)))
    expected = encoder.embed(encoder.tokenize(SEGMENTS))
    held = encoder.model.state_dict()
    assert not any(name.startswith(("_trunk.", "_heads.")) for name in held)
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_bytes((folder / "config.json").read_bytes())
    second_names = {"stem": 1, "conv_tower": 2, "transformer": 4, "final_pointwise": 6}
    renamed = {name.replace(part := name.split(".")[0], f"_trunk.{second_names[part]}", 1): held[name] for name in held}
    write_weights(other, renamed, "model.safetensors")
    for tensors in (held, renamed):
        bundle = FakeBundle(tmp_path, {f"encoders.0.{name}": tensor for name, tensor in tensors.items()})
        spec = EncoderSpec("enformer", BUNDLE_SOURCE, options={"config": CONFIG, "prefix": "encoders.0."})
        again = load_encoder(spec, bundle=bundle)
        assert again.embed(again.tokenize(SEGMENTS)).equal(expected)
        assert again.fingerprint() == encoder.fingerprint()
    assert vectors(other, SEGMENTS).equal(expected)
    chosen = encoders_by_name([f"enformer={folder}"])
    assert chosen.tensors.keys() == {f"encoders.0.{name}" for name in held}
    again = load_encoder(chosen.specs[0], bundle=FakeBundle(tmp_path, chosen.tensors))
    assert again.fingerprint() == encoder.fingerprint()
    held["stem.0.bias"][0] += 1
    changed = FakeBundle(tmp_path, {f"encoders.0.{name}": tensor for name, tensor in held.items()})
    assert load_encoder(spec, bundle=changed).fingerprint() != encoder.fingerprint()


def test_what_does_not_fit_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no pooling 'cls' .*mean"):
        load_encoder(EncoderSpec("enformer", str(folder), pooling="cls"))
    (folder / "config.json").write_text(json.dumps({**CONFIG, "depth": 3}))
    with pytest.raises(ModelError, match=r"missing transformer.2.0.fn.0.bias"):
        load_encoder(EncoderSpec("enformer", str(folder)))
    (folder / "config.json").write_text(json.dumps({"dim": 24}))
    with pytest.raises(
        ModelError, match="the config lacks depth, heads, attn_dim_key, num_downsamples, dim_divisible_by"
    ):
        load_encoder(EncoderSpec("enformer", str(folder)))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "enformer_pytorch", None)
    with pytest.raises(RunError, match=r"needs the package enformer-pytorch.*texcnn\[enformer\]"):
        load_encoder(EncoderSpec("enformer", str(tmp_path)))
