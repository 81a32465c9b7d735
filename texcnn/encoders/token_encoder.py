"""What DNABERT and DNABERT-2 share as encoders: padding, masks, pooling and the fingerprint."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, Self

import numpy as np
import torch
from torch import Tensor, nn

from texcnn.cpu_products import one_dnn_is_faster
from texcnn.encoders.contributions import gradients_at, spread_over_bases
from texcnn.encoders.cpu_kernels import CpuKernels
from texcnn.encoders.module_encoder import ModuleEncoder
from texcnn.encoders.pooling import get_pooling


class Tokenizer(Protocol):
    """What an encoder needs of a tokenizer (:mod:`texcnn.segments.kmer`, :mod:`texcnn.segments.bpe`)."""

    pad_id: int
    cls_id: int
    sep_id: int
    vocab_size: int
    fingerprint: str

    def encode(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments into token ids, special tokens included."""
        ...

    def spans(self, segment: str) -> list[tuple[int, int]]:
        """Returns the bases of each token of a segment, half-open; an empty span for special tokens."""
        ...


class TokenEncoder(ModuleEncoder):
    """A frozen language model over tokens, pooled to one vector per segment.

    Attributes:
        name: What tables and messages call it.
        dim: Length of a vector.
        model: The language model, in evaluation mode; for gradients call :meth:`vectors` on :meth:`collate`'s result.
        tokenizer: Turns bases into the model's tokens.
        pooling: Name of the pooling.
        dtype: Type of the weights and states (:meth:`compute_in`).

    Args:
        model: The language model.
        tokenizer: Its tokenizer.
        name: What tables and messages call it.
        dim: Length of a vector.
        pooling: Name of the pooling.
        architecture: What else the vectors depend on, such as the number of heads; for the fingerprint.
    """

    token_wise: ClassVar[tuple[type[nn.Module], ...]] = ()
    """The model's modules that compute each token separately, whatever else is in the batch."""

    bundle_files: ClassVar[Mapping[str, str] | None] = None
    """As of :class:`texcnn.encoders.protocol.Bundled`; None where they are unknown."""

    word_embeddings: ClassVar[str] = "embeddings.word_embeddings"
    """The model's module that turns token ids into vectors."""

    def __init__(
        self, model: nn.Module, tokenizer: Tokenizer, *, name: str, dim: int, pooling: str, architecture: str
    ) -> None:
        super().__init__(model)
        self.name = name
        self.dim = dim
        self.tokenizer = tokenizer
        self.pooling = pooling
        self._architecture = architecture
        self._pool = get_pooling(pooling)
        self.dtype = torch.float32
        self._full_precision: list[tuple[nn.Parameter, Tensor]] = []

    @abstractmethod
    def hidden_states(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Runs the language model: the last layer's states, ``(n, length, dim)``.

        Args:
            input_ids: Token ids ``(n, length)``.
            attention_mask: True at tokens, False at padding; None where no row is padded.
        """

    def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments of upper-case ``ACGTN`` into token ids, special tokens included."""
        return self.tokenizer.encode(segments)

    def collate(self, tokens: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Pads rows on the right to the longest one.

        Returns:
            Token ids int64 and attention mask bool, both ``(n, longest)`` on the encoder's device.
        """
        lengths = np.array([len(row) for row in tokens], dtype=np.int64)
        mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
        ids = np.full(mask.shape, self.tokenizer.pad_id, dtype=np.int64)
        ids[mask] = np.concatenate([np.asarray(row, dtype=np.int64) for row in tokens])
        return self._moved(ids), self._moved(mask)

    def vectors(self, input_ids: Tensor, attention_mask: Tensor, *, padded: bool = True) -> Tensor:
        """Turns collated tokens into vectors, float32 ``(n, dim)``; differentiable.

        Args:
            input_ids: Token ids ``(n, length)``.
            attention_mask: True at tokens, False at padding.
            padded: False promises that the mask is True everywhere, which spares the model the masking.
        """
        special = (input_ids == self.tokenizer.cls_id) | (input_ids == self.tokenizer.sep_id)
        hidden = self.hidden_states(input_ids, attention_mask if padded else None)
        return self._pool(hidden, attention_mask, special)

    @torch.inference_mode()
    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Turns token ids of any lengths into vectors, float32 ``(n, dim)`` on the encoder's device.

        Rows are padded to the longest one and padding is masked, so a row's vector does not depend on the others.
        """
        if not tokens:
            return torch.zeros((0, self.dim), device=self.device)
        input_ids, attention_mask = self.collate(tokens)
        with CpuKernels():
            return self.vectors(input_ids, attention_mask, padded=len({len(row) for row in tokens}) > 1)

    def base_contributions(self, segment: str, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Returns gradient x input, as in :class:`texcnn.encoders.protocol.Explained`.

        It is taken at the token embeddings, before positions are added; each base has an equal share of the tokens that
        hold it. Special tokens have no base.
        """
        embedded: list[Tensor] = []

        def keep(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
            embedded.append(output.detach().requires_grad_())
            return embedded[-1]

        hook = self.model.get_submodule(self.word_embeddings).register_forward_hook(keep)
        try:
            input_ids, attention_mask = self.collate(self.tokenize([segment]))
            vector = self.vectors(input_ids, attention_mask, padded=False)[0]
        finally:
            hook.remove()
        leaf = embedded[0]
        of_tokens = (gradients_at(leaf, vector, gradients) * leaf.detach()).sum(dim=-1)
        return spread_over_bases(of_tokens.flatten(1), self.tokenizer.spans(segment), len(segment))

    def copy(self) -> Self:
        """Returns an encoder with its own weights, so that training it leaves this one as it is.

        Its fingerprint is computed at first use: not before its weights are final.
        """
        copied = copy.deepcopy(self, {id(self.tokenizer): self.tokenizer})
        copied._fingerprint = None
        return copied

    def compute_in(self, dtype: torch.dtype) -> Self:
        """Chooses the type of the weights and of the states between layers.

        Kernels of matrix products, norms and softmax add up in float32 for every type, and so does the pooling.
        """
        if dtype == self.dtype:
            return self
        if not self._full_precision:
            self.fingerprint()  # of the weights as they were loaded
            self._full_precision = [(weight, weight.data.cpu()) for weight in self.model.parameters()]
        for weight, full in self._full_precision:
            weight.data = full.to(weight.device, dtype)
        if dtype == torch.float32:
            self._full_precision = []
        self.dtype = dtype
        return self

    def compile(self) -> Self:
        """Compiles the :attr:`token_wise` modules; a :meth:`copy` is not compiled.

        They hold what there is to fuse: activation, residual and norm. Attention is one kernel as it is. Compiled with
        it, every batch of other row lengths would be other code.
        """
        for dtype in (torch.float32, torch.bfloat16):
            one_dnn_is_faster(dtype)  # tried here, as it cannot be in what is compiled
        for module in self.model.modules():
            if isinstance(module, self.token_wise):
                module.compile(dynamic=True)
        return self

    def fingerprint_parts(self) -> Sequence[str]:
        """Name, pooling, architecture and tokenizer."""
        return self.name, self.pooling, self._architecture, self.tokenizer.fingerprint
