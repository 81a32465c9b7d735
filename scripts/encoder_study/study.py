"""Does the language model earn its place? The same text CNN over different encoders, frozen and fine-tuned.

Human genes (labels of 57 cell types and their median) or yeast genes (52 conditions). Encoders: a language model
pre-trained on the species' own training chromosomes, the same with random weights, k-mer counts, word2vec, one-hot
convolutions, and pairs of them. Validation chromosomes stop the training; test chromosomes are judged.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "texcnn_mini"))
from genome import cut, load_pack, one_hot
from network import NormedSegmentCNN, kmer_shares

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "texcnn_yeast"))
from yeast_genome import cut_yeast, load_yeast_pack

from texcnn.encoders.dnabert2_config import Dnabert2Config
from texcnn.encoders.dnabert2_model import Dnabert2ForMaskedLM, Dnabert2Model
from texcnn.heads.textcnn import TextCNN
from texcnn.pretraining.masking import mask_tokens

LANGUAGE = Dnabert2Config(
    vocab_size=4096,
    hidden_size=128,
    num_hidden_layers=4,
    num_attention_heads=4,
    intermediate_size=256,
    hidden_dropout_prob=0.0,
)
CONVOLUTIONS = {
    "motifs": 128, "motif_width": 11, "pool": 5, "channels": 64, "width": 5, "layers": 2, "second_pool": 15, "places": 4
}  # fmt: skip
TOKENS = 64
BASES = np.frombuffer(b"ACGTN", np.uint8)


@dataclass
class Species:
    """Genes cut into segments, their labels, and the known bases that a language model learns from."""

    segments: Tensor  # (usable segments, length), codes
    mask: Tensor  # (genes, segments of a window)
    labels: Tensor  # (genes, outputs), NaN where not measured
    split: np.ndarray  # 0 train, 1 validation, 2 test
    judged: np.ndarray  # genes whose figures count
    corpus: list[np.ndarray]  # known runs of the training chromosomes
    held_corpus: list[np.ndarray]


def load_human(work: Path, device: torch.device, length: int) -> Species:
    """Reads the packed file of texcnn-mini."""
    pack = load_pack(work / "pack.npz")
    rows = np.flatnonzero(pack["near"] >= 1_500)
    genome = torch.from_numpy(pack["genome"]).to(device)
    segments, masks = [], []
    for part in np.array_split(rows, 40):
        codes = cut(
            genome,
            torch.from_numpy(pack["place"][part]).to(device),
            torch.from_numpy(pack["strand"][part].astype(np.int64)).to(device),
        )
        pieces = codes.view(len(codes), -1, length)
        mask = (pieces > 3).float().mean(2) <= 0.5
        segments.append(pieces[mask])
        masks.append(mask)
    runs, splits = pack["runs"], pack["run_splits"]
    corpus = [
        [pack["genome"][s : s + n] for (s, n), part in zip(runs, splits, strict=True) if part == wanted]
        for wanted in (0, 1)
    ]
    labels = torch.from_numpy(pack["labels"][rows]).to(device)
    split = pack["gene_split"][rows]
    return Species(torch.cat(segments), torch.cat(masks), labels, split, np.ones(len(rows), bool), *corpus)


def load_yeast(work: Path, device: torch.device, length: int) -> Species:
    """Reads the packed file of texcnn-yeast."""
    pack = load_yeast_pack(work / "yeast.npz")
    genome = torch.from_numpy(pack["genome"]).to(device)
    place, strand = (torch.from_numpy(pack[name].astype(np.int64)).to(device) for name in ("place", "strand"))
    pieces = cut_yeast(genome, place, strand, 1_000, 500).view(len(place), -1, length)
    mask = (pieces > 3).float().mean(2) <= 0.5
    corpus: list[list[np.ndarray]] = [[], [], []]
    for start, n, split in zip(pack["starts"], pack["lengths"], pack["chrom_split"], strict=True):
        corpus[split].append(pack["genome"][start : start + n])
    labels = torch.from_numpy(pack["labels"].astype(np.float32)).to(device)
    labels = torch.cat([labels.nanmedian(dim=1, keepdim=True).values, labels], dim=1)
    return Species(pieces[mask], mask, labels, pack["split"], np.ones(len(place), bool), *corpus[:2])


def first_genes(species: Species, n: int) -> Species:
    """Returns a species with genes spread over the whole list."""
    rows = np.arange(0, len(species.mask), len(species.mask) // n)[:n]
    owner = torch.arange(len(species.mask), device=species.mask.device).repeat_interleave(species.mask.sum(1))
    chosen = torch.isin(owner, torch.from_numpy(rows).to(owner.device))
    return Species(
        species.segments[chosen],
        species.mask[rows],
        species.labels[rows],
        species.split[rows],
        species.judged[rows],
        species.corpus,
        species.held_corpus,
    )


def tokenize(tokenizer: Tokenizer, rows: list[np.ndarray], workers: int) -> list[list[int]]:
    """Turns rows of codes into tokens, special ones included."""
    texts = [BASES[row].tobytes().decode() for row in rows]
    parts = [texts[i : i + 512] for i in range(0, len(texts), 512)]
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda part: [e.ids for e in tokenizer.encode_batch(part)], parts)
        return [ids for part in found for ids in part]


def chunks_of(runs: list[np.ndarray], length: int, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Returns up to ``n`` pieces of the runs from random places, half of them of the other strand."""
    runs = [run for run in runs if len(run) >= length]
    room = np.array([len(run) - length + 1 for run in runs], float)
    pieces = []
    for chosen in rng.choice(len(runs), size=n, p=room / room.sum()):
        at = rng.integers(len(runs[chosen]) - length + 1)
        piece = runs[chosen][at : at + length]
        pieces.append(3 - piece[::-1] if rng.random() < 0.5 else piece)
    return pieces


