"""Stage 4: the member that follows single bases: what MPRA-DragoNN says of the bases near the TSS.

A gene's value is the sum of what its bases around the TSS do in a reporter plasmid, less what the counts of 3-mers in
each segment say of that sum, so that it does not repeat what the other members know. It is linear: nothing of it is
trained but the line through the 3-mers. How much it counts (:data:`EFFECT`) was chosen on the validation chromosomes,
what is subtracted on the saturation mutagenesis of PKLR, RET and SORT1 as well; ``docs/texcnn-mini.md`` says how.

Usage: dragonn.py NAME [NAME ...]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from data import DATA, cell_types
from genome import cut, load_pack
from network import N_FEATURES, N_MAIN, SEGMENT, kmer_shares
from safetensors.torch import load_file, save_file
from torch import Tensor
from train import MIN_NEAR

from texcnn.encoders.mpra_dragonn import ReporterCNN
from texcnn.heads.textcnn import TextCNN
from texcnn.model.import_mpra_dragonn import read_weights, reporter_weights

WEIGHTS = DATA / "mpra" / "dragonn_ConvModel_pretrained.hdf5"
NEAR = (22, 24)
"""Segments that it reads: from 400 bp before the TSS to 200 bp after it."""
SIZES = {"filters": 120, "width": 5, "layers": 3, "outputs": 3, "place": SEGMENT, "places": 1}
OUTPUTS = (range(12), range(6), range(6, 12))
"""The network's activities of which the mean is taken: all, those of K562, those of HepG2."""
OUTPUT_OF = {"BLD.K562.CNCR": 1, "LIV.HEPG2.CNCR": 2, "LIV.ADLT": 2}
"""Cell types with an output for themselves; the others, and the median, have the first."""
EFFECT = 0.3
"""log10 of expression that one unit of summed activity changes in the mean of all members."""
WEIGHT = 0.02
"""Share of this member in that mean. It says the same of all genes but for this effect, which is divided by it."""
KMERS, SHORTER = 4, 3
RIDGE = 10.0


