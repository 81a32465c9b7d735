"""Stage 5: the second encoder is the teacher's own two convolutions.

Patterns that are never there are left out, the others brought to variance 1. What they see of a segment of 600 bp
differs from what they see of it in a window only where a pattern reaches across the segment's borders.
"""

from __future__ import annotations

import numpy as np
from data import SEED, SEGMENTS, WORK, to_strings
from distil_encoder import known_segments
from safetensors.torch import save_file
from student import MOTIFS
from teacher import Teacher

from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.motif_cnn import MotifCNN, MotifCNNEncoder

N_SEGMENTS = 4_096


def main() -> None:
    """Writes ``motifs.safetensors``."""
    teacher = Teacher().network
    everything = {**MOTIFS, "patterns": teacher.conv2.out_channels}
    whole = MotifCNN(**everything)
    layers = ("conv1.", "conv2.")
    whole.load_state_dict({name: value for name, value in teacher.state_dict().items() if name.startswith(layers)})
    rows = known_segments("train", 3, np.random.default_rng(SEED))[:N_SEGMENTS, : SEGMENTS.length]
    values = embed_segments([MotifCNNEncoder(whole, everything)], to_strings(rows), options=ComputeOptions(64, "cpu"))
    deviation = values.view(len(rows), everything["patterns"], -1).std(dim=(0, 2))
    chosen = deviation.topk(MOTIFS["patterns"]).indices.sort().values
    # A positive factor passes the rectifier and the maximum, so it can stand before them.
    tensors = whole.state_dict()
    tensors["conv2.weight"] = tensors["conv2.weight"][chosen] / deviation[chosen, None, None]
    tensors["conv2.bias"] = tensors["conv2.bias"][chosen] / deviation[chosen]
    save_file(tensors, WORK / "motifs.safetensors")
    left_out = deviation.sort(descending=True).values[MOTIFS["patterns"] :]
    print(f"{len(rows)} segments; deviations kept: {deviation[chosen].tolist()}, largest left out: {left_out[0]:.2g}")


if __name__ == "__main__":
    main()
