"""Stage 8: from the teacher's one output to the expression of 57 cell types and their median.

Bases are known for a few hundred genes only, but labels, the lengths of the mRNA's parts and the teacher's published
prediction for most genes there are. So a layer that reads score and lengths together, and the last layer, are fitted to
these on some 10,000 training genes, with the published score in place of the student's. Every second time the lengths
are left out, so that the model can do without them. What this leaves on the slice's training genes is a ridge
regression on the dense units; validation chromosomes choose its strength.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F  # noqa: N812
from data import (
    KEPT_CHROMS,
    LENGTHS,
    SEED,
    WORK,
    bed_genes,
    cell_types,
    expression,
    genes,
    lengths,
    published_scores,
    split_of,
)
from distil_head import HEAD as DISTILLED_HEAD
from safetensors.torch import load_file, save_file
from student import DIM, embed
from torch import Tensor, nn

from texcnn.heads.textcnn import TextCNN

FUSION_UNITS = 64
HEAD = {**DISTILLED_HEAD, "n_features": len(LENGTHS), "fusion_units": FUSION_UNITS}
BATCH, EPOCHS, LEARNING_RATE = 128, 30, 5e-3
PENALTIES = [float(10**exponent) for exponent in np.arange(0.0, 6.1, 0.5)] + [float("inf")]


def annotated_genes(split: str) -> pd.DataFrame:
    """Returns a split's measured genes, known bases or not: ``gene_id`` index, ``score`` and :data:`LENGTHS`."""
    bed = bed_genes().assign(score=published_scores())
    bed = bed[(bed["chrom"].map(split_of) == split) & ~bed["chrom"].isin(KEPT_CHROMS)]
    table = bed.set_index("gene_id")[["score"]].join(lengths(), how="inner")
    return table[table.index.isin(expression().index)]


def feature_scale() -> tuple[pd.Series, pd.Series]:
    """Returns mean and standard deviation of each length over the training genes."""
    table = annotated_genes("train")[list(LENGTHS)]
    return table.mean(), table.std(ddof=0)


def scaled_lengths(index: pd.Index) -> Tensor:
    """Returns scaled lengths ``(n, 5)`` of genes; NaN for a gene without any."""
    mean, scale = feature_scale()
    return torch.tensor(((lengths().reindex(index) - mean) / scale).to_numpy(), dtype=torch.float32)


class Fusion(nn.Module):
    """What the text CNN does behind its dense layer, with one score in place of the dense units."""

    def __init__(self, n_cell_types: int) -> None:
        super().__init__()
        read = 1 + len(LENGTHS)
        self.fusion = nn.Sequential(nn.Linear(read, FUSION_UNITS), nn.ReLU())
        self.output = nn.Linear(read + FUSION_UNITS, n_cell_types)

    def forward(self, score: Tensor, features: Tensor) -> Tensor:
        """``(n, 1)`` and ``(n, 5)`` to ``(n, n_cell_types)``."""
        given = torch.cat([score, features], dim=1)
        return self.output(torch.cat([given, self.fusion(given)], dim=1))


def fit_fusion() -> Fusion:
    """Fits score and lengths to the labels of training genes, and prints how good both are on validation genes."""
    torch.manual_seed(SEED)
    tables = {split: annotated_genes(split) for split in ("train", "validation")}
    labels = {split: torch.tensor(expression().loc[table.index].to_numpy()).float() for split, table in tables.items()}
    scores = {split: torch.tensor(table[["score"]].to_numpy()).float() for split, table in tables.items()}
    features = {split: scaled_lengths(table.index) for split, table in tables.items()}
    model = Fusion(labels["train"].shape[1])
    steps = EPOCHS * -(-len(labels["train"]) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(labels["train"])).split(BATCH):
            given = features["train"][rows] * (torch.rand(len(rows), 1) < 0.5)
            loss = F.mse_loss(model(scores["train"][rows], given), labels["train"][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.inference_mode():
        for name, share in (("with lengths", 1.0), ("without", 0.0)):
            found = model(scores["validation"], features["validation"] * share)
            r2 = torch.corrcoef(torch.stack([found[:, 0], labels["validation"][:, 0]]))[0, 1] ** 2
            print(f"{len(scores['train'])} genes, published score {name}: validation, {len(found)} genes, r2 {r2:.3f}")
    return model


def fused_head(distilled: TextCNN, fusion: Fusion) -> TextCNN:
    """Puts the fitted layers behind the distilled head: its output becomes the score they read."""
    score, offset = distilled.output.weight.detach(), distilled.output.bias.detach()
    head = TextCNN(DIM, fusion.output.out_features, **HEAD)
    state = {name: value for name, value in distilled.state_dict().items() if not name.startswith("output.")}
    for name, layer in (("fusion.0", fusion.fusion[0]), ("output", fusion.output)):
        weight, bias = layer.weight.detach(), layer.bias.detach()
        state[f"{name}.weight"] = torch.cat([weight[:, :1] * score, weight[:, 1:]], dim=1)
        state[f"{name}.bias"] = bias + weight[:, 0] * offset
    head.load_state_dict(state)
    return head.eval()


def slice_genes(head: TextCNN, split: str) -> tuple[Tensor, Tensor, Tensor]:
    """Returns dense units ``(n, units)``, predictions and labels ``(n, 58)`` of the split's genes, float64."""
    table, windows = genes(split)
    embeddings = embed(windows)
    features = scaled_lengths(table.index).nan_to_num(0.0)
    seen: list[Tensor] = []
    hook = head.output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        found = head(embeddings.values, embeddings.mask, features)
    hook.remove()
    labels = torch.from_numpy(expression().loc[table.index, cell_types()["cell_type"]].to_numpy())
    return seen[0][:, : HEAD["dense_units"]].double(), found.double(), labels


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
    """Writes ``head58.safetensors``, and ``fusion.safetensors`` for the teacher's own score."""
    distilled = TextCNN(DIM, 1, **DISTILLED_HEAD)
    distilled.load_state_dict(load_file(WORK / "head.safetensors"))
    fusion = fit_fusion()
    save_file(fusion.state_dict(), WORK / "fusion.safetensors")
    head = fused_head(distilled, fusion)
    filters, found, labels = slice_genes(head, "train")
    held_filters, held_found, held_labels = slice_genes(head, "validation")
    best, chosen = np.inf, fit_ridge(filters, labels - found, np.inf)
    for penalty in PENALTIES:
        weight, bias = fit_ridge(filters, labels - found, penalty)
        better = held_found + held_filters @ weight.T + bias
        error = float(((better - held_labels) ** 2).mean())
        r2 = np.corrcoef(better[:, 0], held_labels[:, 0])[0, 1] ** 2
        print(f"penalty {penalty:g}: validation mean squared error {error:.4f}, median's squared correlation {r2:.3f}")
        if error < best:
            best, chosen = error, (weight, bias)
    with torch.no_grad():
        head.output.weight[:, : filters.shape[1]] += chosen[0].float()
        head.output.bias += chosen[1].float()
    save_file(head.state_dict(), WORK / "head58.safetensors")
    print(f"{len(labels)} training and {len(held_labels)} validation genes; validation error {best:.4f}")


if __name__ == "__main__":
    main()
