import hashlib
import json
import random

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from texcnn.errors import ModelError
from texcnn.segments.bpe import BpeTokenizer

# DNABERT-2's order of special tokens, then single bases, then one merge: A C -> AC.
VOCABULARY = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "[MASK]": 4, "A": 5, "C": 6, "G": 7, "T": 8, "AC": 9}


def tokenizer_json(vocabulary=VOCABULARY, *, template=False) -> bytes:
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[("A", "C")], unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    if template:
        tokenizer.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
        )
    return tokenizer.to_str().encode()


@pytest.mark.parametrize("template", [False, True])
def test_special_tokens_are_added_exactly_once(template):
    assert BpeTokenizer(tokenizer_json(template=template)).encode(["ACGT", "A"]) == [[1, 9, 7, 8, 2], [1, 5, 2]]


def test_special_ids_are_those_of_the_file():
    shifted = {token: (number + 3) % len(VOCABULARY) for token, number in VOCABULARY.items()}
    tokenizer = BpeTokenizer(tokenizer_json(shifted))
    ids = (tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id, tokenizer.mask_id)
    assert ids == (3, 4, 5, 6, 7)
    assert tokenizer.encode(["AC"]) == [[4, shifted["AC"], 5]]


def test_a_run_of_n_is_one_unknown_token_per_base_and_no_merge_crosses_it():
    tokenizer = BpeTokenizer(tokenizer_json())
    assert tokenizer.encode(["ACNNNC"]) == [[1, 9, 0, 0, 0, 6, 2]]
    assert tokenizer.encode(["ANC"]) == [[1, 5, 0, 6, 2]]
    assert tokenizer.encode(["N" * 500]) == [[1, *[0] * 500, 2]]


def test_lower_case_reads_as_upper_case():
    tokenizer = BpeTokenizer(tokenizer_json())
    assert tokenizer.encode(["acgt"]) == tokenizer.encode(["ACGT"])


def test_truncation_and_padding_of_the_file_are_switched_off():
    inner = Tokenizer.from_str(tokenizer_json().decode())
    inner.enable_truncation(3)
    inner.enable_padding(length=8, pad_id=3, pad_token="[PAD]")
    assert BpeTokenizer(inner.to_str().encode()).encode(["GGGGG", "T"]) == [[1, 7, 7, 7, 7, 7, 2], [1, 8, 2]]


def test_empty_segment_and_empty_batch():
    tokenizer = BpeTokenizer(tokenizer_json())
    assert tokenizer.encode([""]) == [[1, 2]]
    assert tokenizer.encode([]) == []


def test_fingerprint_is_the_sum_of_the_file(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(tokenizer_json())
    tokenizer = BpeTokenizer(path)
    assert tokenizer.fingerprint == hashlib.sha256(tokenizer_json()).hexdigest()
    assert tokenizer.fingerprint == BpeTokenizer(path.read_bytes()).fingerprint == BpeTokenizer(str(path)).fingerprint
    assert tokenizer.vocab_size == 10


def test_missing_special_tokens_are_listed(tmp_path):
    vocabulary = {token: number for token, number in VOCABULARY.items() if token not in ("[PAD]", "[MASK]")}
    path = tmp_path / "tokenizer.json"
    path.write_bytes(tokenizer_json(vocabulary))
    with pytest.raises(ModelError, match=r"lacks \[PAD\], \[MASK\] .* in .*tokenizer.json"):
        BpeTokenizer(path)


def test_not_a_tokenizer():
    with pytest.raises(ModelError, match=r"not a tokenizer: .* allowed: a tokenizer.json"):
        BpeTokenizer(json.dumps({"model": "none"}).encode())


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match="cannot read the tokenizer: No such file"):
        BpeTokenizer(tmp_path / "tokenizer.json")


def test_a_freshly_trained_file_loads_and_loses_no_base(tmp_path):
    rng = random.Random(1)
    sequences = ["".join(rng.choices("ACGT", k=200)) for _ in range(20)]
    inner = Tokenizer(BPE(unk_token="[UNK]"))
    specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    inner.train_from_iterator(sequences, BpeTrainer(vocab_size=40, special_tokens=specials, show_progress=False))
    inner.save(str(tmp_path / "tokenizer.json"))
    tokenizer = BpeTokenizer(tmp_path / "tokenizer.json")
    assert tokenizer.vocab_size == 40
    token = {number: text for text, number in inner.get_vocab().items()}
    for sequence, ids in zip(sequences, tokenizer.encode(sequences), strict=True):
        assert (ids[0], ids[-1]) == (tokenizer.cls_id, tokenizer.sep_id)
        assert "".join(token[number] for number in ids[1:-1]) == sequence
        assert len(ids) < 150
