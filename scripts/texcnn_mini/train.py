"""Stage 3: one member of the ensemble, trained end to end on real genes, the teachers' windows and the reporter assays.

A step sees real genes (expression of 57 cell types and their median; 54 tissues of the Human Protein Atlas; which of
181 transcription factors bind; Xpresso's published prediction), windows that Xpresso's networks label, elements of the
reporter assay, and single bases changed near a TSS, for which the reporter networks say how much should change. Windows
are moved a little and their ends hidden at random. The run takes a given time: the learning rate follows the clock.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from genome import LENGTH, UPSTREAM, cut, load_pack, mask_ends, mask_stretches, one_hot, other_strand
from network import N_FACTORS, N_FEATURES, N_MAIN, N_TEACHERS, N_TISSUES, SEGMENT, Network, Recipe
from optimizer import learning_rate, optimizer_of, set_rate, step_down
from safetensors.torch import load_file, save_file
from teachers import DragoNN, ReporterCNN, load_xpresso
from torch import Tensor

TEACHERS = ("median", "K562", "GM12878", "mouse_median", "mESC")
HEPG2, K562 = 6, 0
"""First of the six activities of each cell type among DragoNN's twelve."""
ELEMENTS = 128
MIN_SECONDS = 15.0
"""Time that a member is begun with at least."""
DELTA_SCALE = 0.03
"""Expression, in its own standard deviations, of a single base's usual change of activity."""
WEIGHTS = {
    "median": 1.0, "cell_types": 1.0, "deviations": 1.0, "tissues": 0.5, "factors": 0.5, "published": 0.3,
    "teachers": 0.7, "reporter": 0.2, "delta": 0.3,
}  # fmt: skip
DRAGONN_CHANGE, REPORTER_CHANGE = 0.031, 0.067
"""Standard deviations of what single bases change in either network, at the promoters of RET, PKLR and SORT1."""
REPORTER_SHARE = (0.25, 0.0, 0.5)
"""Share of our network, which knows HepG2 alone, in what is taught to all outputs but two, to K562's and to HepG2's."""
PER_DEVIATION = 32
"""Predictions of held-out genes are kept in this share of a standard deviation."""
MIN_NEAR, N_GRID = 1_500, 70_000
EXCLUDED = ("chr19:11089462", "chrX:139530720")
"""TSSs of LDLR and F9, whose saturation mutagenesis judges the model: no change is taught near them."""


class Data:
    """Everything of the packed file that training reads, on one device."""

    def __init__(self, path: Path, device: torch.device) -> None:
        pack = load_pack(path)
        self.pack, self.device = pack, device
        self.genome = torch.from_numpy(pack["genome"]).to(device)
        self.place, self.strand = self._to("place").long(), self._to("strand").long()
        self.split, self.near, self.epd = pack["gene_split"], pack["near"], pack["epd"]
        self.gene_weight = torch.from_numpy(np.where(self.epd, 0.5, 1.0)[:, None].astype(np.float32)).to(device)
        train = self.split == 0
        labels, tissues = pack["labels"], pack["tissues"]
        self.mean, self.scale = labels[train].mean(0), labels[train].std(0)
        self.labels = torch.from_numpy((labels - self.mean) / self.scale).to(device)
        centred = labels[:, 1:] - labels[:, 1:].mean(1, keepdims=True)
        self.deviation_scale = float((centred - centred[train].mean(0))[train].std())
        self.deviations = torch.from_numpy((centred - centred[train].mean(0)) / self.deviation_scale).to(device)
        self.to_deviation = torch.from_numpy(self.scale[1:] / self.deviation_scale).to(device)
        with np.errstate(all="ignore"):
            tissues = (tissues - np.nanmean(tissues[train], 0)) / np.nanstd(tissues[train], 0)
        self.tissues = torch.from_numpy(tissues).to(device)
        self.factors = self._to("factors").float()
        self.published = self._to("score")
        lengths = pack["lengths"]
        self.feature_mean, self.feature_scale = np.nanmean(lengths[train], 0), np.nanstd(lengths[train], 0)
        features = np.nan_to_num((lengths - self.feature_mean) / self.feature_scale)
        self.features = torch.from_numpy(features.astype(np.float32)).to(device)
        self.mpra_codes, self.mpra_activity = self._to("mpra_codes"), self._to("mpra_activity")
        self.mpra_activity = (self.mpra_activity - self.mpra_activity.mean()) / self.mpra_activity.std()
        self.mpra_rows = torch.from_numpy(np.flatnonzero(~pack["mpra_held"])).to(device)
        self.distilled_place = self._to("distilled_place").long()
        self.distilled_strand = self._to("distilled_strand").long()
        forbidden = np.zeros(len(train), bool)
        for place in EXCLUDED:
            chrom, position = place.split(":")
            forbidden |= (pack["chrom"] == chrom) & (abs(pack["tss"] - int(position)) < 20_000)
        names = [str(name) for name in pack["outputs"]]
        self.k562, self.hepg2 = names.index("E123"), names.index("E118")
        self.taught_changes = torch.from_numpy(~forbidden & (self.near >= 1_000)).to(device)

    def _to(self, name: str) -> Tensor:
        return torch.from_numpy(self.pack[name]).to(self.device)


