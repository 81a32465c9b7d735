import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from texcnn.encoders.checkpoint import load_weights, read_state_dict
from texcnn.encoders.dnabert2 import Dnabert2Config, Dnabert2ForMaskedLM, Dnabert2Model
from texcnn.encoders.dnabert2_layers import GatedMLP, RowRun, Rows, alibi_bias, alibi_slopes, runs_of
from texcnn.errors import ModelError

TINY = Dnabert2Config(vocab_size=12, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=8)
REFERENCES = ["dnabert2_tiny_8heads", "dnabert2_tiny_12heads"]


@pytest.fixture
def model() -> Dnabert2Model:
    torch.manual_seed(0)
    model = Dnabert2Model(TINY)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture(params=REFERENCES)
def reference(request, data):
    """The model of a reference checkpoint, and its inputs and outputs by the original implementation."""
    folder = data / "encoders" / request.param
    model = Dnabert2Model(Dnabert2Config.from_json(json.loads((folder / "config.json").read_text()))).eval()
    load_weights(model, read_state_dict(folder / "pytorch_model.bin"), where=folder)
    arrays = np.load(folder / "reference.npz")
    names = ("input_ids", "attention_mask", "last_hidden_state")
    return model, *(torch.from_numpy(arrays[name]) for name in names)


# Measured largest absolute difference on the CPU: 1.2e-6 (8 heads), 1.4e-6 (12 heads); states are of order 1.
@pytest.mark.data
@torch.inference_mode()
def test_padded_batch_equals_the_original(reference, device):
    model, input_ids, attention_mask, expected = reference
    found = model.to(device)(input_ids.to(device), attention_mask.to(device)).cpu()
    assert attention_mask.sum(dim=1).tolist() == [37, 28, 5, 2]
    assert (found - expected).abs().max() <= 1e-5
    assert torch.equal(found[attention_mask == 0], torch.zeros_like(found[attention_mask == 0]))


@pytest.mark.data
@pytest.mark.parametrize("row", range(4))
@torch.inference_mode()
def test_single_rows_equal_the_original(reference, row, device):
    model, input_ids, attention_mask, expected = reference
    model.to(device)
    one = slice(row, row + 1)
    padded = model(input_ids[one].to(device), attention_mask[one].to(device)).cpu()
    assert (padded - expected[one]).abs().max() <= 1e-5
    length = int(attention_mask[row].sum())
    unpadded = model(input_ids[one, :length].to(device)).cpu()
    assert (unpadded - expected[one, :length]).abs().max() <= 1e-5


@pytest.mark.data
def test_an_original_checkpoint_fills_the_masked_language_model(data):
    folder = data / "encoders" / REFERENCES[0]
    config = Dnabert2Config.from_json(json.loads((folder / "config.json").read_text()))
    tensors = read_state_dict(folder / "pytorch_model.bin")
    model = Dnabert2ForMaskedLM(config)
    load_weights(model, tensors, where=folder, prefix="")
    assert model.state_dict().keys() == tensors.keys()
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in tensors.items())


def test_slopes_of_a_power_of_two_and_of_12_heads():
    eight = [2.0**-power for power in range(1, 9)]
    assert alibi_slopes(8) == eight
    assert alibi_slopes(12) == pytest.approx([*eight, 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5])
    assert alibi_slopes(1) == [2.0**-8]
    assert alibi_slopes(3) == pytest.approx([2**-4, 2**-8, 2**-2])


def test_bias_is_symmetric_and_falls_with_distance():
    bias = alibi_bias(2, 3, dtype=torch.float32, device=torch.device("cpu"))
    steps = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    assert torch.equal(bias, -torch.stack([steps / 16, steps / 256]))


@torch.inference_mode()
def test_attention_by_hand(model):
    """One layer's attention, spelled out."""
    hidden = torch.randn(5, 12)
    attention = model.encoder.layer[0].attention.self
    query, key, value = attention.Wqkv(hidden).view(5, 3, 3, 4).unbind(dim=1)
    expected = torch.empty(5, 3, 4)
    for head, slope in enumerate(alibi_slopes(3)):
        for i in range(5):
            scores = torch.tensor([float(query[i, head] @ key[j, head]) / 2 - slope * abs(i - j) for j in range(5)])
            expected[i, head] = torch.softmax(scores, dim=0) @ value[:, head]
    bias = alibi_bias(3, 8, dtype=torch.float32, device=torch.device("cpu"))[None]
    assert torch.allclose(attention(hidden, Rows([RowRun(1, 5)], bias, None)), expected.flatten(1), atol=1e-6)


def test_gate_is_the_first_half_through_the_erf_gelu():
    mlp = GatedMLP(replace(TINY, hidden_size=2, num_attention_heads=1, intermediate_size=1)).eval()
    with torch.no_grad():
        mlp.gated_layers.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        mlp.wo.weight.copy_(torch.tensor([[1.0], [0.0]]))
        mlp.wo.bias.zero_()
    mlp.layernorm = nn.Identity()
    found = mlp(torch.tensor([[1.5, 3.0]]))
    gelu = 1.5 * 0.5 * (1 + math.erf(1.5 / math.sqrt(2)))
    assert found.tolist() == [pytest.approx([gelu * 3.0 + 1.5, 3.0], abs=1e-6)]


def test_every_activation_is_its_own_module(model):
    assert sum(isinstance(module, nn.GELU) for module in model.modules()) == TINY.num_hidden_layers


