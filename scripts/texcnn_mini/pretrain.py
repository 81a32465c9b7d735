"""Stage 3: convolutions over one segment that know what single bases do in a reporter assay: ``encoder.safetensors``.

Taught by networks, so that any piece of DNA is an example: what 12 experiments of MPRA-DragoNN and a reporter network
of our own (stage 2) say of a segment and of single bases changed in it, and what three Xpresso networks find in it.
Test chromosomes, and the 20 kb around the promoters of F9 and LDLR, are left out. The validation chromosomes judge.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from genome import one_hot, other_strand
from network import PRETRAINED, SEGMENT, NormedSegmentCNN
from safetensors.torch import load_file, save_file
from teachers import DragoNN, ReporterCNN, load_xpresso
from torch import Tensor, nn
from train import ENCODER, Data

SEGMENTS, CHANGED = 128, 8
"""Segments of a step, and single bases changed in each."""
N_ACTIVITIES, HIDDEN, AROUND = 13, 96, 130
OFFSETS = (-36, 0, 36)
"""Windows of a reporter network around what is changed, when it judges."""
NEAR_SHARE, NEAR_SPREAD = 0.6, 400
XPRESSO = ("median", "K562", "GM12878")
RATE, DECAY, EMA = 2e-3, 0.01, 0.998


class Readouts(nn.Module):
    """What the teachers say, read from a segment's vector."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, HIDDEN)
        self.activities = nn.Linear(HIDDEN, N_ACTIVITIES)
        self.motifs = nn.Linear(dim, 32 * len(XPRESSO))

    def forward(self, vectors: Tensor) -> Tensor:
        """Returns the activities ``(n, 13)``."""
        return self.activities(self.hidden(vectors).relu())


class Activities:
    """DragoNN's 12 activities and our own reporter network's, over both strands, at some places of wider pieces."""

    def __init__(self, data: Data, folder: Path) -> None:
        self.dragonn = DragoNN(data.pack).to(data.device)
        self.reporters = []
        for path in sorted(folder.glob("reporter.*.safetensors")):
            reporter = ReporterCNN()
            reporter.load_state_dict(load_file(path))
            self.reporters.append(reporter.to(data.device).eval().requires_grad_(False))

    @torch.no_grad()
    def __call__(self, pieces: Tensor, centres: Tensor, offsets: Sequence[int] = (-36, 0, 36)) -> Tensor:
        """Returns the mean over windows around each centre, some bases away from it, ``(n, 13)``."""
        found = []
        for offset in offsets:
            at = centres[:, None] + offset
            short = pieces.gather(1, at + torch.arange(-72, 73, device=pieces.device)[None])
            both = torch.cat([short, other_strand(short)])
            activity = self.dragonn(one_hot(both)).view(2, len(pieces), 12).mean(0)
            longer = pieces.gather(1, at + torch.arange(-82, 83, device=pieces.device)[None])
            both = one_hot(torch.cat([longer, other_strand(longer)]))
            ours = torch.stack([network(both).view(2, -1).mean(0) for network in self.reporters]).mean(0)
            found.append(torch.cat([activity, ours[:, None]], dim=1))
        return torch.stack(found).mean(0)


