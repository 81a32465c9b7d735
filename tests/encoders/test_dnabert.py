import json

import pytest
import torch
from tiny_checkpoints import FakeBundle, write_weights

from texcnn.encoders.checkpoint import read_state_dict
from texcnn.encoders.dnabert import load_dnabert
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import InputError, ModelError
from texcnn.segments.kmer import KmerTokenizer


def spec(source, k=3, **changes) -> EncoderSpec:
    return EncoderSpec(type="dnabert", source=str(source), options={"k": k, **changes.pop("options", {})}, **changes)


@pytest.mark.parametrize("prefix", ["bert.", ""])
@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.safetensors"])
def test_states_equal_those_of_transformers(dnabert_folder, bert, file, prefix):
    (dnabert_folder / "pytorch_model.bin").unlink()
    write_weights(dnabert_folder, {prefix + name: t for name, t in bert.state_dict().items()}, file)
    encoder = load_dnabert(spec(dnabert_folder))
    tokens = encoder.tokenize(["ACGTACGTAC", "ACG", "TTTTNTTTTT"])
    ids, mask = encoder.collate(tokens)
    with torch.inference_mode():
        expected = bert(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        found = encoder.hidden_states(ids, mask)
    assert torch.equal(found[mask], expected[mask])
    mean = torch.stack([states[keep].mean(dim=0) for states, keep in zip(expected, mask, strict=True)])
    assert torch.allclose(encoder.embed(tokens), mean, atol=1e-6)


def test_name_size_and_tokens(dnabert_folder):
    encoder = load_dnabert(spec(dnabert_folder))
    assert (encoder.name, encoder.dim) == ("dnabert-3", 12)
    assert encoder.tokenize(["AAATC"]) == [[2, 5, 6, 11, 3]]
    assert encoder.model.config._attn_implementation == "sdpa"
    assert not encoder.model.training


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda words: words[:5] + words[:4:-1], r"has CCC|has GGG in line 6, DNABERT's 3-mers have AAA there"),
        (lambda words: words[:-1], "has 68 tokens, DNABERT's 3-mers have 69 there"),
        (lambda words: [*words, "NNN"], "has 70 tokens"),
        (lambda words: [words[1], words[0], *words[2:]], r"has \[UNK\] in line 1"),
    ],
)
def test_a_vocabulary_in_another_order_is_refused(dnabert_folder, edit, message):
    words = KmerTokenizer(3).tokens()
    (dnabert_folder / "vocab.txt").write_text("\n".join(words) + "\n")
    assert load_dnabert(spec(dnabert_folder)).name == "dnabert-3"
    (dnabert_folder / "vocab.txt").write_text("\n".join(edit(words)))
    with pytest.raises(ModelError, match=f"({message}).*vocab\\.txt.*order A, T, C, G"):
        load_dnabert(spec(dnabert_folder))


@pytest.mark.parametrize(
    ("name", "value"), [("layer_norm_eps", "1e-12"), ("hidden_size", "12"), ("hidden_act", 1), ("vocab_size", 69.0)]
)
def test_a_config_of_other_types_is_refused_when_it_is_read(dnabert_folder, name, value):
    path = dnabert_folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(ModelError, match=f"unusable entries: {name}: .*config"):
        load_dnabert(spec(dnabert_folder))


def test_a_bundle_gives_the_same_vectors(dnabert_folder, bert):
    tensors = {f"encoders.0.{name}": t for name, t in bert.state_dict().items() if not name.startswith("pooler.")}
    config = json.loads((dnabert_folder / "config.json").read_text())
    options = {"prefix": "encoders.0.", "config": config}
    found = load_dnabert(spec("bundle", options=options), FakeBundle(dnabert_folder, tensors))
    expected = load_dnabert(spec(dnabert_folder))
    tokens = expected.tokenize(["ACGTACGT", "ACGT"])
    assert torch.equal(found.embed(tokens), expected.embed(tokens))
    assert found.fingerprint() == expected.fingerprint()


def test_the_longest_segment_that_fits_is_read_and_the_next_is_refused(dnabert_folder):
    encoder = load_dnabert(spec(dnabert_folder))  # 20 positions: 18 3-mers, 20 bases
    assert encoder.embed(encoder.tokenize(["A" * 20])).shape == (1, 12)
    with pytest.raises(InputError) as caught:
        encoder.tokenize(["ACGT", "A" * 21, "A" * 25])
    assert caught.value.what == "a segment of 25 bases is 23 3-mers, more than the 18 that dnabert-3 can read"
    assert caught.value.allowed == "segments of up to 20 bases"


def test_k_must_be_given_and_must_fit(dnabert_folder):
    with pytest.raises(ModelError, match="lacks the option 'k'"):
        load_dnabert(EncoderSpec(type="dnabert", source=str(dnabert_folder)))
    with pytest.raises(ModelError, match="the model has 69 tokens, 4-mers are 261"):
        load_dnabert(spec(dnabert_folder, k=4))


def test_a_missing_layer_is_not_made_up(dnabert_folder):
    tensors = read_state_dict(dnabert_folder / "pytorch_model.bin")
    del tensors["bert.encoder.layer.1.output.dense.bias"]
    torch.save(tensors, dnabert_folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"missing encoder\.layer\.1\.output\.dense\.bias"):
        load_dnabert(spec(dnabert_folder))


def test_a_config_without_sizes_is_not_a_bert_base(dnabert_folder):
    (dnabert_folder / "config.json").write_text('{"vocab_size": 69, "hidden_size": 12}')
    with pytest.raises(ModelError, match="lacks num_hidden_layers, num_attention_heads, intermediate_size"):
        load_dnabert(spec(dnabert_folder))


def test_the_fingerprint_covers_k(dnabert_folder, tmp_path):
    first = load_dnabert(spec(dnabert_folder))
    first.tokenizer.fingerprint = "another vocabulary"
    assert first.fingerprint() != load_dnabert(spec(dnabert_folder)).fingerprint()


def test_dropout_of_fine_tuning_is_that_of_the_config(dnabert_folder):
    config = json.loads((dnabert_folder / "config.json").read_text())
    found = []
    for rates in ({"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}, {"hidden_dropout_prob": 0.3}):
        config |= rates
        (dnabert_folder / "config.json").write_text(json.dumps(config))
        encoder = load_dnabert(spec(dnabert_folder))
        rates = {module.p for module in encoder.model.modules() if isinstance(module, torch.nn.Dropout)}
        found.append((rates, encoder.fingerprint()))
    assert [rates for rates, _ in found] == [{0.0}, {0.3, 0.0}]
    # Vectors of a frozen encoder do not depend on it.
    assert found[0][1] == found[1][1]
