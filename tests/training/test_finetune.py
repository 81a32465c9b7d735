import random
from pathlib import Path

import pytest
import torch
from tiny import save_tiny_dnabert2

from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.errors import InputError
from texcnn.heads.textcnn import TextCNN
from texcnn.model.load import load_model
from texcnn.segments.segment import SegmentSpec
from texcnn.training.examples import Examples
from texcnn.training.finetune import FineTunedNetwork, SegmentTokens
from texcnn.training.fit import Fit, FitOptions, fit_head, predict_rows

SPEC = SegmentSpec(length=12)
TRAIN, VALID, TEST = list(range(120)), list(range(120, 160)), list(range(160, 200))
OPTIONS = FitOptions(epochs=12, batch_size=20, learning_rate=0.005, patience=12, seed=1, encoder_learning_rate=0.005)


def windows() -> list[str]:
    chance = random.Random(0)
    return ["".join(chance.choices("ACGT", k=24)) for _ in range(199)] + ["ACGT" * 3 + "N" * 12]


def make(folder: Path) -> tuple[TokenEncoder, Examples]:
    """Expression is how often AC and ACGT occur: an order of bases, which composition does not tell."""
    (encoder,) = load_model(save_tiny_dnabert2(folder)).segment_network().encoders
    assert isinstance(encoder, TokenEncoder)
    labels = torch.tensor([[float(bases.count("ACGT") + bases.count("AC"))] for bases in windows()])
    return encoder, Examples(SegmentTokens.of(encoder, windows(), SPEC), None, labels, ("x",))


def network(encoder: TokenEncoder, layers: int | None, per_pass: int = 64) -> FineTunedNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = TextCNN(encoder.dim, 1, kernel_widths=(1,), filters=8, dropout=0.0)
    return FineTunedNetwork(encoder, head, layers=layers, segments_per_pass=per_pass)


def fit(net: FineTunedNetwork, data: Examples, options: FitOptions = OPTIONS, checkpoint: Path | None = None) -> Fit:
    return fit_head(net, data, TRAIN, VALID, options, checkpoint=checkpoint)


def test_vectors_are_those_of_the_encoder_and_masked_segments_have_none(tmp_path: Path, device: str) -> None:
    encoder, data = make(tmp_path / "m")
    tokens = data.inputs
    assert isinstance(tokens, SegmentTokens)
    assert tokens.lengths[199].tolist()[1] == 0
    net = network(encoder, None).eval()
    parts = [encoder.embed(encoder.tokenize(list(SPEC.split(bases).bases))) for bases in windows()[:3]]
    expected = net.head(torch.stack(parts), torch.ones(3, 2, dtype=torch.bool))
    found = predict_rows(net, data, [0, 1, 2], device=torch.device(device))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 if device == "cpu" else 1e-3)
    assert encoder.device.type == "cpu"
    few = network(encoder, None, per_pass=2).eval()
    torch.testing.assert_close(predict_rows(few, data, TEST), predict_rows(net, data, TEST), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_gradient_is_that_of_one_pass(tmp_path: Path) -> None:
    encoder, data = make(tmp_path / "m")
    rows = torch.arange(6)
    gradients = []
    for per_pass in (64, 3):
        net = network(encoder, None, per_pass).eval()
        net.zero_grad()
        net(*data.inputs.take(rows, torch.device("cpu"))).sum().backward()
        gradients.append([weight.grad.clone() for weight in net.parameters() if weight.grad is not None])
    assert len(gradients[0]) > 20
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_only_the_last_layers_move(tmp_path: Path) -> None:
    encoder, data = make(tmp_path / "m")
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    fit(network(encoder, 1), data, FitOptions(**{**vars(OPTIONS), "epochs": 2}))
    moved = {name for name, value in encoder.model.state_dict().items() if not value.equal(before[name])}
    assert moved
    assert all(name.startswith("encoder.layer.1.") for name in moved)
    with pytest.raises(InputError, match=r"unusable number of layers 3 to fine-tune.*1 to 2"):
        network(encoder, 3)


@pytest.mark.slow
def test_continuing_equals_an_uninterrupted_training(tmp_path: Path) -> None:
    results = []
    for name, stops in (("whole", [4]), ("resumed", [2, 4])):
        for epochs in stops:
            encoder, data = make(tmp_path / f"{name}{epochs}")
            options = FitOptions(**{**vars(OPTIONS), "epochs": epochs})
            done = fit(network(encoder, None), data, options, tmp_path / f"{name}.safetensors")
        results.append((done.history, done.head.state_dict()))
    assert results[0][0] == results[1][0]
    assert all(value.equal(results[1][1][name]) for name, value in results[0][1].items())


@pytest.mark.slow
def test_it_learns_what_a_frozen_encoder_cannot_show(tmp_path: Path) -> None:
    losses = []
    for rate in (1e-30, OPTIONS.encoder_learning_rate):
        encoder, data = make(tmp_path / f"m{rate}")
        options = FitOptions(**{**vars(OPTIONS), "encoder_learning_rate": rate, "epochs": 20})
        losses.append(fit(network(encoder, None), data, options).best.valid_loss)
    assert losses[1] < 0.7 * losses[0]
