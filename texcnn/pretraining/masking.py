"""Which tokens a masked language model must guess, and what it sees instead."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor


def mask_tokens(
    input_ids: Tensor,
    *,
    special_ids: Sequence[int],
    mask_id: int,
    vocab_size: int,
    fraction: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Chooses tokens to guess as BERT does: 80% of them are hidden, 10% replaced, 10% left as they are.

    Source: Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers", section 3.1.

    Args:
        input_ids: Token ids ``(n, length)``.
        special_ids: Ids that are never chosen, such as those of padding and ``[CLS]``.
        mask_id: Id of ``[MASK]``.
        vocab_size: Replacements are drawn from ``0 .. vocab_size - 1``.
        fraction: Chance of each token to be chosen.
        generator: Random numbers, on the device of ``input_ids``.

    Returns:
        The ids the model sees, and where it must guess (bool), both ``(n, length)``.
    """
    uniform = torch.rand(input_ids.shape, generator=generator, device=input_ids.device)
    chosen = (uniform < fraction) & _usable(input_ids, special_ids)
    # Where a token is chosen, its number is uniform below the fraction: one draw serves both decisions.
    seen = _hide(input_ids, chosen, uniform / fraction, mask_id=mask_id, vocab_size=vocab_size, generator=generator)
    return seen, chosen


def mask_spans(
    input_ids: Tensor,
    *,
    k: int,
    special_ids: Sequence[int],
    mask_id: int,
    vocab_size: int,
    fraction: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Chooses runs of k neighbouring k-mers to guess, since one alone can be read off its neighbours.

    Each token is the centre of a run with the probability ``fraction / k``; runs may overlap and are cut at special
    tokens. Each chosen token is then hidden, replaced or left as in :func:`mask_tokens`.

    Source: Ji et al. 2021, "DNABERT", doi:10.1093/bioinformatics/btab083, section 2.3; which neighbours belong to a
    centre is that of its published training script.

    Args:
        input_ids: Token ids ``(n, length)``.
        k: Bases per token.
        special_ids: Ids that are never chosen.
        mask_id: Id of ``[MASK]``.
        vocab_size: Replacements are drawn from ``0 .. vocab_size - 1``.
        fraction: Share of tokens to choose, about.
        generator: Random numbers, on the device of ``input_ids``.

    Returns:
        The ids the model sees, and where it must guess (bool), both ``(n, length)``.
    """
    usable = _usable(input_ids, special_ids)
    uniform = torch.rand(input_ids.shape, generator=generator, device=input_ids.device)
    centres = (uniform < fraction / k) & usable
    before, after = (k - 1) // 2, k // 2
    chosen = F.max_pool1d(F.pad(centres.float(), (after, before)), k, stride=1).bool() & usable
    fate = torch.rand(input_ids.shape, generator=generator, device=input_ids.device)
    return _hide(input_ids, chosen, fate, mask_id=mask_id, vocab_size=vocab_size, generator=generator), chosen


def _usable(input_ids: Tensor, special_ids: Sequence[int]) -> Tensor:
    return ~torch.isin(input_ids, torch.tensor(special_ids, device=input_ids.device))


def _hide(
    input_ids: Tensor,
    chosen: Tensor,
    fate: Tensor,
    *,
    mask_id: int,
    vocab_size: int,
    generator: torch.Generator | None,
) -> Tensor:
    """Hides chosen tokens of a fate below 0.8 and replaces those from 0.9 on."""
    random_ids = torch.randint(vocab_size, input_ids.shape, generator=generator, device=input_ids.device)
    seen = torch.where(chosen & (fate < 0.8), mask_id, input_ids)
    return torch.where(chosen & (fate >= 0.9), random_ids, seen)
