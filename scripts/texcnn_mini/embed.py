"""Stage 6: what both encoders see in every window, so that the head can be fitted again and again.

The longest stage: 76,000 windows. It goes on where it was interrupted.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from data import N_TILES, WORK
from safetensors.torch import load_file, save_file
from student import embed

from texcnn.files import atomic_file

PART = 1_000


def main() -> None:
    """Writes ``vectors.<split>.safetensors``: values, float16 ``(n, 18, DIM)``, and mask."""
    for split in ("validation", "train"):
        arrays = np.load(WORK / f"windows.{split}.npz")
        tiles, firsts = arrays["tiles"], arrays["firsts"]
        parts = []
        for start in range(0, len(firsts), PART):
            path = WORK / "parts" / f"{split}.{start:06d}.safetensors"
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                windows = np.stack([tiles[first : first + N_TILES].ravel() for first in firsts[start : start + PART]])
                made = embed(windows)
                with atomic_file(path) as temporary:
                    save_file({"values": made.values.half(), "mask": made.mask}, temporary)
                print(f"{split}: {start} of {len(firsts)} windows", file=sys.stderr, flush=True)
            parts.append(load_file(path))
        whole = {name: torch.cat([part[name] for part in parts]) for name in ("values", "mask")}
        save_file(whole, WORK / f"vectors.{split}.safetensors")
        print(f"{split}: {len(firsts)} windows of {whole['values'].shape[1]} segments", flush=True)


if __name__ == "__main__":
    main()
