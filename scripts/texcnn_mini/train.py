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
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from genome import LENGTH, UPSTREAM, cut, load_pack, mask_ends, mask_stretches, one_hot, other_strand, usable_segments
from network import N_FACTORS, N_FEATURES, N_MAIN, N_TEACHERS, N_TISSUES, Network, Recipe
from safetensors.torch import load_file, save_file
from teachers import DragoNN, ReporterCNN, load_xpresso
from torch import Tensor

TEACHERS = ("median", "K562", "GM12878", "mouse_median", "mESC")
HEPG2, K562 = 6, 0
"""First of the six activities of each cell type among DragoNN's twelve."""
BATCH, DISTILLED, ELEMENTS = 128, 48, 128
WEIGHTS = {
    "median": 1.0, "cell_types": 1.0, "deviations": 1.0, "tissues": 0.5, "factors": 0.5, "published": 0.3,
    "teachers": 0.7, "reporter": 0.2, "delta": 0.3,
}  # fmt: skip
DELTA_SCALE = 0.03
"""Expression, in its own standard deviations, of a single base's usual change of activity."""
DRAGONN_CHANGE, REPORTER_CHANGE = 0.031, 0.067
"""Standard deviations of what single bases change in either network, at the promoters of RET, PKLR and SORT1."""
REPORTER_SHARE = (0.25, 0.0, 0.5)
"""Share of our network, which knows HepG2 alone, in what is taught to all outputs but two, to K562's and to HepG2's."""
EMA = 0.998
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
        self.taught_changes = torch.from_numpy(~forbidden & (self.near >= 1_000)).to(device)

    def _to(self, name: str) -> Tensor:
        return torch.from_numpy(self.pack[name]).to(self.device)


@torch.inference_mode()
def teacher_labels(data: Data, path: Path, n: int | None = None, *, wait: float = 0.0) -> Tensor:
    """Returns what Xpresso's networks predict for the windows to distil, ``(n, 5)``; kept in ``path``.

    Where another process makes the file, ``wait`` says for how many seconds to leave it to that one.
    """
    started = time.time()
    while not path.exists() and time.time() - started < wait:
        time.sleep(0.5)
    if not path.exists():
        networks = [load_xpresso(data.pack, name).to(data.device) for name in TEACHERS]
        found = []
        for rows in torch.arange(len(data.distilled_place), device=data.device)[:n].split(256):
            bases = one_hot(cut(data.genome, data.distilled_place[rows], data.distilled_strand[rows]))
            with torch.autocast(data.device.type, torch.bfloat16, enabled=data.device.type == "cuda"):
                found.append(torch.cat([network(bases) for network in networks], dim=1).float())
        temporary = path.with_suffix(f".{time.time_ns()}")
        save_file({"labels": torch.cat(found).cpu().contiguous()}, temporary)
        temporary.rename(path)
    return load_file(path)["labels"].to(data.device)


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
        return changed, target * torch.exp(-(away**2)) * DELTA_SCALE, known & (old[:, 0] < 4)


def gene_losses(found: Tensor, data: Data, rows: Tensor) -> dict[str, Tensor]:
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
        "published": (weight[:, 0] * (teachers[:, 0] - data.published[rows]) ** 2).mean(),
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
def predict(network: Network, data: Data, rows: Tensor, *, features: bool) -> np.ndarray:
    """Returns predictions in log10(RPKM + 0.1), ``(n, 58)``."""
    network.eval()
    found = []
    for part in rows.split(256):
        codes = cut(data.genome, data.place[part], data.strand[part])
        found.append(network(codes, data.features[part] if features else None)[:, :N_MAIN])
    return torch.cat(found).cpu().numpy() * data.scale + data.mean


