import hashlib
import itertools
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

from texcnn.encoders.choose import encoder_spec
from texcnn.encoders.nucleotide_transformer import SixMerTokenizer
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.registry import load_encoder
from texcnn.errors import InputError, ModelError

# As published: the model has no embedding for the last two words.
WORDS = ["<unk>", "<pad>", "<mask>", "<cls>", *map("".join, itertools.product("ATCG", repeat=6)), *"ATCGN",
         "<eos>", "<bos>"]  # fmt: skip
SEGMENTS = ["ACGTAC" * 3, "ACGTACNGGTTTAACC", "TTG", "A" * 40]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = EsmConfig(
        vocab_size=len(WORDS) - 2, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=20, pad_token_id=1, mask_token_id=2, position_embedding_type="absolute",
        token_dropout=True, emb_layer_norm_before=False, initializer_range=0.3, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = EsmForMaskedLM(config)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    save_file({name: value.clone() for name, value in model.state_dict().items()}, tmp_path / "model.safetensors")
    return tmp_path


def test_words_are_those_of_transformers_own_tokenizer(folder: Path) -> None:
    published = EsmTokenizer(str(folder / "vocab.txt"), eos_token=None)
    ours = SixMerTokenizer(WORDS).encode(SEGMENTS)
    assert ours == [published(segment)["input_ids"] for segment in SEGMENTS]
    assert [WORDS[word] for word in ours[1]] == ["<cls>", "ACGTAC", "N", "GGTTTA", "A", "C", "C"]


def test_vectors_are_the_mean_of_transformers_own_states(folder: Path) -> None:
    encoder = load_encoder(encoder_spec(f"nucleotide-transformer={folder}"))
    published = EsmForMaskedLM.from_pretrained(folder).eval()
    vectors = encoder.embed(encoder.tokenize(SEGMENTS))
    for segment, vector in zip(SEGMENTS, vectors, strict=True):
        ids = torch.tensor(encoder.tokenize([segment]))
        with torch.no_grad():
            expected = published.esm(ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0].mean(dim=0)
        torch.testing.assert_close(vector, expected, atol=1e-5, rtol=1e-5)
        assert encoder.embed(encoder.tokenize([segment]))[0].allclose(vector, atol=1e-5)


def test_a_segment_longer_than_the_positions_is_refused(folder: Path) -> None:
    encoder = load_encoder(EncoderSpec("nucleotide-transformer", str(folder)))
    assert encoder.embed(encoder.tokenize(["ACGTAC" * 17])).shape == (1, 16)
    with pytest.raises(InputError, match=r"19 tokens .*18 tokens .*shorter"):
        encoder.tokenize(["ACGTAC" * 18])


def test_what_does_not_fit_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="nucleotide-transformer"):
        encoder_spec(f"nothing={folder}")
    with pytest.raises(ModelError, match="the vocabulary lacks <cls>"):
        SixMerTokenizer(["<pad>", "<unk>", *"ACGTN"])
    (folder / "vocab.txt").write_text("\n".join(WORDS[:-8] + WORDS[-7:]))
    with pytest.raises(ModelError, match="the model has 4105 tokens, the vocabulary needs 4104"):
        load_encoder(EncoderSpec("nucleotide-transformer", str(folder)))
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "code.py"}}))
    with pytest.raises(ModelError, match="its own code"):
        load_encoder(EncoderSpec("nucleotide-transformer", str(folder)))


def test_the_published_vocabulary() -> None:
    # As a public audit of two of InstaDeep's models records it: 28,718 bytes, no end of a line after the last word.
    digest = hashlib.sha256("\n".join(WORDS).encode()).hexdigest()
    assert digest == "f1b544e27897936b50bbd925850fa8a08b421c33bb9c26e3711c140c061d0d4c"
    tokenizer = SixMerTokenizer(WORDS)
    assert tokenizer.vocab_size == 4105
    assert tokenizer.encode(["N", "A"]) == [[3, 4104], [3, 4100]]


def test_dropout_of_fine_tuning_is_that_of_the_config(folder: Path) -> None:
    def rates() -> set[float]:
        model = load_encoder(EncoderSpec("nucleotide-transformer", str(folder))).model
        return {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}

    fingerprint = load_encoder(EncoderSpec("nucleotide-transformer", str(folder))).fingerprint()
    assert rates() == {0.0}
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_dropout_prob": 0.25}))
    assert rates() - {0.0} == {0.25}  # transformers 4 has modules for the dropout of attention too, which stays 0
    assert load_encoder(EncoderSpec("nucleotide-transformer", str(folder))).fingerprint() == fingerprint
