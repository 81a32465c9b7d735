import json

import pytest
import torch
from tiny_checkpoints import DNABERT2_CONFIG, REVISION, FakeBundle, put_in_cache, write_weights

from texcnn.encoders.checkpoint import read_state_dict
from texcnn.encoders.dnabert2 import load_dnabert2
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import ModelError

SEGMENTS = ["ACGT", "A", "ACGTACGTGGCA", "NNACN", "TTTTTTTTTTTTTTTTTTTTTTTTT", ""]


def spec(source, **changes) -> EncoderSpec:
    return EncoderSpec(type="dnabert2", source=str(source), **changes)


def edit_weights(folder, change) -> None:
    tensors = read_state_dict(folder / "pytorch_model.bin")
    change(tensors)
    torch.save(tensors, folder / "pytorch_model.bin")


def test_tokens_and_size(dnabert2_folder):
    encoder = load_dnabert2(spec(dnabert2_folder))
    assert (encoder.name, encoder.dim) == ("dnabert2", 12)
    assert encoder.tokenize(["ACGTA", "N"]) == [[1, 11, 5, 2], [1, 0, 2]]


def test_a_vector_is_the_mean_of_the_last_layer(dnabert2_folder):
    encoder = load_dnabert2(spec(dnabert2_folder))
    ids = torch.tensor([[1, 11, 5, 2]])
    expected = encoder.model(ids).mean(dim=1)
    assert torch.allclose(encoder.embed(encoder.tokenize(["ACGTA"])), expected, atol=1e-6)
    bare = load_dnabert2(spec(dnabert2_folder, pooling="mean_no_special"))
    assert torch.allclose(bare.embed([[1, 11, 5, 2]]), encoder.model(ids)[:, 1:3].mean(dim=1), atol=1e-6)


def test_every_way_in_gives_the_same_vectors(dnabert2_folder, hub_cache):
    """Original file, safetensors without head and prefix, Hub cache, bundle."""
    expected = load_dnabert2(spec(dnabert2_folder))
    vectors = expected.embed(expected.tokenize(SEGMENTS))
    tensors = expected.model.state_dict()
    put_in_cache(hub_cache, "someone/dnabert2", dnabert2_folder)
    bundle = FakeBundle(dnabert2_folder, {f"encoders.0.{name}": tensor for name, tensor in tensors.items()})
    options = {"prefix": "encoders.0.", "tokenizer": "tokenizer.json"}
    options["config"] = json.loads((dnabert2_folder / "config.json").read_text())
    found = [
        load_dnabert2(spec("someone/dnabert2", revision=REVISION)),
        load_dnabert2(spec("bundle", options=options), bundle),
    ]
    (dnabert2_folder / "pytorch_model.bin").unlink()
    write_weights(dnabert2_folder, tensors, "model.safetensors")
    found.append(load_dnabert2(spec(dnabert2_folder)))
    for encoder in found:
        assert torch.equal(encoder.embed(encoder.tokenize(SEGMENTS)), vectors)
        assert encoder.fingerprint() == expected.fingerprint()


def test_a_missing_layer_is_not_made_up(dnabert2_folder):
    edit_weights(dnabert2_folder, lambda tensors: tensors.pop("bert.encoder.layer.1.mlp.wo.bias"))
    with pytest.raises(ModelError, match=r"missing encoder\.layer\.1\.mlp\.wo\.bias .* in .*pytorch_model\.bin"):
        load_dnabert2(spec(dnabert2_folder))


def test_a_layer_too_many_is_not_ignored(dnabert2_folder):
    edit_weights(dnabert2_folder, lambda tensors: tensors.update({"bert.encoder.layer.2.mlp.wo.bias": torch.ones(12)}))
    with pytest.raises(ModelError, match=r"unexpected encoder\.layer\.2\.mlp\.wo\.bias"):
        load_dnabert2(spec(dnabert2_folder))


def test_the_tokenizer_must_fit_the_model(dnabert2_folder):
    values = json.loads((dnabert2_folder / "config.json").read_text()) | {"vocab_size": DNABERT2_CONFIG.vocab_size - 1}
    (dnabert2_folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match="the tokenizer has 12 tokens, the model 11"):
        load_dnabert2(spec(dnabert2_folder))


def test_config_errors_name_the_source(dnabert2_folder):
    (dnabert2_folder / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"the config lacks vocab_size, .* in the config of .*dnabert2"):
        load_dnabert2(spec(dnabert2_folder))


def test_an_unknown_pooling_lists_the_valid_ones(dnabert2_folder):
    with pytest.raises(ModelError, match="unknown pooling 'sum'"):
        load_dnabert2(spec(dnabert2_folder, pooling="sum"))