def pretrain(
    species: Species, tokenizer: Tokenizer, options: argparse.Namespace, device: torch.device
) -> Dnabert2Model:
    """Trains the language model for a given time on pieces of about 64 tokens, and reports the held-out loss."""
    rng, started = np.random.default_rng(0), time.time()
    n_bases = sum(map(len, species.corpus))
    n = min(options.pieces, max(n_bases // 150, 1_000))
    pieces = chunks_of(species.corpus, 330, n, rng)
    held = chunks_of(species.held_corpus, 330, min(n, 2_000), rng)
    special = tuple(tokenizer.token_to_id(name) for name in ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"))

    def rows_of(some: list[np.ndarray]) -> Tensor:
        found = [ids[:TOKENS] for ids in tokenize(tokenizer, some, options.workers) if len(ids) >= TOKENS]
        return torch.tensor(found, device=device)

    train, held_rows = rows_of(pieces), rows_of(held)
    print(f"{options.species}: {len(train)} rows of {TOKENS} tokens after {time.time() - started:.0f} s", flush=True)
    torch.manual_seed(0)
    model = Dnabert2ForMaskedLM(LANGUAGE).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, betas=(0.9, 0.98))

    def loss_of(ids: Tensor) -> Tensor:
        seen, chosen = mask_tokens(ids, special_ids=special, mask_id=special[4], vocab_size=LANGUAGE.vocab_size)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            return F.cross_entropy(model.cls(model.bert(seen)[chosen]).float(), ids[chosen])

    started, step = time.time(), 0
    while (progress := (time.time() - started) / options.pretrain_seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(progress / 0.05, 1) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * progress)))
        loss = loss_of(train[torch.randint(len(train), (min(512, len(train)),), device=device)])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
    model.eval()
    with torch.inference_mode():
        held_loss = torch.stack([loss_of(part) for part in held_rows.split(500)]).mean()
        frequency = torch.bincount(train.flatten(), minlength=LANGUAGE.vocab_size).float() + 1
        words = held_rows[:, 1:-1].flatten()
        unigram = -(frequency / frequency.sum()).log()[words].mean()
    print(
        f"{options.species}: language model, {step} steps, held-out loss {held_loss:.3f}, by frequency {unigram:.3f}",
        flush=True,
    )
    save_file(
        {k: v.half().cpu().contiguous() for k, v in model.bert.state_dict().items()},
        options.out / f"language.{options.species}.safetensors",
    )
    options.record.append(
        {
            "language_model": {
                "steps": step,
                "held_out_loss": float(held_loss),
                "by_frequency": float(unigram),
                "rows": len(train),
            }
        }
    )
    return model.bert


class Words(nn.Module):
    """The language model over segments: mean of the token states."""

    def __init__(self, model: Dnabert2Model, ids: Tensor, lengths: Tensor) -> None:
        super().__init__()
        self.model, self.ids, self.lengths, self.dim = model, ids, lengths, LANGUAGE.hidden_size

    def forward(self, rows: Tensor) -> Tensor:
        """Embeds segments by their numbers; rows of about the same length are padded together by the caller's order."""
        lengths = self.lengths[rows]
        order = lengths.argsort()
        lengths = lengths[order]
        ids = self.ids[rows[order]]
        real = torch.arange(ids.shape[1], device=ids.device)[None] < lengths[:, None]
        hidden = self.model.packed(ids[real], lengths.tolist())
        row = torch.arange(len(rows), device=ids.device).repeat_interleave(lengths)
        sums = torch.zeros(len(rows), self.dim, device=ids.device).index_add_(0, row, hidden.float())
        return torch.empty_like(sums).index_copy(0, order, sums / lengths[:, None])


