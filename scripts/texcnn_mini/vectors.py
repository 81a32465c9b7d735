"""Stage 4: what fixed encoders see in every segment of every gene: 4-mers, and the motifs of three Xpresso networks.

Writes ``vectors.npz``, one row per usable segment, and the motif encoders themselves, ``motifs.safetensors``.
"""

from __future__ import annotations

import numpy as np
import torch
from data import WORK
from genome import cut, load_pack, one_hot, usable_segments
from network import kmer_shares
from safetensors.torch import save_file
from teachers import load_xpresso
from torch import Tensor

from texcnn.encoders.motif_cnn import MotifCNN
from texcnn.heads.xpresso import XpressoCNN

SEGMENT, KMERS = 300, 4
NETWORKS = ("median", "K562", "GM12878")
CONFIG = {"motifs": 128, "motif_width": 6, "pool": 30, "pattern_width": 9, "second_pool": 10, "places": 1}
"""Xpresso's sizes; a segment of 300 bases is one of its last bins."""
FEWEST_NEAR = 600
"""Genes with fewer known bases near the TSS are left out, but for those of EPDnew."""


def motif_encoder(network: XpressoCNN, sample: Tensor) -> tuple[MotifCNN, list[int]]:
    """Returns Xpresso's two convolutions with the patterns that a sample of segments ever has, and which these are."""
    whole = MotifCNN(**CONFIG, patterns=32)
    whole.load_state_dict({name: value for name, value in network.state_dict().items() if name.startswith("conv")})
    with torch.inference_mode():
        patterns = torch.nonzero(whole(one_hot(sample)).amax(0) > 1e-3)[:, 0].tolist()
    encoder = MotifCNN(**CONFIG, patterns=len(patterns))
    state = whole.state_dict()
    encoder.load_state_dict({name: value[patterns] if "conv2" in name else value for name, value in state.items()})
    return encoder.eval(), patterns


def main() -> None:
    """Writes both files."""
    torch.manual_seed(0)
    pack = load_pack(WORK / "pack.npz")
    rows = np.flatnonzero((pack["near"] >= FEWEST_NEAR) | pack["epd"])
    genome, place, strand = (torch.from_numpy(pack[name]) for name in ("genome", "place", "strand"))
    parts = [
        usable_segments(cut(genome, place[part].long(), strand[part].long()), SEGMENT)
        for part in torch.from_numpy(rows).split(256)
    ]
    segments, mask = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    sample = segments[torch.randperm(len(segments))[:3_000]]
    encoders = {name: motif_encoder(load_xpresso(pack, name), sample) for name in NETWORKS}
    with torch.inference_mode():
        motifs = [
            torch.cat([encoder(bases) for encoder, _ in encoders.values()], dim=1).half()
            for bases in map(one_hot, segments.split(256))
        ]
        kmers = [kmer_shares(part, KMERS).half() for part in segments.split(4_096)]
    np.savez(
        WORK / "vectors.npz",
        rows=rows,
        mask=mask.numpy(),
        motifs=torch.cat(motifs).numpy(),
        kmers=torch.cat(kmers).numpy(),
        **{f"patterns.{name}": np.array(patterns) for name, (_, patterns) in encoders.items()},
    )
    tensors = {f"{name}.{key}": v for name, (encoder, _) in encoders.items() for key, v in encoder.state_dict().items()}
    save_file(tensors, WORK / "motifs.safetensors")
    print(f"{len(rows)} genes, {len(segments)} segments, patterns: {[len(p) for _, p in encoders.values()]}")


if __name__ == "__main__":
    main()
