"""Operations counted by hand and by PyTorch's own counter."""

from __future__ import annotations

import pytest
import torch
from tiny import CompositionEncoder
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from texcnn.bench.flops import batch_flops, encoder_flops, flops_per_token, gemm_flops_per_second
from texcnn.encoders.dnabert2 import Dnabert2Config, Dnabert2Model
from texcnn.model.load import load_model


def test_flops_of_a_token_by_hand():
    # hidden 2, MLP 3, one layer, 5 tokens: 4 * 4 projections, 2 or 3 * 6 in the MLP, 2 * 5 * 2 attention, each x 2.
    assert flops_per_token(hidden=2, intermediate=3, layers=1, length=5, gated=False) == 2 * (16 + 12 + 20)
    assert flops_per_token(hidden=2, intermediate=3, layers=1, length=5, gated=True) == 2 * (16 + 18 + 20)
    assert flops_per_token(hidden=2, intermediate=3, layers=7, length=5, gated=True) == 7 * 2 * (16 + 18 + 20)


@pytest.mark.parametrize("gated", [True, False])
def test_flops_agree_with_what_torch_counts(gated):
    """PyTorch's own counter, on our DNABERT-2 (gated) and transformers' BERT."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    if gated:
        model = Dnabert2Model(Dnabert2Config(vocab_size=10, **sizes))
    else:
        config = BertConfig(vocab_size=10, attn_implementation="eager", **sizes)
        model = BertModel(config, add_pooling_layer=False)
    counter = FlopCounterMode(display=False)
    # The counter knows nothing of the CPU's fused attention, but sees the two products that it is made of.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model.eval()(torch.ones(3, 7, dtype=torch.long))
    assert counter.get_total_flops() == batch_flops([7] * 3, hidden=16, intermediate=24, layers=2, gated=gated)


def test_padding_is_no_useful_work():
    sizes = {"hidden": 2, "intermediate": 3, "layers": 1, "gated": True}
    assert batch_flops([5, 1], **sizes) == 5 * flops_per_token(length=5, **sizes) + flops_per_token(length=1, **sizes)
    assert batch_flops([], **sizes) == 0


def test_an_encoder_says_its_sizes_itself(tiny_dnabert2):
    encoder = load_model(tiny_dnabert2).segment_network().encoders[0]
    expected = batch_flops([4, 9], hidden=16, intermediate=24, layers=2, gated=True)
    assert encoder_flops(encoder, [4, 9]) == expected
    assert encoder_flops(CompositionEncoder(), [4, 9]) is None


def test_the_machine_multiplies_at_some_rate():
    assert 1e8 < gemm_flops_per_second(repeats=1) < 1e16
