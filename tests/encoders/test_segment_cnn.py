import json
from pathlib import Path

import pytest
import torch
from tiny_checkpoints import FakeBundle, write_weights

from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.choose import encoder_spec
from texcnn.encoders.protocol import BUNDLE_SOURCE, Encoder, EncoderSpec
from texcnn.encoders.registry import load_encoder
from texcnn.encoders.segment_cnn import SegmentCNN, SegmentCNNEncoder
from texcnn.errors import ModelError
from texcnn.segments.bases import one_hot, stack_codes

TINY = {
    "motifs": 1, "motif_width": 3, "pool": 2, "channels": 1, "width": 1, "layers": 1, "second_pool": 2, "places": 2
}  # fmt: skip
DEEP = {
    "motifs": 8, "motif_width": 5, "pool": 3, "channels": 6, "width": 3, "layers": 3, "second_pool": 5, "places": 4
}  # fmt: skip


def a_counter_of_ac() -> SegmentCNNEncoder:
    """One motif, AC round its first base, worth 2; half of it for either base alone."""
    model = SegmentCNN(**TINY)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.zero_()
        model.convolutions[0].weight[0, 0, 1] = model.convolutions[0].weight[0, 1, 2] = 1
        model.convolutions[1].weight[:] = 10
    return SegmentCNNEncoder(model, TINY)


@pytest.fixture
def random_weights() -> SegmentCNN:
    torch.manual_seed(3)
    return SegmentCNN(**DEEP)


@pytest.fixture
def folder(tmp_path: Path, random_weights: SegmentCNN) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(DEEP))
    write_weights(tmp_path, random_weights.state_dict(), "model.safetensors")
    return tmp_path


def load(folder: Path) -> Encoder:
    return load_encoder(encoder_spec(f"segment-cnn={folder}"))


def dna(n: int, seed: int = 0) -> str:
    chance = torch.Generator().manual_seed(seed)
    return "".join("ACGT"[i] for i in torch.randint(4, (n,), generator=chance).tolist())


def test_a_vector_is_the_best_of_each_place_and_the_mean_of_all_bins():
    encoder = a_counter_of_ac()
    # Bins of two bases, places of two bins.
    segments = ["GTACGGTT", "GTGTGACG", "GTGT", "AC", "NNNN"]
    expected = [[20, 0, 5], [0, 20, 5], [0, 0, 0], [20, 0, 20], [0, 0, 0]]
    assert encoder.dim == 3
    assert encoder.embed(encoder.tokenize(segments)).tolist() == expected
    assert encoder.embed([]).shape == (0, 3)


def test_later_layers_add_to_what_they_read_and_look_further(random_weights):
    first, second, third, fourth = random_weights.convolutions
    assert [convolution.dilation for convolution in (second, third, fourth)] == [(1,), (1,), (2,)]
    for convolution in (third, fourth):
        torch.nn.init.constant_(convolution.weight, 0)
        torch.nn.init.constant_(convolution.bias, -1)
    shallow = SegmentCNN(**{**DEEP, "layers": 1})
    shallow.convolutions[0], shallow.convolutions[1] = first, second
    bases = torch.eye(4)[torch.randint(4, (5, 60))].transpose(1, 2)
    torch.testing.assert_close(random_weights(bases), shallow(bases))


def test_a_vector_does_not_depend_on_the_others(folder):
    encoder = load(folder)
    segments = [dna(60, 1), dna(31, 2), dna(60, 3), dna(1, 4), "N" * 30, dna(15, 5)]
    alone = torch.cat([encoder.embed(encoder.tokenize([segment])) for segment in segments])
    assert (alone[0] != alone[2]).any()
    for batch_size in (1, 3, 64):
        found = embed_segments([encoder], segments, options=ComputeOptions(batch_size, "cpu"))
        torch.testing.assert_close(found, alone, atol=1e-5, rtol=1e-5)
    # A segment of 15 bases has one of the four places.
    assert not alone[5, :24].view(6, 4)[:, 1:].any()


def test_codes_give_what_one_hot_bases_give(random_weights):
    segments = [dna(47, 1), dna(20, 2) + "N" * 7 + dna(20, 3)]
    encoder = SegmentCNNEncoder(random_weights, DEEP)
    one_hot_bases = one_hot(stack_codes(segments))
    torch.testing.assert_close(
        encoder.embed(encoder.tokenize(segments)), encoder.embed_bases(one_hot_bases), atol=1e-5, rtol=1e-5
    )


def test_a_bundle_holds_the_same_encoder(folder, random_weights):
    tensors = {f"encoders.1.{name}": tensor for name, tensor in random_weights.state_dict().items()}
    spec = EncoderSpec("segment-cnn", BUNDLE_SOURCE, options={"config": DEEP, "prefix": "encoders.1."})
    bundled = load_encoder(spec, bundle=FakeBundle(folder, tensors))
    assert bundled.fingerprint() == load(folder).fingerprint()
    random_weights.convolutions[1].bias.data += 1
    assert SegmentCNNEncoder(random_weights, DEEP).fingerprint() != bundled.fingerprint()


def test_a_longer_segment_is_refused():
    with pytest.raises(ModelError, match=r"9 bases for the encoder 'segment-cnn' .* 8 bases at most"):
        a_counter_of_ac().tokenize(["ACG", "ACGTACGTA"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"places": None}, "unusable sizes of segment convolutions: places"),
        ({"pool": 0, "motifs": "128"}, "motifs, pool"),
        ({"width": 4}, ": width"),
        ({"channels": 16}, r"convolutions\.1\.weight"),
    ],
)
def test_sizes_that_cannot_be_are_refused(folder, changed, message):
    (folder / "config.json").write_text(json.dumps({**DEEP, **changed}))
    with pytest.raises(ModelError, match=message):
        load(folder)
