import json
import random

import pytest
import torch

from texcnn.encoders.dnabert import load_dnabert
from texcnn.encoders.dnabert2 import load_dnabert2
from texcnn.encoders.protocol import EncoderSpec

RANDOM = random.Random(3)
SEGMENTS = ["".join(RANDOM.choices("ACGTN", [5, 5, 5, 5, 1], k=length)) for length in (1, 3, 4, 7, 12, 12, 20, 20)]


@pytest.fixture(params=["dnabert", "dnabert2"])
def make(request, dnabert_folder, dnabert2_folder):
    """Loads one of both encoders with a pooling."""

    def load(pooling="mean"):
        if request.param == "dnabert":
            return load_dnabert(EncoderSpec("dnabert", str(dnabert_folder), pooling=pooling, options={"k": 3}))
        return load_dnabert2(EncoderSpec("dnabert2", str(dnabert2_folder), pooling=pooling))

    return load


@pytest.mark.parametrize("pooling", ["mean", "mean_no_special", "cls", "max"])
def test_batch_size_order_and_padding_change_nothing(make, pooling, device):
    encoder = make(pooling).to(torch.device(device))
    tokens = encoder.tokenize(SEGMENTS)
    together = encoder.embed(tokens)
    assert together.shape == (8, 12)
    assert together.dtype == torch.float32
    assert together.device.type == device
    alone = torch.cat([encoder.embed([row]) for row in tokens])
    by_three = torch.cat([encoder.embed(tokens[start : start + 3]) for start in range(0, 8, 3)])
    reverse = encoder.embed(tokens[::-1]).flip(0)
    # A GPU picks its kernels by shape, and these round differently.
    tolerance = 1e-6 if device == "cpu" else 1e-5
    for other in (alone, by_three, reverse):
        assert (other - together).abs().max() <= tolerance
    # The vectors do tell the segments apart, or the comparison above would show nothing.
    assert torch.cdist(together[4:], together[4:]).fill_diagonal_(1).min() > 1e-3


def test_no_segments_give_no_vectors(make):
    encoder = make()
    assert encoder.tokenize([]) == []
    assert encoder.embed([]).shape == (0, 12)
    assert encoder.embed([]).dtype == torch.float32


def test_collate_pads_on_the_right(make):
    encoder = make()
    ids, mask = encoder.collate([[7, 8], [5, 6, 7]])
    assert ids.tolist() == [[7, 8, encoder.tokenizer.pad_id], [5, 6, 7]]
    assert mask.tolist() == [[True, True, False], [True, True, True]]


def test_a_token_with_the_padding_id_is_not_padding(make):
    encoder = make()
    pad = encoder.tokenizer.pad_id
    row = [encoder.tokenizer.cls_id, 5, pad, encoder.tokenizer.sep_id]
    assert torch.allclose(encoder.embed([row, [*row, 5]])[0], encoder.embed([row])[0], atol=1e-6)


def test_embed_is_frozen_and_vectors_are_differentiable(make):
    encoder = make()
    tokens = encoder.tokenize(SEGMENTS[4:])
    assert encoder.embed(tokens).is_inference()
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    seen = []
    embedding = encoder.model.embeddings.word_embeddings

    def watch(module, inputs, output):
        seen.append(output.requires_grad_())

    handle = embedding.register_forward_hook(watch)
    vectors = encoder.vectors(*encoder.collate(tokens))
    handle.remove()
    (gradient,) = torch.autograd.grad(vectors.sum(), seen)
    assert gradient.abs().sum() > 0
    assert torch.allclose(vectors, encoder.embed(tokens), atol=1e-6)


def test_fingerprint_covers_weights_pooling_and_nothing_else(make):
    first = make().fingerprint()
    assert first == make().fingerprint()
    assert len({first, make("cls").fingerprint(), make("max").fingerprint()}) == 3
    changed = make()
    with torch.no_grad():
        next(changed.model.parameters())[0, 0] += 1e-3
    assert changed.fingerprint() != first


def test_fingerprint_covers_the_number_of_heads_which_no_weight_shows(dnabert_folder, dnabert2_folder):
    loads = [
        (dnabert_folder, lambda: load_dnabert(EncoderSpec("dnabert", str(dnabert_folder), options={"k": 3}))),
        (dnabert2_folder, lambda: load_dnabert2(EncoderSpec("dnabert2", str(dnabert2_folder)))),
    ]
    for folder, load in loads:
        first = load().fingerprint()
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"num_attention_heads": 2}))
        assert load().fingerprint() != first


def test_fingerprint_covers_the_tokenizer(dnabert2_folder):
    spec = EncoderSpec("dnabert2", str(dnabert2_folder))
    first = load_dnabert2(spec).fingerprint()
    path = dnabert2_folder / "tokenizer.json"
    path.write_text(path.read_text() + "\n")
    assert load_dnabert2(spec).fingerprint() != first
