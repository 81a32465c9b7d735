"""Pre-trains the encoder study's language model on a species' training chromosomes, for a given time.

    python scripts/encoder_study/pretrain.py --species human --pack work/pack.npz --tokenizer tokenizer.json --out work

The model has the architecture of DNABERT-2, small; it learns masked tokens of known bases, and is judged on the
validation chromosomes'. ``--from`` continues with a model.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(SCRIPTS / "crossvalidation" / "wide"), str(SCRIPTS / "texcnn_mini"), str(SCRIPTS / "texcnn_yeast")]
from feeds import LANGUAGE  # noqa: E402
from genes import BASES  # noqa: E402
from genome import load_pack  # noqa: E402
from torch import Tensor  # noqa: E402
from yeast_genome import load_yeast_pack  # noqa: E402

from texcnn.encoders.dnabert2_model import Dnabert2ForMaskedLM  # noqa: E402
from texcnn.pretraining.masking import mask_tokens  # noqa: E402

TOKENS, BASES_OF_ROW, ROWS = 64, 330, 512
SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")

Runs = list[np.ndarray]


def known_runs(species: str, pack_path: Path) -> tuple[Runs, Runs]:
    """Returns the known bases of the training and of the validation chromosomes, run by run."""
    if species == "human":
        pack = load_pack(pack_path)
        runs, splits = pack["runs"], pack["run_splits"]
    else:
        pack = load_yeast_pack(pack_path)
        runs, splits = np.stack([pack["starts"], pack["lengths"]], 1), pack["chrom_split"]
    train, valid = (
        [pack["genome"][start : start + n] for (start, n), split in zip(runs, splits, strict=True) if split == wanted]
        for wanted in (0, 1)
    )
    return train, valid


def chunks_of(runs: Runs, length: int, n: int, rng: np.random.Generator) -> Runs:
    """Returns ``n`` pieces of the runs from random places, half of them of the other strand."""
    runs = [run for run in runs if len(run) >= length]
    room = np.array([len(run) - length + 1 for run in runs], float)
    pieces = []
    for chosen in rng.choice(len(runs), size=n, p=room / room.sum()):
        at = rng.integers(len(runs[chosen]) - length + 1)
        piece = runs[chosen][at : at + length]
        pieces.append(3 - piece[::-1] if rng.random() < 0.5 else piece)
    return pieces


def rows_of_tokens(tokenizer: Tokenizer, pieces: Runs, workers: int) -> Tensor:
    """Turns pieces into rows of :data:`TOKENS` tokens; those with fewer are left out."""
    texts = [BASES[piece].tobytes().decode() for piece in pieces]
    parts = [texts[at : at + 512] for at in range(0, len(texts), 512)]
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda part: [one.ids for one in tokenizer.encode_batch(part)], parts)
        return torch.tensor([ids[:TOKENS] for part in found for ids in part if len(ids) >= TOKENS])


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--species", choices=["human", "yeast"], required=True)
    parser.add_argument("--pack", type=Path, required=True, help="Packed file of texcnn-mini or texcnn-yeast.")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--from", type=Path, dest="begun", help="language.<species>.safetensors to continue with.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--pieces", type=int, default=600_000)
    parser.add_argument("--workers", type=int, default=6)
    given = parser.parse_args()
    device, rng = torch.device(given.device), np.random.default_rng(0)
    tokenizer = Tokenizer.from_file(str(given.tokenizer))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    runs, held_runs = known_runs(given.species, given.pack)
    n = min(given.pieces, max(sum(map(len, runs)) // 150, 1_000))
    train = rows_of_tokens(tokenizer, chunks_of(runs, BASES_OF_ROW, n, rng), given.workers).to(device)
    held = rows_of_tokens(tokenizer, chunks_of(held_runs, BASES_OF_ROW, min(n, 2_000), rng), given.workers).to(device)
    special = [tokenizer.get_vocab()[name] for name in SPECIAL]
    torch.manual_seed(0)
    model = Dnabert2ForMaskedLM(LANGUAGE)
    if given.begun:
        model.bert.load_state_dict({name: value.float() for name, value in load_file(given.begun).items()})
    model.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, betas=(0.9, 0.98))

    def loss_of(ids: Tensor) -> Tensor:
        seen, chosen = mask_tokens(ids, special_ids=special, mask_id=special[4], vocab_size=LANGUAGE.vocab_size)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            return F.cross_entropy(model.cls(model.bert(seen)[chosen]).float(), ids[chosen])

    started, step = time.time(), 0
    while (done := (time.time() - started) / given.seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(done / 0.05, 1) * (0.02 + 0.49 * (1 + np.cos(np.pi * done)))
        loss = loss_of(train[torch.randint(len(train), (min(ROWS, len(train)),), device=device)])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
    model.eval()
    with torch.inference_mode():
        held_loss = torch.stack([loss_of(part) for part in held.split(500)]).mean()
        frequency = torch.bincount(train.flatten(), minlength=LANGUAGE.vocab_size).float() + 1
        by_frequency = -(frequency / frequency.sum()).log()[held[:, 1:-1].flatten()].mean()
    print(f"{given.species}: {step} steps on {len(train)} rows")
    print(f"held-out loss {held_loss:.3f}, by frequency {by_frequency:.3f}")
    tensors = {name: value.half().cpu().contiguous() for name, value in model.bert.state_dict().items()}
    save_file(tensors, given.out / f"language.{given.species}.safetensors")


if __name__ == "__main__":
    main()
