"""Which tokens a masked language model must guess, and what it sees in their place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
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
        generator: Source of chance; on the device of ``input_ids``.

    Returns:
        The ids the model sees, and where it must guess (bool), both ``(n, length)``.
    """
    uniform = torch.rand(input_ids.shape, generator=generator, device=input_ids.device)
    chosen = (uniform < fraction) & ~torch.isin(input_ids, torch.tensor(special_ids, device=input_ids.device))
    random_ids = torch.randint(vocab_size, input_ids.shape, generator=generator, device=input_ids.device)
    seen = torch.where(chosen & (uniform < 0.8 * fraction), mask_id, input_ids)
    seen = torch.where(chosen & (uniform >= 0.9 * fraction), random_ids, seen)
    return seen, chosen