@torch.inference_mode()
def test_padding_of_any_length_and_content_changes_nothing(model):
    ids = torch.randint(12, (3, 6))
    alone = model(ids)
    for extra in (1, 7):
        padded = torch.cat([ids, torch.randint(12, (3, extra))], dim=1)
        mask = torch.arange(6 + extra).lt(6).expand(3, -1)
        found = model(padded, mask)
        assert (found[:, :6] - alone).abs().max() <= 1e-6
        assert torch.equal(found[:, 6:], torch.zeros(3, extra, 12))


def test_a_row_of_padding_alone_stays_finite_with_gradients(model):
    found = model(torch.zeros(2, 4, dtype=torch.long), torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0]]))
    assert torch.equal(found[1], torch.zeros(4, 12))
    found.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_any_length_works_and_the_kept_bias_serves_inference_and_training(model):
    ids = torch.randint(12, (1, 700))
    with torch.inference_mode():
        first = model(ids)
        short = model(ids[:, :3])
        again = model(ids)
    assert torch.equal(first, again)
    assert short.shape == (1, 3, 12)
    model(ids).sum().backward()
    assert model.encoder.layer[0].attention.self.Wqkv.weight.grad is not None


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    model = Dnabert2Model(replace(TINY, hidden_dropout_prob=0.5))
    ids = torch.randint(12, (1, 6))
    assert not torch.equal(model(ids), model(ids))
    model.eval()
    assert torch.equal(model(ids), model(ids))
    without = Dnabert2Model(replace(TINY, hidden_dropout_prob=0.0))
    assert torch.equal(without(ids), without(ids))


def test_masked_language_model_has_the_original_keys_and_a_tied_decoder():
    model = Dnabert2ForMaskedLM(TINY)
    head = {f"transform.{part}.{kind}" for part in ("dense", "LayerNorm") for kind in ("weight", "bias")}
    head |= {"decoder.weight", "decoder.bias"}
    layer = {f"{part}.{kind}" for part in ("attention.self.Wqkv", "mlp.wo") for kind in ("weight", "bias")}
    layer |= {f"attention.output.{part}.{kind}" for part in ("dense", "LayerNorm") for kind in ("weight", "bias")}
    layer |= {"mlp.gated_layers.weight", "mlp.layernorm.weight", "mlp.layernorm.bias"}
    embeddings = {f"{part}.weight" for part in ("word_embeddings", "token_type_embeddings", "LayerNorm")}
    assert set(model.state_dict()) == (
        {f"cls.predictions.{name}" for name in head}
        | {f"bert.encoder.layer.{n}.{name}" for n in range(2) for name in layer}
        | {f"bert.embeddings.{name}" for name in embeddings | {"LayerNorm.bias"}}
    )
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight


def test_masked_language_model_learns():
    torch.manual_seed(0)
    model = Dnabert2ForMaskedLM(replace(TINY, hidden_dropout_prob=0.0))
    ids = torch.randint(12, (4, 6))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(ids).flatten(0, 1), ids.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(math.log(12), abs=0.2)
    assert losses[-1] < 0.5 * losses[0]


def test_parameter_count_of_the_published_model():
    config = Dnabert2Config(
        vocab_size=4096, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072
    )
    with torch.device("meta"):
        model = Dnabert2ForMaskedLM(config)
    assert sum(p.numel() for p in model.parameters()) == 117_074_176


def test_config_takes_the_fields_it_knows():
    values = {"vocab_size": 9, "hidden_size": 6, "num_hidden_layers": 1, "num_attention_heads": 2}
    values |= {"intermediate_size": 4, "layer_norm_eps": 1e-5, "model_type": "bert", "max_position_embeddings": 512}
    config = Dnabert2Config.from_json(values)
    assert (config.hidden_size, config.layer_norm_eps, config.hidden_dropout_prob) == (6, 1e-5, 0.1)


def test_config_names_what_is_missing():
    with pytest.raises(ModelError, match=r"lacks num_hidden_layers, intermediate_size .* in FILE"):
        Dnabert2Config.from_json({"vocab_size": 9, "hidden_size": 6, "num_attention_heads": 2}, where="FILE")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "relu"}, "unknown hidden_act 'relu' .* gelu"),
        ({"num_attention_heads": 5}, "12 is not divisible"),
    ],
)
def test_config_refuses_what_it_cannot_compute(change, message):
    with pytest.raises(ModelError, match=message):
        replace(TINY, **change)


def test_runs_are_neighbours_of_one_length_without_empty_rows():
    assert runs_of([3, 3, 2, 0, 3]) == [RowRun(2, 3), RowRun(1, 2), RowRun(1, 3)]
    assert runs_of([]) == []


@torch.inference_mode()
def test_packed_rows_in_any_order_equal_rows_alone(model):
    lengths = [4, 1, 4, 70, 4, 2]
    rows = [torch.randint(12, (length,)) for length in lengths]
    together = model.packed(torch.cat(rows), lengths).split(lengths)
    for row, found in zip(rows, together, strict=True):
        assert (found - model(row[None])[0]).abs().max() <= 1e-6


def test_gradients_of_a_padded_batch_equal_those_of_its_rows(model):
    ids = torch.randint(12, (3, 6))
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]])
    weight = model.encoder.layer[0].mlp.gated_layers.weight
    (together,) = torch.autograd.grad(model(ids, mask).square().sum(), weight)
    alone = torch.zeros_like(weight)
    for row, length in zip(ids, mask.sum(dim=1).tolist(), strict=True):
        alone += torch.autograd.grad(model(row[None, :length]).square().sum(), weight)[0]
    assert (together - alone).abs().max() <= 1e-4 * alone.abs().max()
