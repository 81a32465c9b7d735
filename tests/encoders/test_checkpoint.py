import pickle

import pytest
import torch
from tiny_checkpoints import write_weights
from torch import nn

from texcnn.encoders.checkpoint import load_weights, read_json, read_state_dict
from texcnn.errors import ModelError


class Evil:
    def __reduce__(self):
        return (print, ("code of the file ran",))


def layer_tensors():
    return {"weight": torch.tensor([[1.0, 2.0]]), "bias": torch.tensor([3.0])}


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_weights_load_with_and_without_the_prefix(prefix):
    layer = nn.Linear(2, 1)
    load_weights(layer, {prefix + key: tensor for key, tensor in layer_tensors().items()}, where="FILE")
    assert layer.weight.tolist() == [[1.0, 2.0]]
    assert layer.bias.tolist() == [3.0]


def test_weights_are_converted_to_the_modules_type():
    layer = nn.Linear(2, 1)
    load_weights(layer, {key: tensor.half() for key, tensor in layer_tensors().items()}, where="FILE")
    assert layer.weight.dtype == torch.float32
    assert layer.weight.tolist() == [[1.0, 2.0]]


def test_known_parts_that_an_encoder_lacks_are_left_out():
    extra = ("cls.predictions.decoder.bias", "bert.pooler.dense.weight", "bert.embeddings.position_ids")
    load_weights(nn.Linear(2, 1), layer_tensors() | dict.fromkeys(extra, torch.zeros(1)), where="FILE")


def test_missing_unexpected_and_misshapen_keys_are_all_named():
    tensors = {"bert.weight": torch.zeros(1, 3), "bert.wight": torch.zeros(1), "bert.gamma": torch.zeros(1)}
    layer = nn.Linear(2, 1)
    before = layer.weight.clone()
    with pytest.raises(ModelError) as caught:
        load_weights(layer, tensors, where="FILE")
    assert caught.value.what == (
        "the weights do not fit: missing bias; unexpected gamma, wight; weight has shape (1, 3) instead of (1, 2)"
    )
    assert caught.value.where == "FILE"
    assert torch.equal(layer.weight, before)


def test_a_head_that_the_module_has_must_be_given():
    module = nn.ModuleDict({"cls": nn.Linear(1, 1, bias=False)})
    with pytest.raises(ModelError, match=r"missing cls\.weight"):
        load_weights(module, {}, where="FILE")
    load_weights(module, {"cls.weight": torch.tensor([[4.0]])}, where="FILE")
    assert module["cls"].weight.item() == 4.0


def test_a_file_with_code_is_refused_and_the_code_does_not_run(tmp_path, capsys):
    path = tmp_path / "pytorch_model.bin"
    torch.save({"weight": torch.zeros(1), "evil": Evil()}, path)
    with pytest.raises(ModelError, match="cannot read the weights"):
        read_state_dict(path)
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(ModelError, match="cannot read the weights"):
        read_state_dict(path)
    assert "code of the file ran" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"version 1\n", b"\0" * 100, b"}q\x00X"])
def test_a_damaged_file_is_named(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"cannot read the weights: .* in .*{name}"):
        read_state_dict(path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors", "config.json"])
def test_a_pointer_of_git_lfs_is_known_by_its_first_line(tmp_path, name):
    path = tmp_path / name
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ModelError, match=rf"{name} is a Git LFS pointer.*git lfs pull") as error:
        (read_json if name == "config.json" else read_state_dict)(path)
    assert "weights_only" not in str(error.value)


def test_advice_to_run_a_files_code_is_not_passed_on(tmp_path):
    torch.save({"weight": torch.zeros(1), "evil": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError) as error:
        read_state_dict(tmp_path / "pytorch_model.bin")
    assert "weights_only" not in str(error.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(number):
    module = torch.nn.Linear(1, 1)
    with pytest.raises(ModelError, match=r"not finite, in weight .*FILE"):
        load_weights(module, {"weight": torch.tensor([[number]]), "bias": torch.zeros(1)}, where="FILE")


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.safetensors"])
def test_a_file_cut_short_is_named(tmp_path, file):
    write_weights(tmp_path, {"weight": torch.zeros(1000)}, file)
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ModelError, match="cannot read the weights"):
        read_state_dict(path)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"weight": torch.zeros(1), "epoch": 3}])
def test_anything_but_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="not a state dict of tensors alone"):
        read_state_dict(tmp_path / "pytorch_model.bin")


@pytest.mark.parametrize(("content", "message"), [("{", "not JSON"), ("[1]", "not a JSON object")], ids=["cut", "list"])
def test_an_unusable_config_is_named(tmp_path, content, message):
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=rf"{message}.* in .*config\.json"):
        read_json(path)


def test_a_missing_config_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"the file cannot be read \(No such file"):
        read_json(tmp_path / "config.json")
