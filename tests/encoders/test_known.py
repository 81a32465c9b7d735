import json
import re

import pytest

from texcnn.encoders.choose import encoder_spec
from texcnn.encoders.known import KNOWN_ENCODERS, known_name
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.registry import encoder_types
from texcnn.errors import ModelError


def test_names():
    published = ["nucleotide-transformer-500m-human-ref", "nucleotide-transformer-500m-1000g"]
    assert list(KNOWN_ENCODERS) == ["dnabert2", "enformer", *published, *(f"dnabert-{k}" for k in (3, 4, 5, 6))]


@pytest.mark.parametrize("name", KNOWN_ENCODERS)
def test_each_spec_is_complete_and_round_trips(name):
    spec = KNOWN_ENCODERS[name]
    assert spec.type in encoder_types()
    assert EncoderSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert spec.revision is None or re.fullmatch("[0-9a-f]{40}", spec.revision)
    assert all(re.fullmatch("[0-9a-f]{64}", sum_) for sum_ in spec.sha256.values())
    # Each file is either pinned or marked as unverified, never both, never neither.
    tokenizers = {"dnabert2": {"tokenizer.json"}, "nucleotide-transformer": {"vocab.txt"}}
    files = {"config.json", "pytorch_model.bin"} | tokenizers.get(spec.type, set())
    assert sorted([*spec.sha256, *spec.options.get("unverified", [])]) == sorted(files)


@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_k_follows_the_name(k):
    assert KNOWN_ENCODERS[f"dnabert-{k}"].options["k"] == k
    assert KNOWN_ENCODERS[f"dnabert-{k}"].source == f"zhihan1996/DNA_bert_{k}"


def test_a_specs_name_ignores_revision_and_pooling():
    assert known_name(EncoderSpec(type="dnabert2", source="zhihan1996/DNABERT-2-117M", pooling="cls")) == "dnabert2"
    assert known_name(EncoderSpec(type="dnabert2", source="someone/else")) == "someone/else"


def test_a_short_name_is_its_spec():
    assert encoder_spec("dnabert-6") is KNOWN_ENCODERS["dnabert-6"]


def test_a_folder_shows_its_type(dnabert_folder, dnabert2_folder):
    assert encoder_spec(str(dnabert2_folder)) == EncoderSpec(type="dnabert2", source=str(dnabert2_folder))
    expected = EncoderSpec(type="dnabert", source=str(dnabert_folder), options={"k": 3})
    assert encoder_spec(str(dnabert_folder)) == expected


def test_an_unknown_name_lists_the_valid_ones():
    with pytest.raises(ModelError, match=r"unknown encoder 'dnabert-7' .* dnabert2, .*dnabert-3.*, a folder"):
        encoder_spec("dnabert-7")


def test_a_folder_of_another_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"vocab_size": 30522}')
    with pytest.raises(ModelError, match="30522 tokens"):
        encoder_spec(str(tmp_path))
