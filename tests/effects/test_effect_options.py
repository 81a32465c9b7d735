"""What variant effects and attributions may be asked for, checked when the options are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from texcnn.effects.attribute_options import METHODS, AttributeOptions, parse_region
from texcnn.effects.options import EffectOptions, EffectOutputs
from texcnn.errors import InputError
from texcnn.genome.interval import Interval


@pytest.mark.parametrize("name", ["summary", "annotate", "tabix"])
def test_outputs_are_paths(name: str) -> None:
    assert getattr(EffectOutputs(**{name: "a/b.tsv.gz"}), name) == Path("a/b.tsv.gz")
    assert getattr(EffectOutputs(), name) is None


@pytest.mark.parametrize("name", ["cell_types", "samples"])
def test_a_name_and_any_iterable_of_names(name: str) -> None:
    for given in ("a", ["a"], (each for each in "a")):
        assert getattr(EffectOptions(phased=True, **{name: given}), name) == ("a",)
    assert getattr(EffectOptions(), name) == ()


@pytest.mark.parametrize("name", ["half_life", "allow_tss_deletion", "quantile", "phased"])
def test_flags_are_true_or_false(name: str) -> None:
    with pytest.raises(InputError, match=rf"1 is not yes or no – in `{name}`"):
        EffectOptions(**{name: 1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"features": "f.tsv", "half_life": True}, "features given twice – in `features` and `half_life`"),
        ({"max_distance": -1}, "unusable number -1 – in `max_distance` – allowed: a whole number from 0"),
        ({"unphased": "guess"}, "unknown choice for unphased genotypes 'guess' – in `unphased` – allowed: error, skip"),
        ({"samples": ["s"]}, "in `samples` – allowed: with `phased`"),
        ({"phased": True, "max_distance": 5}, "every variant of a window – in `max_distance` – allowed: no `phased`"),
        ({"unphased": "skip"}, "genotypes count for haplotypes only – in `unphased` – allowed: with `phased`"),
    ],
)
def test_values_that_do_not_go_together(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        EffectOptions(**given)
    assert message in str(refused.value)


def test_edges_that_are_allowed() -> None:
    assert EffectOptions(max_distance=0).max_distance == 0
    assert EffectOptions(phased=True, unphased="merge", samples="s").samples == ("s",)
    assert EffectOptions(features="f.tsv", half_life=False).features == Path("f.tsv")


class TestAttribution:
    @pytest.mark.parametrize("method", METHODS)
    def test_methods(self, method: str) -> None:
        assert AttributeOptions(method=method).method == method

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"method": "ig"}, "unknown method 'ig' – in `method` – allowed: ism, gradient, deeplift, ablation"),
            ({"half_life": "no"}, "'no' is not yes or no – in `half_life`"),
            ({"motif_p": 0}, "unusable p-value 0 – in `motif_p` – allowed: above 0 and below 1"),
            ({"motif_p": 1.0}, "unusable p-value 1.0"),
            ({"motif_p": float("nan")}, "unusable p-value nan"),
            (
                {"motifs": "nowhere.meme"},
                "no such file – in `motifs` 'nowhere.meme' – allowed: motifs in MEME's format",
            ),
        ],
    )
    def test_unusable_values(self, given: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError) as refused:
            AttributeOptions(**given)
        assert message in str(refused.value)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("chr1:1-1", Interval("chr1", 0, 1)),
            ("chr1:1,001-2,000", Interval("chr1", 1000, 2000)),
            (" HLA-A*01:01:5-9 ", Interval("HLA-A*01:01", 4, 9)),  # names of contigs may hold colons and dashes
        ],
    )
    def test_regions_are_written_as_in_a_browser(self, text: str, expected: Interval) -> None:
        assert parse_region(text) == expected
        assert AttributeOptions(region=text).region == expected
        assert AttributeOptions(region=expected).region is expected

    @pytest.mark.parametrize("text", ["", "chr1", "chr1:5", "chr1:5-", "chr1:a-b", ":1-2", "chr1:-5-9", "chr1:1–2"])
    def test_other_texts_are_no_region(self, text: str) -> None:
        with pytest.raises(InputError, match="is not a region – in `region` – allowed: chrom:first-last, such as"):
            parse_region(text)

    @pytest.mark.parametrize("text", ["chr1:0-5", "chr1:6-5"])
    def test_a_region_has_a_base(self, text: str) -> None:
        with pytest.raises(InputError, match=rf"'{text}' has no base – in `region` – allowed: 1 <= first <= last"):
            parse_region(text)