def change(pieces: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Changes one base of the middle segment of each piece, ``number`` times over: changed pieces, and where."""
    repeated = pieces.repeat_interleave(number, 0)
    at = torch.randint(SEGMENT, (len(repeated), 1), device=pieces.device) + AROUND
    old = repeated.gather(1, at)
    new = ((old.clamp(max=3) + torch.randint(1, 4, at.shape, device=pieces.device)) % 4).to(pieces.dtype)
    return repeated.scatter(1, at, new), at[:, 0]


class Pieces:
    """Segments with the bases around them, from near TSSs and from anywhere."""

    def __init__(self, data: Data, part: int) -> None:
        self.data = data
        runs, splits = data.pack["runs"], data.pack["run_splits"]
        room = np.where(splits == part, runs[:, 1] - SEGMENT - 2 * AROUND, 0).clip(0).astype(np.float64)
        self.starts, self.room = (
            torch.from_numpy(array).to(data.device) for array in (runs[:, 0].astype(np.int64), room)
        )
        chosen = (data.split == part) & data.taught_changes.cpu().numpy() & (data.near >= 1_500)
        self.genes = torch.from_numpy(np.flatnonzero(chosen)).to(data.device)
        forbidden = ~data.taught_changes.cpu().numpy() & (data.near >= 1_000)
        self.forbidden = torch.from_numpy(data.pack["place"][forbidden].astype(np.int64)).to(data.device)

    def take(self, n: int) -> Tensor:
        """Returns pieces of codes ``(n, 560)``, a segment in the middle, wholly known."""
        device = self.data.device
        near = int(n * NEAR_SHARE)
        genes = self.genes[torch.randint(len(self.genes), (near,), device=device)]
        centres = self.data.place[genes] + (torch.randn(near, device=device) * NEAR_SPREAD).clamp(-1_200, 1_200).long()
        runs = torch.multinomial(self.room, n - near, replacement=True)
        offsets = (torch.rand(n - near, device=device, dtype=torch.float64) * self.room[runs]).long()
        centres = torch.cat([centres, self.starts[runs] + offsets + SEGMENT // 2 + AROUND])
        wide = torch.arange(SEGMENT + 2 * AROUND, device=device)[None] - SEGMENT // 2 - AROUND
        codes = self.data.genome[(centres[:, None] + wide).clamp(0, len(self.data.genome) - 1)]
        turned = torch.rand(n, 1, device=device) < 0.5
        codes = torch.where(turned, other_strand(codes), codes)
        usable = (codes < 4).all(dim=1)
        if len(self.forbidden):
            usable &= ((centres[:, None] - self.forbidden[None]).abs() > 20_000).all(dim=1)
        return codes[usable]


def middle(pieces: Tensor) -> Tensor:
    """Returns the segments of pieces."""
    return pieces[:, AROUND : AROUND + SEGMENT]


def main() -> None:
    """Trains the convolutions."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=3_000)
    parser.add_argument("--until", type=float, help="the clock's time at which to stop")
    options = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device(options.device)
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    data = Data(options.work / "pack.npz", device)
    activities, pieces, held = Activities(data, options.work), Pieces(data, 0), Pieces(data, 1)
    xpresso = [load_xpresso(data.pack, name).to(device) for name in XPRESSO]
    network = NormedSegmentCNN(**PRETRAINED).to(device)
    readouts = Readouts(PRETRAINED["channels"] * (PRETRAINED["places"] + 1)).to(device)
    both = nn.ModuleList([network, readouts])
    average = copy.deepcopy(both).requires_grad_(False)
    optimizer = torch.optim.AdamW(both.parameters(), lr=RATE, weight_decay=DECAY)

    @torch.no_grad()
    def teach(taken: Tensor, number: int, offsets: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Returns changed pieces, activities of the pieces, what the changes do, and Xpresso's motifs."""
        changed, at = change(taken, number)
        centre = torch.full((len(taken),), AROUND + SEGMENT // 2, device=device)
        whole = activities(taken, centre)
        delta = activities(changed, at, offsets) - activities(taken.repeat_interleave(number, 0), at, offsets)
        found = torch.cat([net.places(one_hot(middle(taken)))[:, :, 0] for net in xpresso], dim=1)
        return changed, whole, delta, found

    first = [teach(pieces.take(SEGMENTS), CHANGED, OFFSETS)[1:] for _ in range(8)]
    means = [torch.cat([entry[i] for entry in first]).mean(0) for i in range(3)]
    scales = [torch.cat([entry[i] for entry in first]).std(0).clamp(min=1e-3) for i in range(3)]

    @torch.inference_mode()
    def judge() -> dict[str, float]:
        average.eval()
        found, true = [[], []], [[], []]
        for _ in range(6):
            taken = held.take(SEGMENTS)
            changed, whole, delta, _ = teach(taken, CHANGED, OFFSETS)
            before, after = (
                average[1](average[0](one_hot(middle(taken)))),
                average[1](average[0](one_hot(middle(changed)))),
            )
            found[0].append(before)
            true[0].append(whole)
            found[1].append(after - before.repeat_interleave(CHANGED, 0))
            true[1].append(delta)
        figures = {}
        for what, one, other in zip(("activity", "change"), found, true, strict=True):
            a, b = torch.cat(one), torch.cat(other)
            a, b = a - a.mean(0), b - b.mean(0)
            r = (a * b).sum(0) / ((a**2).sum(0) * (b**2).sum(0)).sqrt()
            figures |= {what: round(float(r[:12].mean()), 3), f"{what}_own": round(float(r[12]), 3)}
        return figures

    started, step, log = time.time(), 0, []
    while True:
        progress = step / options.steps
        if options.until:
            progress = max(progress, (time.time() - started) / max(options.until - started, 1.0))
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(progress / 0.04, 1.0) * (0.01 + 0.495 * (1 + np.cos(np.pi * progress)))
        taken = pieces.take(SEGMENTS)
        # One place of the window at a time: on average the target is the mean over all of them.
        changed, whole, delta, motifs = teach(taken, CHANGED, [int(np.random.default_rng(step).integers(-45, 46))])
        both.train()
        vectors = network(one_hot(torch.cat([middle(taken), middle(changed)])))
        found = readouts(vectors)
        before, after = found[: len(taken)], found[len(taken) :]
        # The readouts are in units of a usual change, so that both have one scale.
        change_found = after - before.repeat_interleave(CHANGED, 0)
        loss = (
            F.smooth_l1_loss(change_found / scales[1], delta / scales[1])
            + 0.3 * F.mse_loss((before - means[0]) / scales[0], (whole - means[0]) / scales[0])
            + 0.3 * F.mse_loss(readouts.motifs(vectors[: len(taken)]), (motifs - means[2]) / scales[2])
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 5.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(
                list(average.parameters()), list(both.parameters()), 1 - min(EMA, (1 + step) / (10 + step))
            )
            for ours, theirs in zip(average.buffers(), both.buffers(), strict=True):
                ours.copy_(theirs)
        step += 1
        if step % 250 == 0 or step == 20:
            log.append(
                {"step": step, "seconds": round(time.time() - started, 1), "loss": round(float(loss), 3)} | judge()
            )
            print(json.dumps(log[-1]), flush=True)
    log.append({"step": step, "seconds": round(time.time() - started, 1)} | judge())
    print(json.dumps(log[-1]), flush=True)
    readout = {name: value.detach().half().cpu().contiguous() for name, value in average[1].state_dict().items()}
    save_file(readout, options.work / "readouts.safetensors")
    (options.work / "encoder.json").write_text(json.dumps(log))
    tensors = {name: value.half().float().cpu().contiguous() for name, value in average[0].exported().items()}
    save_file(tensors, options.work / f"{ENCODER}.part")
    (options.work / f"{ENCODER}.part").rename(options.work / ENCODER)


if __name__ == "__main__":
    main()
