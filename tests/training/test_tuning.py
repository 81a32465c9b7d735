"""Every type of encoder that counts as tunable learns, and only the layers that should."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch
from tiny import tiny_tokenizer
from transformers import BertConfig, BertModel, EsmConfig, EsmModel

from texcnn.encoders.dnabert import DnabertEncoder
from texcnn.encoders.dnabert2 import Dnabert2Encoder
from texcnn.encoders.dnabert2_config import Dnabert2Config
from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.encoders.nucleotide_transformer import NucleotideTransformerEncoder, SixMerTokenizer
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.encoders.word2vec import Word2VecEncoder
from texcnn.errors import InputError
from texcnn.heads.textcnn import TextCNN
from texcnn.model.held_encoders import ChosenEncoders
from texcnn.segments.bpe import BpeTokenizer
from texcnn.segments.kmer import KmerTokenizer
from texcnn.segments.segment import SegmentSpec
from texcnn.training.finetune import TUNABLE, SegmentTokens, Tuning

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}
SPEC = SegmentSpec(length=12)
WINDOWS = ["ACGTGGTTAACC" * 2, "GGGGGGTTTTTTACGTACGTACGT"]


def dnabert2(folder: Path) -> TokenEncoder:
    path = folder / "tokenizer.json"
    path.write_bytes(tiny_tokenizer())
    return Dnabert2Encoder(Dnabert2Model(Dnabert2Config.from_json({"vocab_size": 15, **SIZES})), BpeTokenizer(path))


def dnabert(_: Path) -> TokenEncoder:
    config = BertConfig(vocab_size=KmerTokenizer(3).vocab_size, max_position_embeddings=32, **SIZES)
    return DnabertEncoder(BertModel(config, add_pooling_layer=False), KmerTokenizer(3))


def nucleotide_transformer(_: Path) -> TokenEncoder:
    words = ["<unk>", "<pad>", "<mask>", "<cls>", *map("".join, product("ACGT", repeat=6)), *"ACGTN"]
    config = EsmConfig(
        vocab_size=len(words), pad_token_id=1, mask_token_id=2, max_position_embeddings=32, token_dropout=True, **SIZES
    )
    return NucleotideTransformerEncoder(EsmModel(config, add_pooling_layer=False), SixMerTokenizer(words))


MAKE: dict[str, Callable[[Path], TokenEncoder]] = {
    "dnabert2": dnabert2,
    "dnabert": dnabert,
    "nucleotide-transformer": nucleotide_transformer,
}


@pytest.mark.parametrize("kind", TUNABLE)
def test_each_tunable_type_learns_in_its_last_layers_alone(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = MAKE[kind](tmp_path)
    spec = EncoderSpec(kind, "bundle", options={"prefix": "encoders.0."})
    chosen = ChosenEncoders([encoder], (spec,), {}, {})
    tuning = Tuning.of(chosen, "1", segments_per_pass=2)
    assert str(tuning) == f"{kind} (bundle), fine-tuned with the head (the last 1 of its 2 layers)"
    untouched = encoder.fingerprint()
    network = tuning.network(TextCNN(16, 1, kernel_widths=(1,), filters=4, dropout=0.0)).eval()

    tokens = SegmentTokens.of(encoder, WINDOWS, SPEC)
    vectors = torch.stack([encoder.embed(encoder.tokenize(SPEC.split(window).bases)) for window in WINDOWS])
    predicted = network(*tokens.take(torch.arange(2), torch.device("cpu")))
    mask = torch.ones(2, 2, dtype=torch.bool)
    torch.testing.assert_close(predicted, network.head(vectors.clone(), mask), rtol=0, atol=1e-5)

    predicted.sum().backward()
    learning = {name for name, weight in network.pretrained.named_parameters() if weight.grad is not None}
    assert learning
    assert all(name.startswith("encoder.layer.1.") for name in learning)
    torch.optim.SGD([weight for weight in network.parameters() if weight.requires_grad], lr=0.1).step()
    moved = {
        name
        for name, value in tuning.tensors(network).items()
        if not value.equal(encoder.model.state_dict()[name.removeprefix("encoders.0.")])
    }
    assert moved
    assert all(name.startswith("encoders.0.encoder.layer.1.") for name in moved)
    # The encoder that it was copied from is as it was; the copy is another one.
    assert encoder.copy().fingerprint() == untouched
    assert network._encoder.fingerprint() != untouched


def test_a_table_of_vectors_cannot_learn() -> None:
    chosen = ChosenEncoders([Word2VecEncoder(torch.zeros(64, 4), 3)], (EncoderSpec("word2vec", "bundle"),), {}, {})
    with pytest.raises(InputError, match=r"type word2vec cannot be fine-tuned.*dnabert2, dnabert, nucleotide-trans"):
        Tuning.of(chosen, "all", segments_per_pass=2)