class Teachers:
    """Xpresso's published networks, frozen, and the scale of what they say of windows around TSSs."""

    def __init__(self, data: Data) -> None:
        self.networks = {name: load_xpresso(data.pack, name).to(data.device) for name in TEACHERS}
        self.data = data
        # Windows around TSSs follow those at random places; genes look like the former.
        first = min(N_GRID, len(data.distilled_place) // 2)
        alike = torch.arange(first, len(data.distilled_place), device=data.device)[::50]
        found = torch.cat([self._predict(self.windows(rows)) for rows in alike.split(128)])
        self.mean, self.scale = found.mean(0), found.std(0)

    def windows(self, rows: Tensor) -> Tensor:
        """Cuts windows to distil."""
        return cut(self.data.genome, self.data.distilled_place[rows], self.data.distilled_strand[rows])

    @torch.no_grad()
    def _predict(self, codes: Tensor) -> Tensor:
        bases = one_hot(codes)
        with torch.autocast(codes.device.type, torch.bfloat16, enabled=codes.is_cuda):
            return torch.cat([network(bases) for network in self.networks.values()], dim=1).float()

    def __call__(self, codes: Tensor) -> Tensor:
        """Returns what they predict for whole windows, standardised, ``(n, 5)``."""
        return (self._predict(codes) - self.mean) / self.scale


class Changes:
    """Single bases changed near a TSS, and how much the reporter networks think that matters."""

    def __init__(self, data: Data, folder: Path) -> None:
        self.dragonn = DragoNN(data.pack).to(data.device)
        self.members = []
        for path in sorted(folder.glob("reporter.*.safetensors")):
            member = ReporterCNN()
            member.load_state_dict(load_file(path))
            self.members.append(member.to(data.device).eval().requires_grad_(False))

    @torch.no_grad()
    def _dragonn(self, codes: Tensor) -> Tensor:
        """Returns the mean of all twelve activities, of K562's and of HepG2's, over both strands, ``(3, n)``."""
        both = torch.cat([codes, other_strand(codes)])
        found = self.dragonn(one_hot(both)).view(2, len(codes), 12).mean(0)
        return torch.stack([found.mean(1), found[:, K562 : K562 + 6].mean(1), found[:, HEPG2 : HEPG2 + 6].mean(1)])

    @torch.no_grad()
    def _reporter(self, codes: Tensor) -> Tensor:
        both = torch.cat([codes, other_strand(codes)])
        return torch.stack([member(one_hot(both)).view(2, -1).mean(0) for member in self.members]).mean(0)

    def make(self, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Changes one base of each window.

        Returns:
            The changed windows; the target for all outputs but two, for K562 and for HepG2 ``(3, n)``; which rows have
            enough known bases around the change.
        """
        n, device = len(codes), codes.device
        near = torch.randn(n, device=device) * 150 - 75
        wide = torch.rand(n, device=device) * 1_400 - 900
        at = torch.where(torch.rand(n, device=device) < 0.6, near, wide).round().long().clamp(-1_200, 800)
        place = (at + UPSTREAM)[:, None]
        old = codes.gather(1, place)
        new = ((old + torch.randint(1, 4, (n, 1), device=device)) % 4).to(codes.dtype)
        changed = codes.scatter(1, place, new)
        around = torch.arange(-110, 111, device=device)[None] + place
        known = (codes.gather(1, around) < 4).all(dim=1)
        targets = []
        for offset in (-36, 0, 36):
            index = torch.arange(145, device=device)[None] - 72 + offset + place
            targets.append(self._dragonn(changed.gather(1, index)) - self._dragonn(codes.gather(1, index)))
        target = torch.stack(targets).mean(0) / DRAGONN_CHANGE
        if self.members:
            ours = []
            for offset in (-40, 0, 40):
                index = torch.arange(200, device=device)[None] - 100 + offset + place
                index = index.clamp(0, LENGTH - 1)
                ours.append(self._reporter(changed.gather(1, index)) - self._reporter(codes.gather(1, index)))
            share = torch.tensor(REPORTER_SHARE, device=device)[:, None]
            target = (1 - share) * target + share * torch.stack(ours).mean(0) / REPORTER_CHANGE
        # Reporter assays test a piece of DNA where it starts transcription; far from the TSS it matters less.
        away = ((at + 75).abs() - 225).clamp(min=0) / 400
        return changed, target * torch.exp(-(away**2)), known & (old[:, 0] < 4)


def gene_losses(found: Tensor, data: Data, rows: Tensor, published: Tensor) -> dict[str, Tensor]:
    """Returns the losses of real genes; ``found`` ``(n, outputs)``."""
    main, tissues, factors, teachers = found.split([N_MAIN, N_TISSUES, N_FACTORS, N_TEACHERS], dim=1)
    weight = data.gene_weight[rows]
    error = weight * (main - data.labels[rows]) ** 2
    scaled = main[:, 1:] * data.to_deviation
    deviations = scaled - scaled.mean(dim=1, keepdim=True)
    true_tissues = data.tissues[rows]
    has = ~true_tissues.isnan()
    true_factors = data.factors[rows]
    measured = (true_factors >= 0).float()
    return {
        "median": error[:, 0].mean(),
        "cell_types": error[:, 1:].mean(),
        "deviations": (weight * (deviations - data.deviations[rows]) ** 2).mean(),
        "tissues": ((tissues - true_tissues.nan_to_num()) ** 2 * has).sum() / has.sum().clamp(min=1),
        "factors": (
            F.binary_cross_entropy_with_logits(factors, true_factors.clamp(min=0), reduction="none") * measured
        ).sum()
        / measured.sum().clamp(min=1),
        "published": (weight[:, 0] * (teachers[:, 0] - published[rows]) ** 2).mean(),
    }


def element_segments(data: Data, rows: Tensor, length: int) -> Tensor:
    """Returns elements of the reporter assay as segments, N around them where a segment is longer."""
    codes = data.mpra_codes[rows]
    if length <= codes.shape[1]:
        start = int(torch.randint(codes.shape[1] - length + 1, ()))
        return codes[:, start : start + length]
    left = int(torch.randint(length - codes.shape[1] + 1, ()))
    return F.pad(codes, (left, length - codes.shape[1] - left), value=4)


@torch.inference_mode()
def predict(network: Network, data: Data, rows: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Returns predictions without and with the mRNA's lengths, in log10(RPKM + 0.1), ``(n, 58)`` each."""
    network.eval()
    alone, given = [], []
    for part in rows.split(256):
        segments, mask = network.usable(cut(data.genome, data.place[part], data.strand[part]))
        found = network.vectors(segments)
        values = found.new_zeros(*mask.shape, found.shape[1])
        values[mask] = found
        alone.append(network.head(values, mask, torch.zeros_like(data.features[part]))[:, :N_MAIN])
        given.append(network.head(values, mask, data.features[part])[:, :N_MAIN])
    return tuple(torch.cat(found).cpu().numpy() * data.scale + data.mean for found in (alone, given))


def squared_pearson(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Returns the squared correlation of each column."""
    found, true = found - found.mean(0), true - true.mean(0)
    return (found * true).sum(0) ** 2 / ((found**2).sum(0) * (true**2).sum(0) + 1e-12)


def within_gene(found: np.ndarray, true: np.ndarray) -> float:
    """Returns the mean over genes of the Pearson correlation across the 57 cell types."""
    found, true = found[:, 1:] - found[:, 1:].mean(1, keepdims=True), true[:, 1:] - true[:, 1:].mean(1, keepdims=True)
    r = (found * true).sum(1) / np.sqrt((found**2).sum(1) * (true**2).sum(1) + 1e-12)
    return float(r.mean())


def judge(alone: np.ndarray, given: np.ndarray, rows: np.ndarray, pack: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Returns figures of predictions without and with the mRNA's lengths."""
    true, r2 = pack["labels"][rows], squared_pearson(alone, pack["labels"][rows])
    new, wide = pack["new"][rows], pack["known"][rows] >= LENGTH // 4
    found = {
        "median": r2[0],
        "median_new": squared_pearson(alone[new], true[new])[0],
        "median_wide": squared_pearson(alone[wide], true[wide])[0],
        "cell_types": r2[1:].mean(),
        "within": within_gene(alone, true),
        "median_features": squared_pearson(given, true)[0],
        "cell_types_features": squared_pearson(given, true)[1:].mean(),
    }
    return {"n": len(rows)} | {name: round(float(value), 4) for name, value in found.items()}


def train(
    name: str, recipe: Recipe, data: Data, teachers: Teachers, changes: Changes, options: argparse.Namespace,
    *, all_splits: bool,
) -> None:  # fmt: skip
    """Trains one member and writes ``<name>.safetensors`` and ``<name>.json``."""
    torch.manual_seed(recipe.seed)
    device, weights = data.device, {**WEIGHTS, **recipe.weights}
    network = Network(recipe, teachers.networks).to(device)
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = optimizer_of(network.parameters(), recipe.weight_decay)
    fit = np.isin(data.split, [0, 1] if all_splits else [0]) & ((data.near >= 600) | data.epd)
    genes = torch.from_numpy(np.flatnonzero(fit)).to(device)
    sampled = torch.from_numpy(np.where(data.epd[fit], 0.5, 1.0)).to(device)
    parts = torch.from_numpy(data.pack["distilled_split"]).to(device)
    distilled = torch.nonzero(parts <= (1 if all_splits else 0))[:, 0]
    published = (data.published - teachers.mean[0]) / teachers.scale[0]
    held = np.flatnonzero((data.split == 1) & (data.near >= MIN_NEAR))
    started, step, shown = time.time(), 0, 0.0
    log: list[dict[str, float]] = []
    sums: dict[str, float] = {}
    while True:
        progress = step / recipe.steps
        if options.until:
            progress = max(progress, (time.time() - started) / max(options.until - started, 1.0))
        if progress >= 1:
            break
        set_rate(optimizer, learning_rate(recipe.learning_rate, progress, rise=0.04, least=0.01))
        # First mostly what the teachers know, of which there is plenty; then mostly real genes.
        early = progress < 0.2 and recipe.windows > 0
        n_genes, n_windows = (recipe.batch // 2, 2 * recipe.windows) if early else (recipe.batch, recipe.windows)
        rows = genes[torch.multinomial(sampled, n_genes, replacement=True)]
        shift = (torch.randn(n_genes, device=device) * recipe.max_shift / 2).round().long()
        codes = cut(data.genome, data.place[rows], data.strand[rows], shift)
        codes = mask_stretches(mask_ends(codes, recipe.mask_chance), 0.1)
        together = [codes]
        if n_windows:
            windows = teachers.windows(distilled[torch.randint(len(distilled), (n_windows,), device=device)])
            labels = teachers(windows)
            together.append(mask_stretches(mask_ends(windows, 0.5), 0.1))
        segments, mask = network.usable(torch.cat(together))
        pieces = [segments]
        reports = weights["reporter"] > 0 and recipe.convolutions
        if reports:
            elements = data.mpra_rows[torch.randint(len(data.mpra_rows), (ELEMENTS,), device=device)]
            pieces.append(element_segments(data, elements, SEGMENT))
        taught = weights["delta"] > 0 and recipe.convolutions and not early
        if taught:
            changed, target, counted = changes.make(codes)
            counted &= data.taught_changes[rows]
            first, last = recipe.near
            differs = (changed != codes).view(n_genes, -1, SEGMENT)[:, first:last].any(dim=2)
            counted &= (differs & mask[:n_genes]).any(dim=1)
            picked = differs & counted[:, None]
            pieces.append(changed.view(n_genes, -1, SEGMENT)[:, first:last][picked])
        network.train()
        vectors = network.vectors(torch.cat(pieces)).split([len(piece) for piece in pieces])
        values = vectors[0].new_zeros(*mask.shape, vectors[0].shape[1])
        values[mask] = vectors[0]
        keep = torch.rand(n_genes, 1, device=device) < 0.5
        features = torch.cat([data.features[rows] * keep, torch.zeros(n_windows, N_FEATURES, device=device)])
        output = network.head(values, mask, features).float().nan_to_num()
        usable, found = mask.any(dim=1, keepdim=True), output[:n_genes]
        if recipe.guarded:
            assert network.head.dense is not None
            hook = network.head.dense.register_forward_hook(lambda _, __, units: units.detach())
            found = network.head(values[:n_genes], mask[:n_genes], features[:n_genes]).float().nan_to_num()
            hook.remove()
            found = torch.cat([found[:, :-N_TEACHERS], output[:n_genes, -N_TEACHERS:]], dim=1)
        losses = gene_losses(found, data, rows, published)
        if n_windows:
            losses["teachers"] = ((output[n_genes:, -N_TEACHERS:] - labels) ** 2 * usable[n_genes:]).mean()
        if reports:
            activity = network.reporter(network.own(vectors[1]))[:, 0].float()
            losses["reporter"] = F.mse_loss(activity, data.mpra_activity[elements])
        if taught and counted.any():
            wanted, delta = taught_change(network, values, mask, picked, counted, vectors[-1], target, data)
            size = wanted.std().clamp(min=1e-3)
            losses["delta"] = F.smooth_l1_loss(delta / size, wanted / size)
        loss = sum(weights[key] * value for key, value in losses.items())
        assert isinstance(loss, Tensor)
        step_down(loss, optimizer, network, average, step, recipe.ema)
        step += 1
        if step % 20 == 0:
            for key, value in losses.items():
                sums[key] = 0.9 * sums.get(key, value.item()) + 0.1 * value.item()
        if progress - shown >= options.show:
            shown = progress
            log.append({"step": step, "seconds": round(time.time() - started, 1)})
            log[-1] |= judge(*predict(average, data, torch.from_numpy(held).to(device)), held, data.pack)
            print(
                name, json.dumps(log[-1] | {f"loss_{key}": round(value, 3) for key, value in sums.items()}), flush=True
            )
    alone, given = predict(average, data, torch.from_numpy(held).to(device))
    log.append({"step": step, "seconds": round(time.time() - started, 1)} | judge(alone, given, held, data.pack))
    print(name, json.dumps(log[-1] | {f"loss_{key}": round(value, 3) for key, value in sums.items()}), flush=True)
    if not all_splits:
        both = (np.stack([alone, given]) - data.mean) / data.scale * PER_DEVIATION
        np.savez_compressed(options.out / f"{name}.npz", rows=held, found=both.round().clip(-127, 127).astype(np.int8))
    save(name, average, recipe, data, log, options, all_splits=all_splits)


def taught_change(
    network: Network, values: Tensor, mask: Tensor, picked: Tensor, counted: Tensor, vectors: Tensor, target: Tensor,
    data: Data,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Returns what one changed base should change and what it does, ``(n, 58)`` each."""
    rows, n_genes = torch.nonzero(counted)[:, 0], len(counted)
    after = values[:n_genes].clone()
    after[picked] = vectors
    none = torch.zeros(2 * len(rows), N_FEATURES, device=values.device)
    network.head.eval()
    both = network.head(torch.cat([values[rows], after[rows]]), torch.cat([mask[rows]] * 2), none)[:, :N_MAIN].float()
    network.head.train()
    wanted = target[0][:, None].repeat(1, N_MAIN)
    wanted[:, data.k562], wanted[:, data.hepg2] = target[1], target[2]
    return wanted[rows] * DELTA_SCALE, both[len(rows) :] - both[: len(rows)]


def save(
    name: str, network: Network, recipe: Recipe, data: Data, log: list[dict[str, float]], options: argparse.Namespace,
    *, all_splits: bool,
) -> None:  # fmt: skip
    """Writes what export reads, in 16 bits, and the figures."""
    tensors = network.exported()
    for layer in ("weight", "bias"):
        value = tensors[f"head.output.{layer}"][:N_MAIN]
        scale = torch.from_numpy(data.scale).to(value.device).float()
        value = value * (scale[:, None] if layer == "weight" else scale)
        if layer == "bias":
            value = value + torch.from_numpy(data.mean).to(value.device).float()
        tensors[f"head.output.{layer}"] = value.contiguous()
    save_file({key: value.half().cpu() for key, value in tensors.items()}, options.out / f"{name}.safetensors")
    described = {
        "recipe": recipe.to_json(),
        "all_splits": all_splits,
        "feature_mean": data.feature_mean.tolist(),
        "feature_scale": data.feature_scale.tolist(),
        "log": log,
    }
    temporary = options.out / f"{name}.part"
    temporary.write_text(json.dumps(described))
    temporary.rename(options.out / f"{name}.json")


def main() -> None:
    """Trains the members of a plan that no other process has taken, in its order."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan.json"))
    parser.add_argument("--only", default=".", help="regular expression that names of members match")
    parser.add_argument("--work", type=Path, required=True, help="folder of pack.npz and the reporter networks")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--until", type=float, help="the clock's time at which to stop")
    parser.add_argument("--steps", type=int, help="steps in place of the recipes'")
    parser.add_argument("--show", type=float, default=0.34)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(options.device)
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    data = Data(options.work / "pack.npz", device)
    teachers, changes = Teachers(data), Changes(data, options.work)
    for name, member in json.loads(options.plan.read_text()).items():
        if not re.search(options.only, name) or (options.out / f"{name}.json").exists():
            continue
        if options.until and time.time() > options.until - MIN_SECONDS:
            break
        try:
            (options.out / f"{name}.taken").mkdir()
        except FileExistsError:
            continue
        recipe = Recipe.from_json({**member["recipe"], **({"steps": options.steps} if options.steps else {})})
        train(name, recipe, data, teachers, changes, options, all_splits=member["all_splits"])


if __name__ == "__main__":
    main()
