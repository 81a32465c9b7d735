"""DNABERT-2's tokens: byte-pair encoding of bases, read from a ``tokenizer.json``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from texcnn.errors import ModelError

SPECIAL_TOKENS = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")


class BpeTokenizer:
    """Byte-pair tokens as ``[CLS] tokens [SEP]``, from any ``tokenizer.json`` of the ``tokenizers`` library.

    The ids of the special tokens are those of the file. Segments are neither truncated nor padded. A base outside the
    vocabulary (DNABERT-2 knows ``A``, ``C``, ``G`` and ``T``) becomes ``[UNK]`` and takes part in no merge: as the
    published file has ``fuse_unk`` off, a run of N is one ``[UNK]`` per base, exactly as the original embeds it, and
    the bases on both sides of the run are tokenised as if they stood alone.

    Attributes:
        unk_id, cls_id, sep_id, pad_id, mask_id: Ids of the special tokens.
        vocab_size: Largest id plus one, special tokens included.
        fingerprint: sha256 of the file.

    Args:
        source: The file, or its content.

    Raises:
        ModelError: if the file is missing or is not a tokenizer, or if a special token is not in its vocabulary.
    """

    def __init__(self, source: str | Path | bytes) -> None:
        where = "tokenizer.json" if isinstance(source, bytes) else str(source)
        try:
            content = source if isinstance(source, bytes) else Path(source).read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read the tokenizer: {error.strerror}", where=where) from error
        try:
            self._tokenizer = Tokenizer.from_buffer(content)
        except Exception as error:  # the library raises a bare Exception for anything it cannot parse
            raise ModelError(
                f"not a tokenizer: {error}", where=where, allowed="a tokenizer.json of the tokenizers library"
            ) from error
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        missing = [token for token in SPECIAL_TOKENS if token not in vocabulary]
        if missing:
            raise ModelError(
                f"the tokenizer lacks {', '.join(missing)}",
                where=where,
                allowed=f"a vocabulary with {' '.join(SPECIAL_TOKENS)}",
            )
        self.unk_id, self.cls_id, self.sep_id, self.pad_id, self.mask_id = (
            vocabulary[token] for token in SPECIAL_TOKENS
        )
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.vocab_size = max(vocabulary.values()) + 1
        self.fingerprint = hashlib.sha256(content).hexdigest()

    def encode(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments into token ids, ``[CLS]`` and ``[SEP]`` included; an empty segment is these two alone."""
        # The special tokens are added here and not by the file's template, which a freshly trained file lacks.
        # "fast" leaves out where in the segment a token is, a sixth of the time.
        upper = [segment.upper() for segment in segments]
        encodings = self._tokenizer.encode_batch_fast(upper, add_special_tokens=False)
        return [[self.cls_id, *encoding.ids, self.sep_id] for encoding in encodings]

    def spans(self, segment: str) -> list[tuple[int, int]]:
        """Returns the bases of each token of :meth:`encode`, half-open; ``(0, 0)`` for special tokens."""
        return [(0, 0), *self._tokenizer.encode(segment.upper(), add_special_tokens=False).offsets, (0, 0)]
