"""The trainer behind the cross-validated table of hg38_wide: many networks at once compute what each would alone."""

from __future__ import annotations

import copy
import importlib
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.evaluation.metrics import one_minus_sse_sst, squared_pearson
from texcnn.heads.pipoli import PipoliTransformer
from texcnn.heads.textcnn import TextCNN
from texcnn.heads.xpresso import XpressoCNN
from texcnn.training.architectures import ARCHITECTURES

MODULES = (
    "run",  # first: another folder has one too
    "folds",
    "genome",
    "network",
    "yeast_genome",
    "genes",
    "stack",
    "feeds",
    "xpresso_stack",
    "figures",
    "intervals",
    "lines",
    "failures",
    "material",
    "study",
    "unfinished",
)
GENES, SEGMENTS, DIM, OUTPUTS = 48, 5, 6, 3
CPU = torch.device("cpu")


@pytest.fixture
def wide(project: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The scripts' modules; none of them stays behind under its short name."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    for folder in ("encoder_study", "texcnn_yeast", "texcnn_mini", "crossvalidation", "crossvalidation/wide"):
        sys.path.insert(0, str(project / "scripts" / folder))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    made = SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, getattr(made, name))
    return made


def parts_of(*firsts: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows to fit to, to stop by and to test: tests begin at ``firsts``; the numbers of training genes differ."""
    made = []
    for place, first in enumerate(firsts):
        order = np.roll(np.arange(GENES), -first)
        made.append((order[12 + place :], order[6 : 12 + place], order[:6]))
    return made


def vectors(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Vectors of usable segments, the mask, and labels that follow the vectors."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(GENES, SEGMENTS, generator=generator) < 0.7
    mask[:, 2] = True
    dense = torch.randn(GENES, SEGMENTS, DIM, generator=generator) * mask[..., None]
    labels = dense.sum(1) @ torch.randn(DIM, OUTPUTS, generator=generator)
    labels[0, 1] = torch.nan
    return dense[mask] * 3 + 1, mask, labels


def text_cnn(seed: int, n_features: int = 0) -> TextCNN:
    """A small text CNN without dropout."""
    torch.manual_seed(seed)
    sizes = {"n_segments": SEGMENTS, "kernel_widths": (1, 3), "filters": 8, "dense_units": 16, "n_features": n_features}
    return TextCNN(DIM, OUTPUTS, dropout=0.0, **sizes)


def test_chromosomes_are_whole_in_folds_and_every_gene_is_tested_once(wide: SimpleNamespace) -> None:
    chroms = [f"chr{n % 13}" for n in range(400)]
    folds = wide.folds.fold_rows(wide.folds.chromosome_groups(chroms))
    assert sorted(np.concatenate([test for _, _, test in folds]).tolist()) == list(range(400))
    for parts in folds:
        seen = [{chroms[row] for row in part} for part in parts]
        assert all(seen)
        assert not seen[0] & (seen[1] | seen[2])
        assert not seen[1] & seen[2]


def test_networks_together_predict_what_each_predicts_alone(wide: SimpleNamespace) -> None:
    found, mask, labels = vectors()
    features = np.random.default_rng(0).normal(size=(GENES, 2))
    features[3, 1] = np.nan
    parts, networks = parts_of(0, 20), [text_cnn(seed, 2) for seed in range(2)]
    alone = [copy.deepcopy(network).eval() for network in networks]

    def feed(some):
        return wide.feeds.VectorFeed(found, mask, wide.feeds.Features(features, some, CPU), some)

    stack = wide.stack.Stack(
        [wide.stack.as_products(network) for network in networks], parts, labels, feed(parts), wide.lines.TEXT, 0
    )
    together, rows, real = stack.predict([test for _, _, test in parts])
    assert real.all()
    assert rows.tolist() == [test.tolist() for _, _, test in parts]
    for network, part, got in zip(alone, parts, together, strict=True):
        test = part[2][None]
        given = feed([part])(torch.from_numpy(test), test)
        torch.testing.assert_close(got, network(*given), atol=1e-5, rtol=1e-5)


def test_one_network_on_a_cpu_multiplies_known_segments_alone(wide: SimpleNamespace) -> None:
    found, mask, labels = vectors()
    mask[5] = False
    values = torch.zeros(*mask.shape, DIM).masked_fill(~mask[..., None], torch.nan)
    values[mask] = found[: int(mask.sum())]
    plain, packed = text_cnn(0), wide.stack.for_one_on_a_cpu(text_cnn(0), CPU)
    expected, got = plain(values.nan_to_num(), mask), packed(values, mask)  # a product with NaN would show
    torch.testing.assert_close(got, expected, equal_nan=True)
    for made in (expected, got):
        (made - labels).nan_to_num().square().mean().backward()
    for (name, one), other in zip(plain.named_parameters(), packed.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, msg=name)
    assert type(wide.stack.for_one_on_a_cpu(text_cnn(0), torch.device("cuda"))) is TextCNN


def test_seconds_of_a_cpu_are_the_processors(wide: SimpleNamespace) -> None:
    clock = wide.stack.clock_of(CPU)
    begun = clock()
    time.sleep(0.2)  # as long as another process has the core
    assert clock() - begun < 0.1


def test_transformers_with_batch_norms_learn_together_what_each_learns_alone(wide: SimpleNamespace) -> None:
    found, mask, labels = vectors()
    parts = parts_of(0, 20)
    settings = replace(wide.lines.PIPOLI, batch=64)  # one step an epoch: the order of genes does not matter

    def network(seed):
        torch.manual_seed(seed)
        sizes = {"n_segments": SEGMENTS, "heads": 2, "feed_forward": 8, "dense": 8, "dropout": 0.0}
        return PipoliTransformer(DIM, OUTPUTS, **sizes)

    def stack_of(places):
        some = [parts[place] for place in places]
        feed = wide.feeds.VectorFeed(found, mask, wide.feeds.Features(None, some, CPU), some, scaled=False)
        made = wide.stack.Stack([network(place) for place in places], some, labels, feed, settings, 0)
        made._shuffled = lambda train: np.resize(np.sort(train), 64)
        for _ in range(2):
            made.train_epoch()
        return made

    together = stack_of([0, 1])
    for place in range(2):
        alone = stack_of([place])
        for name, value in alone._state().items():
            torch.testing.assert_close(together._state()[name][place], value, atol=1e-4, rtol=1e-4)


def test_attention_of_many_networks_is_the_plain_one(wide: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    fused: list[bool] = []
    attend = PipoliTransformer._attend

    def seen(network, hidden, mask):
        fused.append(torch.backends.cuda.mem_efficient_sdp_enabled() or torch.backends.cuda.flash_sdp_enabled())
        return attend(network, hidden, mask)

    monkeypatch.setattr(PipoliTransformer, "_attend", seen)
    found, mask, labels = vectors()
    for parts in (parts_of(0, 20), parts_of(0)):
        networks = [PipoliTransformer(DIM, OUTPUTS, n_segments=SEGMENTS, heads=2) for _ in parts]
        feed = wide.feeds.VectorFeed(found, mask, wide.feeds.Features(None, parts, CPU), parts, scaled=False)
        stack = wide.stack.Stack(networks, parts, labels, feed, wide.lines.PIPOLI, 0)
        stack.predict([test for _, _, test in parts])
    assert fused == [False, True]


@pytest.mark.gpu
def test_pipolis_transformers_learn_together_from_their_own_number_of_segments(
    wide: SimpleNamespace, cuda: str
) -> None:
    segments, device = wide.lines.LENGTH // 50, torch.device(cuda)
    found = torch.randn(GENES * segments, DIM, device=device)
    mask = torch.ones(GENES, segments, dtype=torch.bool, device=device)
    labels, parts = torch.randn(GENES, OUTPUTS, device=device), parts_of(0, 20)
    networks = [PipoliTransformer(DIM, OUTPUTS, n_segments=segments) for _ in parts]
    feed = wide.feeds.VectorFeed(found, mask, wide.feeds.Features(None, parts, device), parts, scaled=False)
    stack = wide.stack.Stack(networks, parts, labels, feed, replace(wide.lines.PIPOLI, batch=8), 0)
    before = stack.params["output.weight"].clone()
    stack.train_epoch()
    assert (stack.params["output.weight"] != before).flatten(1).any(1).all()


@pytest.mark.gpu
def test_a_recorded_step_moves_weights_as_one_that_is_not(wide: SimpleNamespace, cuda: str) -> None:
    assert wide.run.replays(torch.device(cuda))


def test_each_network_learns_from_its_own_rows_and_keeps_its_best_epoch(wide: SimpleNamespace) -> None:
    found, mask, labels = vectors()
    parts = parts_of(0, 20, 0)
    feed = wide.feeds.VectorFeed(found, mask, wide.feeds.Features(None, parts, CPU), parts)
    settings = replace(wide.lines.TEXT, epochs=60, patience=8, batch=8, rate=3e-3)
    networks = [wide.stack.as_products(text_cnn(seed)) for seed in range(3)]
    stack = wide.stack.Stack(networks, parts, labels, feed, settings, 0)
    shown: list[str] = []
    early: list[int] = []
    made = stack.fit(show=shown.append, keep=lambda number, _: early.append(number))
    assert sorted(made) == sorted(early) == [0, 1, 2]
    for number, (train, _, test) in enumerate(parts):
        errors = ((made[number] - labels[test].numpy()) ** 2)[~np.isnan(labels[test].numpy())].mean()
        guess = ((labels[train].nanmean(0) - labels[test]) ** 2).nanmean().item()
        assert errors < 0.6 * guess
    assert len(shown) <= settings.epochs


def test_a_network_whose_patience_is_over_learns_nothing_more(wide: SimpleNamespace) -> None:
    found, mask, labels = vectors()
    parts = parts_of(0, 20)
    feed = wide.feeds.VectorFeed(found, mask, wide.feeds.Features(None, parts, CPU), parts)
    settings = replace(wide.lines.TEXT, patience=2, batch=8)
    stack = wide.stack.Stack([wide.stack.as_products(text_cnn(s)) for s in range(2)], parts, labels, feed, settings, 0)
    stack.train_epoch()
    stack.judge()
    stack.best_loss[0], stack.best_epochs[0] = 10.0, -2.0  # waited for three epochs already
    kept = {name: value[0].clone() for name, value in stack.best.items()}
    stack.train_epoch()
    stack.judge()
    assert stack.best_loss[0] == 10.0
    assert all(torch.equal(kept[name], value[0]) for name, value in stack.best.items())


def test_going_on_with_one_network_is_what_it_would_have_learned(wide: SimpleNamespace) -> None:
    found, mask, labels = vectors()
    parts = parts_of(0, 20)
    settings = replace(wide.lines.TEXT, batch=64)  # one step an epoch: the order of genes does not matter

    def begun():
        networks = [wide.stack.as_products(text_cnn(seed)) for seed in range(2)]
        feed = wide.feeds.VectorFeed(found, mask, wide.feeds.Features(None, parts, CPU), parts)
        stack = wide.stack.Stack(networks, parts, labels, feed, settings, 0)
        stack._shuffled = lambda train: np.resize(np.sort(train), 64)
        stack.train_epoch()
        return stack

    both, one = begun(), begun()
    one.keep([1])
    for stack in (both, one):
        stack.train_epoch()
    for name, value in both.params.items():
        torch.testing.assert_close(value[1], one.params[name][0], atol=1e-6, rtol=1e-5)


def windows(n: int, length: int) -> torch.Tensor:
    codes = torch.randint(4, (n, length), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    codes[1, : length // 2] = 4
    codes[2, length // 3 : length // 2] = 4
    return codes


def test_xpresso_from_many_starts_computes_what_the_network_does(wide: SimpleNamespace) -> None:
    length, n = 900, 6
    codes, labels = windows(n, length), torch.randn(n, 2)
    networks = []
    for seed in range(3):
        torch.manual_seed(seed)
        networks.append(XpressoCNN(length, 1, 2).eval())
        torch.nn.init.normal_(networks[-1].conv1.bias, std=0.1)
        torch.nn.init.normal_(networks[-1].conv2.bias, std=0.1)
        torch.nn.init.normal_(networks[-1].dense3.weight)
    alone = copy.deepcopy(networks)
    part = (np.arange(4), np.array([4]), np.array([5]))
    features = np.arange(n, dtype=float)[:, None]
    bins, settings = wide.xpresso_stack.Bins(codes), replace(wide.lines.XPRESSO, batch=4)
    given = wide.feeds.Features(features, [part] * 3, CPU)
    stack = wide.xpresso_stack.XpressoStack(networks, [part] * 3, labels, bins, given, settings, 0)
    stack.base.eval()
    rows = np.array([[5, 1, 2], [5, 1, 2], [0, 3, 1]])  # the third network reads other genes
    found = stack.call((stack.params, stack.buffers), torch.from_numpy(rows), rows)
    feed = wide.feeds.BasesFeed(codes, wide.feeds.Features(features, [part], CPU))
    wanted = torch.stack(
        [network(*feed(torch.from_numpy(some[None]), rows)) for network, some in zip(alone, rows, strict=True)]
    )
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    found.square().sum().backward()
    wanted.square().sum().backward()
    for place, network in enumerate(alone):
        for name, weight in network.named_parameters():
            torch.testing.assert_close(stack.params[name].grad[place], weight.grad, atol=1e-4, rtol=1e-3)


def test_a_dead_start_is_not_chosen_however_small_its_loss(wide: SimpleNamespace) -> None:
    codes, labels = windows(12, 900), torch.randn(12, 1)
    networks = []
    for seed in range(4):
        torch.manual_seed(seed)
        networks.append(XpressoCNN(900, 0, 1))
        torch.nn.init.constant_(networks[-1].dense2.bias, 5.0)  # units that let everything through
    for dead in (0, 3):
        torch.nn.init.zeros_(networks[dead].dense3.weight)
    for alive in (1, 2):
        torch.nn.init.constant_(networks[alive].dense3.bias, 50.0)
    part = (np.arange(8), np.array([8, 9]), np.array([10, 11]))
    bins, given = wide.xpresso_stack.Bins(codes), wide.feeds.Features(None, [part] * 4, CPU)
    stack = wide.xpresso_stack.XpressoStack(networks, [part] * 4, labels, bins, given, wide.lines.XPRESSO, 0)
    kept = {name: value.clone() for name, value in stack.params.items()}
    stack.choose(2)  # two runs of two starts
    assert stack.ids == [0, 1]
    for name, value in stack.params.items():
        assert torch.equal(value, kept[name][[1, 2]])


def test_every_run_and_fold_is_done_once_and_a_failure_is_remembered(wide: SimpleNamespace, tmp_path: Path) -> None:
    codes = windows(24, 900)
    labels = torch.randn(24, 2, generator=torch.Generator().manual_seed(6))
    none = np.zeros((24, 0), np.float32)
    chroms = np.array([f"chr{n % 12}" for n in range(24)])
    genes = wide.genes.Genes(codes, labels, none, none, chroms, np.zeros(24), {})
    bins = wide.xpresso_stack.Bins(codes)
    material = SimpleNamespace(genes=genes, device=CPU, bins=bins, features=lambda names: None)
    results = wide.run.Results(genes, tmp_path, tmp_path)
    results.draws = wide.figures.Draws(24, CPU, draws=3)
    line = replace(
        wide.lines.LINES["xpresso"], starts=2, make=lambda *sizes: XpressoCNN(900, 0, sizes[2]),
        settings=replace(wide.lines.XPRESSO, epochs=2, batch=4),
    )  # fmt: skip
    for folds in ((1, 4), (0, 2, 3)):
        jobs = [(run, fold) for run in (0, 2) for fold in folds]
        assert not results.done(line, 0)
        wide.run.run_jobs(material, results, line, jobs, recorded=False, stacked=True, until=float("inf"))
    assert [path.name for path in sorted(tmp_path.glob("*.npz"))] == ["xpresso-0.npz", "xpresso-2.npz"]
    assert all(results.has(line, run, fold) for run in (0, 2) for fold in range(5))
    with np.load(tmp_path / "xpresso-0.npz") as file:
        assert np.isfinite(file["median"]).all()
        assert np.isnan(file["cells_r2"]).all()
    wide.failures.Failures(tmp_path).add("xpresso")
    assert wide.failures.Failures(tmp_path).count("xpresso") == 1
    assert wide.failures.Failures(tmp_path).count("kmers") == 0


def test_padded_tokens_are_embedded_as_alone(wide: SimpleNamespace) -> None:
    lengths = np.array([3, 9, 5, 17, 9])
    ids = np.random.default_rng(0).integers(5, 4_000, lengths.sum()).astype(np.int16)
    torch.manual_seed(0)
    model = Dnabert2Model(wide.feeds.LANGUAGE).eval()
    encoder = wide.feeds.LanguageEncoder(model, wide.feeds.Tokens(ids, lengths, CPU))
    order = np.argsort(lengths, kind="stable")
    with torch.inference_mode():
        found = encoder(encoder.take(order))
        starts = np.cumsum(lengths) - lengths
        for place, row in enumerate(order):
            alone = torch.from_numpy(ids[starts[row] : starts[row] + lengths[row]].astype(np.int64))
            torch.testing.assert_close(found[place], model(alone[None])[0].mean(0), atol=1e-4, rtol=1e-4)


def test_encoders_that_learn_write_each_segment_to_its_place(wide: SimpleNamespace) -> None:
    found, mask, _ = vectors()
    shares = torch.rand(len(found), 64, generator=torch.Generator().manual_seed(2))
    encoder = wide.feeds.Words(shares, torch.randn(64, 4, generator=torch.Generator().manual_seed(3)))
    columns = range(1, 4)
    lengths = np.random.default_rng(1).integers(1, 9, len(found))
    feed = wide.feeds.LiveFeed(
        mask, columns, [encoder], lengths, found, wide.feeds.Features(None, parts_of(0), CPU), np.arange(GENES)
    )
    read: list[torch.Tensor] = []

    class Head(torch.nn.Module):
        def forward(self, values, given, features):
            read.extend((values, given))
            return values.sum((1, 2))[:, None]

    network = wide.feeds.LiveNetwork([encoder], [None], lambda dim: Head(), DIM)
    rows = np.array([[7, 0, 30]])
    network(*feed(torch.from_numpy(rows), rows))
    dense = torch.zeros(GENES, SEGMENTS, 4)
    dense[mask] = shares @ encoder.table.detach() / 64
    scaled = torch.zeros(GENES, SEGMENTS, DIM)
    scaled[mask] = (found - found.mean(0)) / found.std(0)
    inside = slice(columns.start, columns.stop)
    assert torch.equal(read[1], mask[rows[0], inside])
    torch.testing.assert_close(read[0][..., :4], dense[rows[0], inside])
    torch.testing.assert_close(read[0][..., 4:], scaled[rows[0], inside], atol=2e-3, rtol=2e-3)


def test_figures_of_drawn_genes_are_those_of_the_rows_themselves(wide: SimpleNamespace) -> None:
    generator = torch.Generator().manual_seed(4)
    true = torch.randn(40, 3, generator=generator)
    found = true * 0.5 + torch.randn(40, 3, generator=generator)
    true[5, 2] = torch.nan
    draws = wide.figures.Draws(40, CPU, draws=3)
    made = draws.figures(found, true)
    for place, counts in enumerate(torch.cat([draws.all, draws.counts]).int()):
        rows = torch.arange(40).repeat_interleave(counts)
        for name, metric in (("r2", squared_pearson), ("sse", one_minus_sse_sst)):
            single = [metric(found[rows, column].numpy(), true[rows, column].numpy()) for column in range(3)]
            assert made[f"median_{name}"][place] == pytest.approx(single[0], abs=1e-4)
            assert made[f"cells_{name}"][place] == pytest.approx(np.mean(single[1:]), abs=1e-4)
    median = torch.full((40, 3), torch.nan)
    median[:, 0] = found[:, 0]
    alone = draws.figures(median, true)
    assert np.array_equal(alone["median_r2"], made["median_r2"])
    assert np.isnan(alone["cells_r2"]).all()


def test_runs_of_frozen_encoders_have_seeds_of_their_own(
    wide: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = wide.study
    monkeypatch.setattr(study, "COLUMNS", {"yeast": range(SEGMENTS)})
    monkeypatch.setattr(study, "FROZEN", replace(study.FROZEN, epochs=2, batch=8))
    found, mask, labels = vectors()
    genes = SimpleNamespace(labels=labels, study_parts=lambda: parts_of(0)[0])
    material = SimpleNamespace(
        species="yeast", genes=genes, mask=mask, device=CPU, segments=None, vectors=lambda name: (found, mask)
    )
    first, later = study.run_frozen(material, ["kmers"], [0, 1]), study.run_frozen(material, ["kmers"], [2, 3])
    made = [*first.values(), *later.values()]
    assert len({values.tobytes() for values in made}) == 4


def test_runs_of_folders_are_joined_and_compared_on_the_same_draws(wide: SimpleNamespace, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(5)
    true = torch.randn(60, 2, generator=generator)
    draws = wide.figures.Draws(60, CPU, draws=50)
    for name, noise in (("gpu/good-hl-0", 0.3), ("gpu/good-hl-2", 0.4), ("cpu/good-hl-2", 9.0), ("cpu/bad-1", 2.0)):
        found = true + noise * torch.randn(60, 2, generator=generator)
        path = tmp_path / f"{name}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez(path, **draws.figures(found, true), median=found[:, 0].half(), seconds=np.array(2.0))
    runs = wide.intervals.read_runs([tmp_path / "gpu", tmp_path / "cpu"], "-")
    assert {key: line.numbers for key, line in runs.items()} == {"good-hl": [0, 2], "bad": [1]}
    good, bad = runs["good-hl"], runs["bad"]
    assert good.figures["median_r2"][:, 0].min() > 0.7  # the folder named first counts
    value, low, high = good.minus(bad, "median_r2")
    drawn = good.figures["median_r2"].mean(0) - bad.figures["median_r2"][0]
    assert value == pytest.approx(drawn[0])
    assert (low, high) == pytest.approx(np.percentile(drawn[1:], [2.5, 97.5]))
    rows = np.arange(0, 60, 2)
    some = wide.intervals.median_on(good, rows, true[:, 0].numpy(), wide.figures.Draws(30, CPU, draws=5))
    single = [squared_pearson(medians[rows], true[rows, 0].numpy()) for medians in good.medians]
    assert some.figures["median_r2"][:, 0] == pytest.approx(single, abs=1e-4)


def test_folds_of_an_unfinished_run_are_judged_on_the_genes_that_they_test(
    wide: SimpleNamespace, tmp_path: Path
) -> None:
    generator = torch.Generator().manual_seed(6)
    labels = torch.randn(40, 3, generator=generator)
    parts = [(np.empty(0, int), np.empty(0, int), np.arange(40)[fold::4]) for fold in range(4)]
    genes = SimpleNamespace(labels=labels, folds=lambda: parts)
    for fold in (3, 1):
        test = parts[fold][2]
        noisy = labels[test] + 0.5 * torch.randn(len(test), 3, generator=generator)
        np.save(tmp_path / f"peer58-0-{fold}.npy", noisy.numpy())
    np.save(tmp_path / "peer58-1-0.npy", labels[parts[0][2]].numpy())
    found = wide.unfinished.folds_of(tmp_path, "peer58", 0)
    assert list(found) == [1, 3]
    rows = wide.unfinished.tested_by(genes, [1, 3])
    assert rows.tolist() == [*range(1, 40, 4), *range(3, 40, 4)]
    line = wide.unfinished.on_folds(found, [1, 3], 0, genes, wide.figures.Draws(20, CPU, draws=5))
    pooled, true = np.concatenate([found[1], found[3]]), labels[rows].numpy()
    r2 = [squared_pearson(pooled[:, column], true[:, column]) for column in range(3)]
    assert line.interval("median_r2")[0] == pytest.approx(r2[0], abs=1e-5)
    assert line.interval("cells_r2")[0] == pytest.approx(np.mean(r2[1:]), abs=1e-5)
    assert line.medians.shape == (1, 20)


def test_a_text_is_filled_with_figures_and_held_against_them(wide: SimpleNamespace) -> None:
    def line(*means: float) -> object:
        drawn = np.stack([mean + np.linspace(-0.01, 0.01, 101) for mean in means])
        figures = {
            "median_r2": np.c_[np.array(means), drawn],
            "cells_r2": np.c_[np.array(means), drawn] / 2,
        }
        return wide.intervals.Runs(list(range(len(means))), figures, [1.0] * len(means), np.zeros((len(means), 0)))

    lines = {"good-hl": line(0.4, 0.5), "bad": line(0.3), "all noise": wide.intervals.Runs(
        [0], {"median_r2": np.r_[0.3, 0.3 + np.linspace(0.03, -0.03, 101)][None]}, [1.0], np.zeros((1, 0))
    )}  # fmt: skip

    def filled(text: str) -> str:
        return wide.intervals.fill(text, lines.__getitem__)

    assert filled("has [[good-hl]], [[cells: good-hl]]") == "has 0.450, 0.225"
    assert filled("[[good-hl > bad]] and [[=good-hl > bad]]") == "0.150 (0.150 to 0.150) and 0.150"
    assert filled("[[all noise ~ bad]]") == "0.000 (-0.038 to 0.038)"
    assert filled("one\ntwo [[bad]]\n\n- a\n  b\n- c\n") == "one two 0.300\n\n- a b\n- c"
    for claim in ("bad > good-hl", "good-hl ~ bad", "all noise > bad"):
        with pytest.raises(SystemExit, match="change the text"):
            filled(f"[[{claim}]]")


def test_ten_runs_are_asked_of_a_line_whose_run_is_short(wide: SimpleNamespace) -> None:
    lacking = wide.intervals.lacking
    assert lacking("quick", 3, 20.0) == "| quick | 3 | 10 | 20 | 140 |\n"
    assert lacking("slow", 1, 600.0) == "| slow | 1 | 3 | 600 | 1,200 |\n"
    assert lacking("slow", 3, 600.0) == lacking("tuned", 3, 5.0, asked=3) == ""


def test_a_line_is_shortened_only_by_what_is_given(wide: SimpleNamespace) -> None:
    line = wide.lines.LINES["xpresso"]
    assert wide.run.shortened(line, None, None, None) == line
    short = wide.run.shortened(line, 3, 5, 2)
    assert (short.settings.epochs, short.starts, short.screening) == (3, 5, 2)
    assert short.settings.batch == line.settings.batch


def test_only_what_is_between_the_marks_is_replaced(wide: SimpleNamespace, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- one -->\nold\n<!-- /one -->\nbelow\n")
    wide.intervals.replace_between(page, "one", "new\n")
    assert page.read_text() == "above\n<!-- one -->\nnew\n<!-- /one -->\nbelow\n"
    with pytest.raises(SystemExit, match="has no <!-- two -->"):
        wide.intervals.replace_between(page, "two", "new")


def test_a_window_ends_in_a_segment_filled_up_with_unknown_bases(wide: SimpleNamespace) -> None:
    codes = torch.zeros(2, 10, dtype=torch.uint8)
    codes[1, :6] = 4
    segments, mask = wide.genes.cut_segments(codes, 4, 0.5)
    assert mask.tolist() == [[True, True, True], [False, True, True]]
    assert segments[2].tolist() == [0, 0, 4, 4]


@pytest.mark.parametrize(("key", "name"), [("deeplncloc", "deeplncloc"), ("pipoli", "pipoli"), ("xpresso", "xpresso"),
                                           ("perceiver", "perceiver"), ("kmers", "kmer-textcnn")])  # fmt: skip
def test_settings_are_the_architectures(wide: SimpleNamespace, key: str, name: str) -> None:
    settings, wanted = wide.lines.LINES[key].settings, ARCHITECTURES[name].fit
    assert (settings.batch, settings.rate, settings.optimizer) == (
        wanted.batch_size,
        wanted.learning_rate,
        wanted.optimizer,
    )
    if wanted.optimizer == "adamw":
        assert settings.weight_decay == wanted.weight_decay


@pytest.mark.data
def test_the_polymerase_is_the_column_left_out(wide: SimpleNamespace, project: Path, data: Path, monkeypatch) -> None:
    monkeypatch.setenv("TEXCNN_DATA", str(data))
    monkeypatch.delitem(sys.modules, "data", raising=False)
    module = importlib.import_module("data")
    monkeypatch.setitem(sys.modules, "data", module)
    assert module.transcription_factors().columns[wide.genes.POLR2A] == "POLR2A"