def encoder() -> ReporterCNN:
    """Returns the convolutions with three outputs."""
    state = reporter_weights(read_weights(WEIGHTS))
    for name in ("output.weight", "output.bias"):
        state[name] = torch.stack([state[name][list(rows)].mean(dim=0) for rows in OUTPUTS])
    # The 16 bits in which they are stored.
    network = ReporterCNN(**SIZES)
    network.load_state_dict({name: value.half().float() for name, value in state.items()})
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def read(network: ReporterCNN, pack: dict[str, np.ndarray], rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns activities ``(n, segments, 3)``, 4-mers ``(n, segments, 256)`` and known bases ``(n, segments)``."""
    genome, place, strand = (torch.from_numpy(pack[name]) for name in ("genome", "place", "strand"))
    first, last = (segment * SEGMENT for segment in NEAR)
    activities, kmers, known = [], [], []
    for part in rows.split(256):
        codes = cut(genome, place[part].long(), strand[part].long())
        for number in range(*NEAR):
            start = number * SEGMENT
            around = codes[:, start - network.reach : start + SEGMENT + network.reach]
            activities.append(network.from_codes(around.to(torch.uint8)))
        segments = codes[:, first:last].reshape(-1, SEGMENT)
        kmers.append(kmer_shares(segments, KMERS).view(len(part), -1, 4**KMERS))
        known.append((segments < 4).sum(dim=1).view(len(part), -1))
    n = NEAR[1] - NEAR[0]
    each = [torch.stack(activities[start : start + n], dim=1) for start in range(0, len(activities), n)]
    return torch.cat(each), torch.cat(kmers), torch.cat(known)


def line(activities: Tensor, kmers: Tensor) -> Tensor:
    """Fits one segment's activities ``(n, 3)`` to its 3-mers, and returns weights of 4-mers ``(256, 3)``."""
    shorter = (kmers.view(len(kmers), 4**SHORTER, -1).mean(dim=2) - 1).double()
    normal = shorter.T @ shorter + RIDGE * torch.eye(shorter.shape[1], dtype=torch.float64)
    found = torch.linalg.solve(normal, shorter.T @ activities.double()).float()
    return found.repeat_interleave(4 ** (KMERS - SHORTER), dim=0) / 4 ** (KMERS - SHORTER)


def head_options() -> dict[str, Any]:
    """Returns the text CNN's arguments of which its state depends."""
    outputs = SIZES["outputs"]
    filters = 2 * outputs * (NEAR[1] - NEAR[0])
    return {"kernel_widths": [1], "filters": filters, "dense_units": 2 * outputs, "fusion_units": None}


def empty_head() -> TextCNN:
    """Returns the text CNN before its weights are set."""
    segments = NEAR[1] - NEAR[0]
    return TextCNN(
        SIZES["outputs"] + 4**KMERS, N_MAIN, n_segments=segments, n_features=N_FEATURES, **head_options()
    ).requires_grad_(False)


def head(lines: Tensor, mean: Tensor) -> TextCNN:
    """Returns the text CNN that adds up what is left of each segment, ``lines`` ``(segments, 256, 3)``.

    Filters and units come in pairs of either sign, so that ReLU cuts nothing off: it is linear.
    """
    segments, _, outputs = lines.shape
    found = empty_head()
    weights = dict(found.named_parameters())
    for weight in weights.values():
        weight.zero_()
    filters, biases = weights["convolutions.0.weight"], weights["convolutions.0.bias"]
    dense = weights["dense.0.weight"].view(2 * outputs, 2 * outputs * segments, segments)
    for segment in range(segments):
        for output in range(outputs):
            for place, sign in enumerate((1.0, -1.0)):
                row = (segment * outputs + output) * 2 + place
                filters[row, output, 0] = sign
                filters[row, outputs:, 0] = -sign * lines[segment, :, output]
                biases[row] = sign * lines[segment, :, output].sum()
                dense[2 * output, row, segment], dense[2 * output + 1, row, segment] = sign, -sign
    for row, name in enumerate(cell_types()["cell_type"]):
        first = 2 * OUTPUT_OF.get(name, 0)
        found.output.weight[row, first : first + 2] = torch.tensor([1.0, -1.0]) * EFFECT / WEIGHT
    found.output.bias.copy_(mean)
    return found.eval()


@torch.inference_mode()
def added(path: Path, pack: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Returns what a finished member adds to the mean of the others at some genes, ``(n, 58)``."""
    state = load_file(path)
    network = encoder()
    network.load_state_dict({key[8:]: value.float() for key, value in state.items() if key.startswith("encoder.")})
    found = empty_head()
    found.load_state_dict({key[5:]: value.float() for key, value in state.items() if key.startswith("head.")})
    activities, kmers, known = read(network, pack, torch.from_numpy(rows))
    mask = known * 2 >= SEGMENT
    values = torch.cat([activities, kmers], dim=2) * mask[..., None]
    predicted = found.eval()(values, mask, torch.zeros(len(rows), N_FEATURES)) - found.output.bias
    return predicted.nan_to_num().numpy() * WEIGHT


def main() -> None:
    """Makes members of the plan by name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="+")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pack = load_pack(options.work / "pack.npz")
    for name in options.names:
        if (options.out / f"{name}.json").exists():
            continue
        network, all_splits = encoder(), name.endswith(".all")
        rows = np.flatnonzero((pack["near"] >= MIN_NEAR) & (pack["gene_split"] <= (1 if all_splits else 0)))
        activities, kmers, known = read(network, pack, torch.from_numpy(rows))
        # A base of no effect is 0: what is unknown, and a segment that is masked, says nothing.
        usual = activities.sum(dim=(0, 1)) / known.sum()
        network.output.bias.copy_((-usual).half())
        activities = activities + known[..., None] * network.output.bias
        lines = torch.stack([line(activities[:, n], kmers[:, n]) for n in range(activities.shape[1])])
        made = head(lines, torch.from_numpy(pack["labels"][rows].mean(axis=0)))
        left = activities - torch.einsum("nsk,sko->nso", kmers - 1, lines)
        explained = 1 - left.var(dim=0) / activities.var(dim=0)
        print(name, "explained by 3-mers", explained.numpy().round(3).tolist(), "left", left.sum(1).std(0).tolist())
        tensors = {f"encoder.{key}": value for key, value in network.state_dict().items()}
        tensors |= {f"head.{key}": value for key, value in made.state_dict().items()}
        tensors = {key: value.half().contiguous() for key, value in tensors.items()}
        save_file(tensors, options.out / f"{name}.safetensors")
        described = {"all_splits": all_splits, "near": list(NEAR), "effect": EFFECT, "weight": WEIGHT}
        (options.out / f"{name}.json").write_text(json.dumps(described))


if __name__ == "__main__":
    main()
