"""Stage 6: from the teacher's one output to the expression of 57 cell types and their median.

The genes are few (about 460), so only the last linear layer is fitted, in two closed-form steps on training genes:
each output is a line through the distilled prediction, and what this leaves is a ridge regression on the pooled
filters. The strength of the ridge is chosen on the validation chromosomes.
"""

from __future__ import annotations

import numpy as np
import torch
from data import N_SEGMENTS, SEGMENT, WORK, cell_types, expression, genes
from distil_head import HEAD
from pretrain import CONFIG
from safetensors.torch import load_file, save_file
from student import embed, load_encoder
from torch import Tensor

from texcnn.heads.textcnn import TextCNN

PENALTIES = [float(10**exponent) for exponent in np.arange(0.0, 6.1, 0.5)] + [float("inf")]


def pooled(head: TextCNN, split: str) -> tuple[Tensor, Tensor]:
    """Returns what the last layer sees ``(n, filters)`` and the labels ``(n, 58)`` of the split's genes, float64."""
    table, windows = genes(split)
    values, mask = embed(load_encoder(WORK / "encoder.safetensors"), windows.reshape(-1, SEGMENT))
    seen: list[Tensor] = []
    hook = head.output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        head.eval()(values.reshape(len(table), N_SEGMENTS, -1), mask.reshape(-1, N_SEGMENTS))
    hook.remove()
    labels = expression().loc[table.index, cell_types()["cell_type"]].to_numpy()
    return seen[0].double(), torch.from_numpy(labels)


def fit_line(score: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Returns slope and intercept ``(58,)`` of each output against one score ``(n,)``."""
    centred = score - score.mean()
    slope = centred @ labels / (centred @ centred)
    return slope, labels.mean(dim=0) - slope * score.mean()


def fit_ridge(filters: Tensor, residual: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Returns weight ``(58, filters)`` and bias ``(58,)`` of a ridge regression with a free intercept."""
    if np.isinf(penalty):
        return filters.new_zeros(residual.shape[1], filters.shape[1]), residual.mean(dim=0)
    centre = filters.mean(dim=0)
    centred = filters - centre
    gram = centred.T @ centred + penalty * torch.eye(filters.shape[1], dtype=filters.dtype)
    weight = torch.linalg.solve(gram, centred.T @ (residual - residual.mean(dim=0))).T
    return weight, residual.mean(dim=0) - weight @ centre


def main() -> None:
    """Writes ``head58.safetensors``."""
    distilled = TextCNN(CONFIG.hidden_size, 1, **HEAD)
    distilled.load_state_dict(load_file(WORK / "head.safetensors"))
    direction, offset = distilled.output.weight.detach().double()[0], distilled.output.bias.detach().double()[0]
    filters, labels = pooled(distilled, "train")
    held_filters, held_labels = pooled(distilled, "validation")

    slope, intercept = fit_line(filters @ direction + offset, labels)
    weight, bias = torch.outer(slope, direction), slope * offset + intercept
    residual = labels - (filters @ weight.T + bias)
    best, chosen = np.inf, (weight, bias)
    for penalty in PENALTIES:
        more_weight, more_bias = fit_ridge(filters, residual, penalty)
        candidate = weight + more_weight, bias + more_bias
        error = float(((held_filters @ candidate[0].T + candidate[1] - held_labels) ** 2).mean())
        r2 = np.corrcoef((held_filters @ candidate[0].T + candidate[1])[:, 0], held_labels[:, 0])[0, 1] ** 2
        print(f"penalty {penalty:g}: validation mean squared error {error:.4f}, median's squared correlation {r2:.3f}")
        if error < best:
            best, chosen = error, candidate

    head = TextCNN(CONFIG.hidden_size, labels.shape[1], **HEAD)
    state = distilled.state_dict() | {"output.weight": chosen[0].float(), "output.bias": chosen[1].float()}
    head.load_state_dict(state)
    save_file(head.state_dict(), WORK / "head58.safetensors")
    print(f"{len(labels)} training and {len(held_labels)} validation genes; validation error {best:.4f}")


if __name__ == "__main__":
    main()
