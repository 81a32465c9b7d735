import json
from pathlib import Path

import pytest
import torch
from tiny_checkpoints import FakeBundle, write_weights

from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.choose import encoder_spec
from texcnn.encoders.motif_cnn import MotifCNN, MotifCNNEncoder
from texcnn.encoders.protocol import BUNDLE_SOURCE, Encoder, EncoderSpec
from texcnn.encoders.registry import load_encoder
from texcnn.errors import ModelError
from texcnn.heads.xpresso import XpressoCNN
from texcnn.segments.bases import one_hot, stack_codes

TINY = {"motifs": 1, "motif_width": 2, "pool": 2, "patterns": 1, "pattern_width": 1, "second_pool": 2, "places": 2}
XPRESSO = {
    "motifs": 128, "motif_width": 6, "pool": 30, "patterns": 32, "pattern_width": 9, "second_pool": 10, "places": 2
}  # fmt: skip


def a_counter_of_ac() -> MotifCNNEncoder:
    """One motif, AC, worth 2; half of it for either base alone."""
    model = MotifCNN(**TINY)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.zero_()
        model.conv1.weight[0, 0, 0] = model.conv1.weight[0, 1, 1] = 1
        model.conv2.weight[:] = 10
    return MotifCNNEncoder(model, TINY)


@pytest.fixture
def random_weights() -> MotifCNN:
    torch.manual_seed(3)
    model = MotifCNN(**XPRESSO)
    for tensor in model.parameters():
        tensor.data.normal_(std=0.3)
    return model


@pytest.fixture
def folder(tmp_path: Path, random_weights: MotifCNN) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(XPRESSO))
    write_weights(tmp_path, random_weights.state_dict(), "model.safetensors")
    return tmp_path


def load(folder: Path) -> Encoder:
    return load_encoder(encoder_spec(f"motif-cnn={folder}"))


def dna(n: int, seed: int = 0) -> str:
    chance = torch.Generator().manual_seed(seed)
    return "".join("ACGT"[i] for i in torch.randint(4, (n,), generator=chance).tolist())


def test_each_place_has_its_best_motif():
    encoder = a_counter_of_ac()
    # Bins of two bases, places of two bins; the window of a motif reaches one base to the right.
    segments = ["GTACGGTT", "GTGTGACG", "GAGTGTTC", "GTGT", "GTNNACG", "AC", "NNNN"]
    expected = [[20, 0], [0, 20], [10, 10], [0, 0], [0, 20], [20, 0], [0, 0]]
    assert encoder.dim == 2
    assert encoder.embed(encoder.tokenize(segments)).tolist() == expected
    assert encoder.embed([]).shape == (0, 2)


def test_a_segment_that_is_the_whole_window_gives_what_xpresso_sees(random_weights):
    xpresso = XpressoCNN(600)
    xpresso.load_state_dict(
        {**xpresso.state_dict(), **{name: tensor.clone() for name, tensor in random_weights.state_dict().items()}}
    )
    seen = []
    xpresso.pool2.register_forward_hook(lambda module, inputs, output: seen.append(output))
    segments = [dna(600, 1), dna(250, 2) + "N" * 100 + dna(250, 3)]
    with torch.no_grad():
        xpresso(one_hot(stack_codes(segments)))
    encoder = MotifCNNEncoder(random_weights, XPRESSO)
    torch.testing.assert_close(encoder.embed(encoder.tokenize(segments)), seen[0].flatten(1), atol=1e-5, rtol=1e-5)


def test_codes_and_one_hot_bases_are_two_ways_to_the_same_numbers(random_weights):
    codes = stack_codes([dna(431, seed) for seed in range(4)])
    with torch.no_grad():
        expected = random_weights(one_hot(codes))
        torch.testing.assert_close(random_weights.from_codes(codes), expected, rtol=1e-5, atol=1e-5)


def test_a_vector_does_not_depend_on_the_others(folder):
    encoder = load(folder)
    segments = [dna(600, 1), dna(31, 2), dna(600, 3), dna(1, 4), "N" * 300, dna(300, 5)]
    alone = torch.cat([encoder.embed(encoder.tokenize([segment])) for segment in segments])
    assert (alone[0] != alone[2]).any()
    for batch_size in (1, 3, 64):
        found = embed_segments([encoder], segments, options=ComputeOptions(batch_size, "cpu"))
        torch.testing.assert_close(found, alone, atol=1e-5, rtol=1e-5)
    # A segment of 300 bases has one of the two places.
    assert alone[5].view(32, 2)[:, 0].any()
    assert not alone[5].view(32, 2)[:, 1].any()


def test_a_bundle_holds_the_same_encoder(folder, random_weights):
    tensors = {f"encoders.1.{name}": tensor for name, tensor in random_weights.state_dict().items()}
    spec = EncoderSpec("motif-cnn", BUNDLE_SOURCE, options={"config": XPRESSO, "prefix": "encoders.1."})
    bundled = load_encoder(spec, bundle=FakeBundle(folder, tensors))
    assert bundled.fingerprint() == load(folder).fingerprint()
    random_weights.conv2.bias.data += 1
    assert MotifCNNEncoder(random_weights, XPRESSO).fingerprint() != bundled.fingerprint()
    assert a_counter_of_ac().fingerprint() != MotifCNNEncoder(MotifCNN(**TINY), {**TINY, "places": 3}).fingerprint()


def test_a_longer_segment_is_refused():
    encoder = a_counter_of_ac()
    assert list(map(list, encoder.tokenize(["ACGTNACG"]))) == [[0, 1, 2, 3, 4, 0, 1, 2]]
    with pytest.raises(ModelError, match=r"9 bases for the encoder 'motif-cnn' .* 8 bases at most"):
        encoder.tokenize(["ACG", "ACGTACGTA"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"places": None}, "unusable sizes of motif convolutions: places"),
        ({"pool": 0, "motifs": "128"}, "motifs, pool"),
        ({"pattern_width": 4}, "pattern_width odd"),
        ({"patterns": 16}, r"conv2\.weight"),
    ],
)
def test_sizes_that_cannot_be_are_refused(folder, changed, message):
    (folder / "config.json").write_text(json.dumps({**XPRESSO, **changed}))
    with pytest.raises(ModelError, match=message):
        load(folder)


def test_a_missing_layer_is_refused(folder, random_weights):
    tensors = random_weights.state_dict()
    del tensors["conv1.bias"]
    write_weights(folder, tensors, "model.safetensors")
    with pytest.raises(ModelError, match=r"missing conv1\.bias"):
        load(folder)


def test_batches_have_a_few_numbers_of_rows(random_weights, monkeypatch):
    encoder = MotifCNNEncoder(random_weights, XPRESSO)
    seen = set()
    monkeypatch.setattr(random_weights, "from_codes", lambda codes: seen.add(len(codes)) or codes.float())
    for n in range(1, 129):
        codes = torch.full((n, 3), 2, dtype=torch.uint8)
        assert torch.equal(encoder.embed_codes(codes), codes.float())
    assert seen == {1, 2, 3, 4, 5, 6, 7, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128}
