"""DNABERT-2 as an encoder: byte-pair tokens in, one vector per segment out."""

from __future__ import annotations

from texcnn.encoders.dnabert2_model import Dnabert2Config, Dnabert2ForMaskedLM, Dnabert2Model

__all__ = ["Dnabert2Config", "Dnabert2ForMaskedLM", "Dnabert2Model"]
