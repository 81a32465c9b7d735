"""Arguments take the forms that callers have at hand, and nothing that would be misread."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from texcnn import predict, variant_effects
from texcnn.arguments import (
    check_above_zero,
    check_choice,
    check_counts,
    check_shares,
    names_of,
    path_of,
    paths_of,
    texts_of,
    to_path,
)
from texcnn.effects.options import EffectOptions
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError
from texcnn.genome.select import GeneSelection
from texcnn.prediction.options import PredictOptions


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, ()),
        ("K562", ("K562",)),
        ([], ()),
        (["b", "a", "b"], ("b", "a", "b")),
        ((name for name in "ab"), ("a", "b")),
        (np.array(["a", "b"]), ("a", "b")),
        (pd.Series(["a", "b"]), ("a", "b")),
    ],
)
def test_names(given: object, names: tuple[str, ...]) -> None:
    assert names_of(given) == names  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [5, b"K562", Path("genes.txt"), np.int64(3), np.bytes_(b"a")])
def test_what_is_no_name_is_refused(value: object) -> None:
    """Bytes were read as numbers, and a number ended in Python's own words."""
    for read in (names_of, texts_of):
        with pytest.raises(InputError, match="is not a name or a list of names – in `genes` – allowed: a str"):
            read(value, "genes")  # type: ignore[operator]


def test_paths() -> None:
    assert path_of("a/b") == path_of(Path("a/b")) == path_of(np.str_("a/b")) == Path("a/b")
    assert path_of(None) is None
    assert paths_of(["a", Path("b")]) == [Path("a"), Path("b")]


@pytest.mark.parametrize("value", [3, b"a", "", ["a"], StringIO(), pd.DataFrame()])
def test_what_is_no_path_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"(?s)is not a path – in `out` – allowed: a str or a Path"):
        to_path(value, "out")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: GeneSelection(gtf=3), "gtf"),
        (lambda: GeneSelection(bed=b"a"), "bed"),
        (lambda: GeneSelection(genes=Path("genes.txt")), "genes"),
        (lambda: GeneSelection(transcripts=["gene"]), "transcripts"),
        (lambda: GeneSelection(bed_anchor=None), "bed_anchor"),
        (lambda: PredictOptions(features=[]), "features"),
        (lambda: PredictOptions(cell_types=0), "cell_types"),
        (lambda: PredictOptions(max_n_fraction="0.5"), "max_n_fraction"),
        (lambda: PredictOptions(max_n_fraction=True), "max_n_fraction"),
        (lambda: EffectOptions(samples=1, phased=True), "samples"),
        (lambda: ComputeOptions(dtype=np.float32).dtype, "dtype"),
        (lambda: ComputeOptions(dtype=32).dtype, "dtype"),
        (lambda: EffectOptions(max_distance="5"), "max_distance"),
        (lambda: EffectOptions(max_distance=True), "max_distance"),
        (lambda: variant_effects("texcnn-mini", "a.fa", gtf="a.gtf", variants=5), "variants"),
        (lambda: variant_effects("texcnn-mini", "a.fa", gtf="a.gtf", variants=[("chr1", 21, "G", "A")]), "variants"),
        (lambda: variant_effects("texcnn-mini", "a.fa", gtf="a.gtf", variants=b"chr1:21:G>A"), "variants"),
        (lambda: variant_effects("texcnn-mini", "a.fa", gtf="a.gtf", vcf=["a.vcf"]), "vcf"),
        (lambda: predict("texcnn-mini", 3, gtf="a.gtf"), "fasta"),
        (lambda: predict("texcnn-mini", "a.fa", out="", gtf="a.gtf"), "out"),
        (lambda: variant_effects("texcnn-mini", b"a.fa", gtf="a.gtf", variants="chr1:1:A>C"), "fasta"),
    ],
)
def test_an_argument_of_a_wrong_type_is_named(make: Callable[[], object], argument: str) -> None:
    with pytest.raises(InputError, match=f"in `{argument}`"):
        make()


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3", float("nan")])
def test_counts_refused(value: object) -> None:
    with pytest.raises(InputError, match="in `runs` – allowed: a whole number from 1"):
        check_counts(epochs=3, runs=value)  # type: ignore[arg-type]


def test_counts() -> None:
    check_counts(epochs=1, runs=None)
    check_counts(least=0, seed=0)
    with pytest.raises(InputError, match="unusable number -1 – in `seed` – allowed: a whole number from 0"):
        check_counts(least=0, seed=-1)


@pytest.mark.parametrize("value", [0, -0.1, float("inf"), float("nan"), True, "1"])
@pytest.mark.parametrize("check", [check_above_zero, check_shares])
def test_numbers_refused(check: Callable[..., None], value: object) -> None:
    with pytest.raises(InputError, match="in `rate` – allowed: a number above 0"):
        check(rate=value)


def test_numbers() -> None:
    check_above_zero(rate=1, other=1e-9, none=None)
    check_shares(share=0.5, none=None)
    check_shares(zero=True, share=0)
    for value in (1, -0.1):
        with pytest.raises(InputError, match="in `share` – allowed: a number from 0 to below 1"):
            check_shares(zero=True, share=value)


def test_choices() -> None:
    check_choice("split", "random", ["chromosome", "random"], "split")
    with pytest.raises(InputError, match=r"unknown split 'randm' – in `split` – allowed: .* did you mean 'random'"):
        check_choice("split", "randm", (name for name in ("chromosome", "random")), "split")


@pytest.mark.parametrize("name", ["\udce9.fa", "a\0.fa"])
def test_names_that_no_table_could_hold_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"is not UTF-8 .*rename|has a NUL") as refused:
        to_path(Path("folder") / name, "fasta")
    assert refused.value.where == "`fasta`"
    str(refused.value).encode()


@pytest.mark.parametrize("path", ["a" * 256, "文" * 86, f"{'a' * 200}/{'文' * 86}"])
def test_a_name_of_more_bytes_than_a_disk_takes_is_refused(path: str) -> None:
    with pytest.raises(InputError, match=r"is too long .*`out` – allowed: 255 bytes"):
        to_path(path, "out")
    assert to_path("文" * 85) == Path("文" * 85)