def squared_pearson(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Returns the squared correlation of each column."""
    found, true = found - found.mean(0), true - true.mean(0)
    return (found * true).sum(0) ** 2 / ((found**2).sum(0) * (true**2).sum(0) + 1e-12)


def within_gene(found: np.ndarray, true: np.ndarray) -> float:
    """Returns the mean over genes of the Pearson correlation across the 57 cell types."""
    found, true = found[:, 1:] - found[:, 1:].mean(1, keepdims=True), true[:, 1:] - true[:, 1:].mean(1, keepdims=True)
    r = (found * true).sum(1) / np.sqrt((found**2).sum(1) * (true**2).sum(1) + 1e-12)
    return float(r.mean())


def judge(network: Network, data: Data, split: int) -> dict[str, float]:
    """Returns figures of the split's genes with known promoters."""
    rows = np.flatnonzero((data.split == split) & (data.near >= MIN_NEAR))
    found = predict(network, data, torch.from_numpy(rows).to(data.device), features=False)
    true = data.pack["labels"][rows]
    r2 = squared_pearson(found, true)
    new = data.pack["new"][rows]
    with_features = predict(network, data, torch.from_numpy(rows).to(data.device), features=True)
    return {
        "n": len(rows),
        "median": float(r2[0]),
        "median_new": float(squared_pearson(found[new], true[new])[0]),
        "cell_types": float(r2[1:].mean()),
        "within": within_gene(found, true),
        "median_features": float(squared_pearson(with_features, true)[0]),
    }


def train(recipe: Recipe, data: Data, options: argparse.Namespace) -> None:
    """Trains one member and writes ``<name>.safetensors`` and ``<name>.json`` as it goes on."""
    torch.manual_seed(recipe.seed)
    device, weights = data.device, {**WEIGHTS, **recipe.weights}
    network = Network(recipe).to(device)
    average = copy.deepcopy(network).requires_grad_(False)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}], lr=1e-3
    )
    fit = np.isin(data.split, [0, 1] if options.all_splits else [0]) & ((data.near >= 600) | data.epd)
    genes = torch.from_numpy(np.flatnonzero(fit)).to(device)
    sampled = torch.from_numpy(np.where(data.epd[fit], 0.5, 1.0)).to(device)
    n_distilled = min(len(data.distilled_place), options.distilled or len(data.distilled_place))
    labels = teacher_labels(data, options.scratch / "teachers.safetensors", n_distilled, wait=options.wait)
    parts = torch.from_numpy(data.pack["distilled_split"][:n_distilled]).to(device)
    distilled = torch.nonzero(parts <= (1 if options.all_splits else 0))[:, 0]
    # Windows around TSSs follow those at random places; genes look like the former.
    alike = labels[N_GRID:] if len(labels) > N_GRID else labels
    teacher_mean, teacher_scale = alike.mean(0), alike.std(0)
    labels = (labels - teacher_mean) / teacher_scale
    data.published = (data.published - teacher_mean[0]) / teacher_scale[0]
    changes = Changes(data, options.work)
    started, step, shown, log = time.time(), 0, 0.0, []
    sums: dict[str, float] = {}
    deadline = options.until or started + options.seconds
    while True:
        by_clock = (time.time() - started) / (deadline - started)
        progress = step / options.steps if options.steps else max(by_clock, step / options.most_steps)
        if progress >= 1:
            break
        warm = min(progress / 0.04, 1.0)
        rate = recipe.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        # First mostly what the teachers know, of which there is plenty; then mostly real genes.
        early = progress < 0.2
        n_genes, n_windows = (options.batch // 2, 2 * options.windows) if early else (options.batch, options.windows)
        rows = genes[torch.multinomial(sampled, n_genes, replacement=True)]
        shift = (torch.randn(n_genes, device=device) * recipe.max_shift / 2).round().long()
        codes = cut(data.genome, data.place[rows], data.strand[rows], shift)
        codes = mask_stretches(mask_ends(codes, recipe.mask_chance), 0.1)
        chosen = distilled[torch.randint(len(distilled), (n_windows,), device=device)]
        windows = cut(data.genome, data.distilled_place[chosen], data.distilled_strand[chosen])
        windows = mask_stretches(mask_ends(windows, 0.5), 0.1)
        segments, mask = usable_segments(torch.cat([codes, windows]), recipe.segment)
        elements = data.mpra_rows[torch.randint(len(data.mpra_rows), (ELEMENTS,), device=device)]
        pieces = [segments, element_segments(data, elements, recipe.segment)]
        taught = weights["delta"] > 0 and not early
        if taught:
            changed, target, counted = changes.make(codes)
            counted &= data.taught_changes[rows]
            differs = (changed != codes).view(n_genes, -1, recipe.segment).any(dim=2)
            counted &= (differs & mask[:n_genes]).any(dim=1)
            picked = differs & counted[:, None]
            pieces.append(changed.view(n_genes, -1, recipe.segment)[picked])
        network.train()
        vectors = network.vectors(torch.cat(pieces)).split([len(piece) for piece in pieces])
        found = network.joined(segments, vectors[0])
        values = found.new_zeros(*mask.shape, found.shape[1])
        values[mask] = found
        keep = torch.rand(n_genes, 1, device=device) < 0.5
        features = torch.cat([data.features[rows] * keep, torch.zeros(n_windows, N_FEATURES, device=device)])
        output = network.head(values, mask, features).float()
        activity = network.reporter(vectors[1])[:, 0].float()
        if taught:
            network.head.eval()
            taught_rows = torch.nonzero(counted)[:, 0]
            before = values[taught_rows]
            after = values.clone()
            after[:n_genes][picked] = network.joined(pieces[2], vectors[2])
            both = network.head(
                torch.cat([before, after[taught_rows]]),
                torch.cat([mask[taught_rows]] * 2),
                torch.zeros(2 * len(taught_rows), N_FEATURES, device=device),
            )[:, :N_MAIN].float()
            delta = both[len(taught_rows) :] - both[: len(taught_rows)]
            network.head.train()
        usable = mask.any(dim=1)
        output = output.nan_to_num()
        losses = gene_losses(output[:n_genes], data, rows)
        error = (output[n_genes:, -N_TEACHERS:] - labels[chosen]) ** 2
        losses["teachers"] = (error * usable[n_genes:, None]).mean()
        losses["reporter"] = F.mse_loss(activity, data.mpra_activity[elements])
        if taught and len(taught_rows):
            wanted = target[0][:, None].repeat(1, N_MAIN)
            wanted[:, data.k562], wanted[:, data.hepg2] = target[1], target[2]
            wanted = wanted[taught_rows]
            size = wanted.std().clamp(min=1e-3)
            losses["delta"] = F.smooth_l1_loss(delta / size, wanted / size)
        loss = sum(weights[name] * value for name, value in losses.items())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        with torch.no_grad():
            decay = min(EMA, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
            for ours, theirs in zip(average.buffers(), network.buffers(), strict=True):
                ours.copy_(theirs)
        step += 1
        if step % 20 == 0:
            for name, value in losses.items():
                sums[name] = 0.9 * sums.get(name, value.item()) + 0.1 * value.item()
        if step in (20, 200):
            print(options.name, f"step {step} after {time.time() - started:.1f} s, loss {loss.item():.3f}", flush=True)
        if progress - shown >= options.show:
            shown = progress
            entry = {"step": step, "progress": round(progress, 3), "seconds": round(time.time() - started, 1)}
            entry |= judge(average, data, 1) | {f"loss_{name}": round(value, 4) for name, value in sums.items()}
            log.append(entry)
            print(options.name, json.dumps(entry), flush=True)
            if progress > 0.45:
                save(average, recipe, data, log, options)
    log.append({"step": step, "progress": 1.0} | judge(average, data, 1))
    print(options.name, json.dumps(log[-1]), flush=True)
    save(average, recipe, data, log, options)


def save(
    network: Network, recipe: Recipe, data: Data, log: list[dict[str, float]], options: argparse.Namespace
) -> None:
    """Writes what export reads, in float32, and the figures."""
    tensors = {f"encoder.{name}": value for name, value in network.encoder.exported().items()}
    tensors |= {
        f"head.{name}": value.detach().float().contiguous() for name, value in network.head.state_dict().items()
    }
    for layer in ("weight", "bias"):
        value = tensors[f"head.output.{layer}"][:N_MAIN]
        scale = torch.from_numpy(data.scale).to(value.device).float()
        value = value * (scale[:, None] if layer == "weight" else scale)
        if layer == "bias":
            value = value + torch.from_numpy(data.mean).to(value.device).float()
        tensors[f"head.output.{layer}"] = value.contiguous()
    temporary = options.out / f"{options.name}.part"
    save_file({name: value.cpu() for name, value in tensors.items()}, temporary)
    temporary.rename(options.out / f"{options.name}.safetensors")
    described = {
        "recipe": recipe.to_json(),
        "feature_mean": data.feature_mean.tolist(),
        "feature_scale": data.feature_scale.tolist(),
        "log": log,
    }
    (options.out / f"{options.name}.json").write_text(json.dumps(described))


def main() -> None:
    """Trains one member."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder of pack.npz and the reporter networks")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", default="{}", help="JSON with what differs from the default recipe")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=420.0)
    parser.add_argument("--until", type=float, help="the clock's time at which to stop, in place of --seconds")
    parser.add_argument("--steps", type=int, default=0, help="a number of steps in place of a time")
    parser.add_argument("--most-steps", type=int, default=5_000, help="end before the time is up after so many steps")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--windows", type=int, default=DISTILLED)
    parser.add_argument("--distilled", type=int, default=0)
    parser.add_argument("--scratch", type=Path, help="folder of the teachers' labels; that of --work if not given")
    parser.add_argument("--wait", type=float, default=0.0, help="seconds to wait for another member's teacher labels")
    parser.add_argument("--show", type=float, default=0.1)
    parser.add_argument("--all-splits", action="store_true", help="train on the validation chromosomes as well")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    options.scratch = options.scratch or options.work
    device = torch.device(options.device)
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    data = Data(options.work / "pack.npz", device)
    names = [str(name) for name in data.pack["outputs"]]
    data.k562, data.hepg2 = names.index("E123"), names.index("E118")
    train(Recipe(**json.loads(options.recipe)), data, options)


if __name__ == "__main__":
    sys.exit(main())