class Bases(nn.Module):
    """One-hot convolutions over segments."""

    def __init__(self, segments: Tensor) -> None:
        super().__init__()
        self.segments, self.model = segments, NormedSegmentCNN(**CONVOLUTIONS)
        self.dim = CONVOLUTIONS["channels"] * (CONVOLUTIONS["places"] + 1)

    def forward(self, rows: Tensor) -> Tensor:
        """Embeds segments by their numbers."""
        return self.model(one_hot(self.segments[rows])).float()


@torch.inference_mode()
def frozen(encoder: Callable[[Tensor], Tensor], n: int, device: torch.device) -> Tensor:
    """Returns the vectors of every segment, scaled to variance 1, float16."""
    found = []
    for rows in torch.arange(n, device=device).split(4096):
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            found.append(encoder(rows).half())
    vectors = torch.cat(found)
    part = vectors[:: max(len(vectors) // 20_000, 1)].float()
    return ((vectors.float() - part.mean(0)) / part.std(0).clamp(min=1e-4)).half()


def r2_of(found: Tensor, true: Tensor) -> np.ndarray:
    """Returns the squared correlation of each column over its measured genes."""
    values = []
    for x, y in zip(found.T.double().cpu().numpy(), true.T.double().cpu().numpy(), strict=True):
        has = ~np.isnan(y)
        values.append(np.corrcoef(x[has], y[has])[0, 1] ** 2 if has.sum() > 2 and np.ptp(x[has]) > 0 else 0.0)
    return np.array(values)


def fit(
    species: Species,
    encode: Callable[[Tensor], Tensor],
    modules: list[nn.Module],
    dim: int,
    seed: int,
    epochs: int,
    encoder_rate: float,
) -> dict[str, float]:
    """Trains the text CNN (and the encoders that are modules, if any); returns figures of validation and test genes."""
    parameters = [parameter for module in modules for parameter in module.parameters()]
    torch.manual_seed(seed)
    device, mask = species.mask.device, species.mask
    first = torch.cat([torch.zeros(1, dtype=torch.long, device=device), mask.sum(1).cumsum(0)])
    train = torch.from_numpy(np.flatnonzero(species.split == 0)).to(device)
    mean = torch.nanmean(species.labels[train], 0)
    scale = (torch.nanmean((species.labels[train] - mean) ** 2, 0)).sqrt()
    target = (species.labels - mean) / scale
    has = ~target.isnan()
    head = TextCNN(
        dim,
        target.shape[1],
        n_segments=mask.shape[1],
        kernel_widths=(1, 3),
        filters=64,
        dropout=0.4,
        input_dropout=0.2,
        dense_units=128,
    ).to(device)
    groups = [{"params": list(head.parameters()), "peak": 1e-3}]
    if parameters:
        groups.append({"params": parameters, "peak": encoder_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=0.02)
    batch, step = 128, 0
    total = epochs * (len(train) // batch)

    def forward(genes: Tensor) -> Tensor:
        rows = torch.cat(
            [
                torch.arange(a, b, device=device)
                for a, b in zip(first[genes].tolist(), first[genes + 1].tolist(), strict=True)
            ]
        )
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            vectors = encode(rows).float()
            values = vectors.new_zeros(len(genes), mask.shape[1], dim)
            values[mask[genes]] = vectors
            return head(values, mask[genes]).float()

    @torch.inference_mode()
    def predict(split: int) -> tuple[Tensor, Tensor]:
        for module in (head, *modules):
            module.eval()
        genes = torch.from_numpy(np.flatnonzero((species.split == split) & species.judged)).to(device)
        return torch.cat([forward(part) for part in genes.split(256)]), species.labels[genes]

    best, kept = np.inf, {}
    for epoch in range(epochs):
        for module in (head, *modules):
            module.train()
        for genes in train[torch.randperm(len(train), device=device)][: len(train) // batch * batch].view(-1, batch):
            for group in optimizer.param_groups:
                group["lr"] = (
                    group["peak"] * min(step / total / 0.1, 1) * (0.02 + 0.49 * (1 + np.cos(np.pi * step / total)))
                )
            found = forward(genes)
            loss = (((found - target[genes].nan_to_num()) ** 2) * has[genes]).sum() / has[genes].sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
        if epoch % 2 and epoch != epochs - 1:
            continue
        found, true = predict(1)
        error = float(torch.nanmean((found - (true - mean) / scale) ** 2))
        if error < best:
            best, validation = error, r2_of(found, true)
            test = r2_of(*predict(2))
            kept = {"epoch": epoch, "validation_first": validation[0], "validation_mean": validation[1:].mean(),
                    "test_first": test[0], "test_mean": test[1:].mean()}  # fmt: skip
    return {name: float(value) for name, value in kept.items()}


def main() -> None:
    """Runs the study of one species and writes ``study.<species>.json`` as it goes on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--species", choices=["human", "yeast"], required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--pretrain-seconds", type=float, default=120.0)
    parser.add_argument("--pieces", type=int, default=600_000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--fine-epochs", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--genes", type=int, help="only so many genes, to try the script out")
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--until", type=float, default=float("inf"), help="the clock's time after which no run starts")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    options.record = []
    device = torch.device(options.device)
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cuda.enable_cudnn_sdp(False)  # it has no plan for some lengths of a row
    length = 300 if options.species == "human" else 250
    species = (load_human if options.species == "human" else load_yeast)(options.work, device, length)
    if options.genes:
        species = first_genes(species, options.genes)
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    tokenizer.no_padding(), tokenizer.no_truncation()
    tokens = tokenize(tokenizer, list(species.segments.cpu().numpy()), options.workers)
    lengths = torch.tensor([len(row) for row in tokens], device=device)
    ids = (
        torch.nn.utils.rnn.pad_sequence([torch.tensor(row, dtype=torch.int16) for row in tokens], batch_first=True)
        .to(device)
        .int()
    )
    print(
        f"{options.species}: {len(species.mask)} genes, {len(ids)} segments, {lengths.float().mean():.0f} tokens each",
        flush=True,
    )

    n = len(ids)
    trained = pretrain(species, tokenizer, options, device)
    torch.manual_seed(1)
    random = Dnabert2Model(LANGUAGE).to(device)
    vectors = {
        "language model, pre-trained": frozen(Words(trained, ids, lengths), n, device),
        "language model, random": frozen(Words(random, ids, lengths), n, device),
        "k-mer counts (4)": frozen(lambda rows: kmer_shares(species.segments[rows], 4), n, device),
    }
    table = options.work / f"word2vec.{options.species}.npy"
    if table.exists():
        words = torch.from_numpy(np.load(table)).to(device)
        vectors["word2vec (3-mers)"] = frozen(
            lambda rows: kmer_shares(species.segments[rows], 3) @ words / 64, n, device
        )
    torch.manual_seed(2)
    untrained = Bases(species.segments).to(device)
    vectors["convolutions, random"] = frozen(untrained.train(), n, device)
    lines: list[tuple[str, str, list[str]]] = [(name, "frozen", [name]) for name in vectors]
    pre, counts, motifs = "language model, pre-trained", "k-mer counts (4)", "convolutions"
    lines += [(motifs, "trained", [motifs]), (f"{pre} + {counts}", "frozen", [pre, counts])]
    lines += [(pre, "trained", [pre]), ("language model, random", "trained", ["language model, random"])]
    lines += [(f"{counts} + {motifs}", "trained", [counts, motifs]), (f"{pre} + {motifs}", "trained", [pre, motifs])]

    # Frozen lines are short: all their runs first, then those that train an encoder, one run after the other.
    plan = [(run, line) for run in range(options.runs) for line in lines if line[1] == "frozen"]
    plan += [(run, line) for run in range(options.runs) for line in lines if line[1] != "frozen"]
    for run, (name, mode, parts) in plan:
        if time.time() > options.until:
            break
        started, encoders, modules, dim = time.time(), [], [], 0
        for part in parts:
            if part == motifs:
                torch.manual_seed(100 + run)
                module: nn.Module = Bases(species.segments).to(device)
            elif mode == "trained" and part.startswith("language"):
                module = Words(copy.deepcopy(trained if part == pre else random), ids, lengths)
            else:
                store = vectors[part]
                encoders.append(lambda rows, store=store: store[rows])
                dim += store.shape[1]
                continue
            encoders.append(module)
            modules.append(module)
            dim += module.dim

        def both(rows: Tensor, encoders: list[Callable[[Tensor], Tensor]] = encoders) -> Tensor:
            return torch.cat([encode(rows).float() for encode in encoders], dim=1)

        epochs = options.fine_epochs if modules else options.epochs
        rate = 3e-4 if any(p.startswith("language") for p in parts) and motifs not in parts else 1e-3
        try:
            figures = fit(species, both, modules, dim, run, epochs, rate)
        except RuntimeError as error:  # one line that a device cannot compute must not cost the others
            print(f"{options.species}: {name} failed: {error}", file=sys.stderr, flush=True)
            continue
        options.record.append({"encoder": name, "mode": mode, "run": run, "seconds": time.time() - started, **figures})
        print(options.species, json.dumps(options.record[-1]), flush=True)
        path = options.out / f"study.{options.species}.json"
        path.write_text(json.dumps({"records": options.record, "language": asdict(LANGUAGE), "segment": length}))


if __name__ == "__main__":
    main()
