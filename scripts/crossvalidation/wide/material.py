"""What the networks of one species are fed, made when it is first asked for: segments, tokens, vectors, features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from feeds import LANGUAGE, Convolutions, LanguageEncoder, Tokens, embed_all, kmer_vectors, vectors_of_words
from genes import POLR2A, SEGMENT, Genes, cut_segments, load_genes
from safetensors.torch import load_file
from torch import Tensor
from xpresso_stack import Bins

from texcnn.encoders.dnabert2_model import Dnabert2Model


class Material:
    """What the networks of one species are fed, made when it is first asked for."""

    def __init__(self, species: str, work: Path, device: torch.device, most: int | None = None) -> None:
        self.species, self.work, self.device = species, work, device
        self.genes: Genes = load_genes(species, work, device, most)
        self.segments, self.mask = cut_segments(self.genes.codes, SEGMENT[species], 0.5)
        self.kept: dict[str, tuple[Tensor, Tensor]] = {}
        self.most = most
        self._tokens: Tokens | None = None
        self._bins: Bins | None = None

    @property
    def tokens(self) -> Tokens:
        """Tokens of the segments."""
        if self._tokens is None:
            with np.load(self.work / f"tokens.{self.species}.npz") as file:
                ids, lengths = file["ids"], file["lengths"]
            if self.most:  # a trial with few genes: the first segments' tokens do for it
                lengths = lengths[: len(self.segments)]
            self._tokens = Tokens(ids, lengths, self.device)
        return self._tokens

    @property
    def bins(self) -> Bins:
        """Bins of 30 bases."""
        self._bins = self._bins or Bins(self.genes.codes)
        return self._bins

    def language(self, *, trained: bool) -> LanguageEncoder:
        """The language model, pre-trained or as it begins."""
        torch.manual_seed(1)
        model = Dnabert2Model(LANGUAGE)
        if trained:
            state = load_file(self.work / f"language.{self.species}.safetensors")
            model.load_state_dict({name: value.float() for name, value in state.items()})
        return LanguageEncoder(model, self.tokens).to(self.device).eval()

    def words_table(self) -> Tensor:
        """The word2vec table of 3-mers."""
        return torch.from_numpy(np.load(self.work / f"word2vec.{self.species}.npy")).float().to(self.device)

    def vectors(self, name: str) -> tuple[Tensor, Tensor]:
        """Vectors of the usable segments and the mask."""
        if name not in self.kept:
            if name.startswith("words-"):
                self.kept[name] = vectors_of_words(self.genes.codes, int(name[6:]), self.words_table())
            elif name == "kmers":
                self.kept[name] = kmer_vectors(self.segments, 4), self.mask
            elif name == "convolutions-random":
                torch.manual_seed(2)
                convolutions = Convolutions(self.segments).to(self.device).train()
                lengths = np.zeros(len(self.segments))
                self.kept[name] = embed_all(convolutions, lengths, self.device, half=True), self.mask
            else:
                encoder = self.language(trained=name == "language")
                self.kept[name] = embed_all(encoder, self.tokens.lengths, self.device, half=True), self.mask
        return self.kept[name]

    def features(self, names: tuple[str, ...]) -> np.ndarray | None:
        """Features of the genes, NaN where unknown."""
        parts = []
        for name in names:
            values = self.genes.lengths if name == "lengths" else self.genes.factors
            if name == "factors-no-polr2a":
                values = np.delete(values, POLR2A, axis=1)
            parts.append(values)
        return np.concatenate(parts, 1) if parts else None
