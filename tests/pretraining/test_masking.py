from __future__ import annotations

import torch

from texcnn.pretraining.masking import mask_tokens

PAD, CLS, MASK, VOCABULARY = 3, 1, 4, 100


def mask(ids, *, seed=0, **options):
    return mask_tokens(
        ids,
        special_ids=(PAD, CLS),
        mask_id=MASK,
        vocab_size=VOCABULARY,
        generator=torch.Generator().manual_seed(seed),
        **options,
    )


def test_special_tokens_are_never_chosen_nor_changed():
    ids = torch.tensor([[CLS, 50, 51, PAD, PAD]])
    seen, chosen = mask(ids, fraction=1.0)
    assert chosen.tolist() == [[False, True, True, False, False]]
    assert seen[0, [0, 3, 4]].tolist() == [CLS, PAD, PAD]


def test_tokens_that_are_not_chosen_stay():
    ids = torch.randint(5, VOCABULARY, (50, 40), generator=torch.Generator().manual_seed(1))
    seen, chosen = mask(ids)
    assert 0 < chosen.sum() < ids.numel()
    assert torch.equal(seen[~chosen], ids[~chosen])


def test_eight_in_ten_are_hidden_one_replaced_one_kept():
    ids = torch.full((200, 500), 7)
    seen, chosen = mask(ids)
    picked = seen[chosen]
    assert abs(chosen.float().mean() - 0.15) < 0.005
    # A replacement may by chance be [MASK] or the token itself, once in 100 each.
    assert abs((picked == MASK).float().mean() - 0.801) < 0.01
    assert abs((picked == 7).float().mean() - 0.101) < 0.01
    assert set(picked.tolist()) == set(range(VOCABULARY))


def test_the_generator_decides():
    ids = torch.full((4, 100), 7)
    first, again, other = mask(ids, seed=1), mask(ids, seed=1), mask(ids, seed=2)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])


def test_fraction_zero_hides_nothing():
    ids = torch.full((4, 100), 7)
    seen, chosen = mask(ids, fraction=0.0)
    assert not chosen.any()
    assert torch.equal(seen, ids)
