"""What a prediction may be asked for: each value is checked when the options are made, before a file is opened."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError
from texcnn.genome.select import GeneSelection
from texcnn.prediction.options import PredictOptions


def test_without_a_wish_every_cell_type_is_predicted_by_the_models_own_limits() -> None:
    options = PredictOptions()
    assert options.cell_types == ()
    assert (options.max_n_fraction, options.half_life, options.features, options.embeddings) == (None,) * 4
    assert not any((options.grid_segments, options.linear, options.spread, options.allow_empty))
    assert options.selection == GeneSelection()
    assert options.compute == ComputeOptions()


@pytest.mark.parametrize(
    "given", ["liver", ["liver"], ("liver",), {"liver": 1}, (name for name in ["liver"])], ids=lambda given: type(given)
)
def test_names_of_cell_types_come_as_any_iterable(given: Any) -> None:
    assert PredictOptions(cell_types=given).cell_types == ("liver",)


@pytest.mark.parametrize("name", ["features", "embeddings"])
def test_paths_come_as_text_or_path(name: str) -> None:
    for given in ("folder/file", Path("folder/file")):
        assert getattr(PredictOptions(**{name: given}), name) == Path("folder/file")


@pytest.mark.parametrize("name", ["grid_segments", "linear", "spread", "allow_empty", "half_life"])
@pytest.mark.parametrize("value", ["no", 1, 0])
def test_a_flag_is_true_or_false_and_nothing_that_counts_as_it(name: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"{value!r} is not yes or no – in `{name}` – allowed: True or False"):
        PredictOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0, 0.25, 1])
def test_a_share_of_n_may_be_anything_from_none_to_all(share: float) -> None:
    assert PredictOptions(max_n_fraction=share).max_n_fraction == share


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan"), float("inf")])
def test_another_number_is_no_share_of_n(share: float) -> None:
    with pytest.raises(InputError, match=rf"{share} is not a share – in `max_n_fraction` – allowed: 0 to 1"):
        PredictOptions(max_n_fraction=share)


def test_options_are_values_that_nobody_changes() -> None:
    options = PredictOptions(cell_types=["a"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.linear = True  # type: ignore[misc]
    assert options == PredictOptions(cell_types="a")
    assert hash(options) == hash(PredictOptions(cell_types="a"))
    assert dataclasses.replace(options, linear=True) == PredictOptions(cell_types="a", linear=True)


class TestStore:
    """A store has genome, genes and vectors: who gives one of them again would wait in vain for an effect."""

    @pytest.mark.parametrize(
        ("selection", "named"),
        [
            ({"gtf": "a.gtf"}, "`gtf`"),
            ({"bed": "a.bed"}, "`bed`"),
            ({"genes": []}, "`genes`"),
            ({"bed_anchor": "center"}, "`bed_anchor`"),
            ({"transcripts": "all"}, "`transcripts`"),
            ({"map_chrom_names": True}, "`map_chrom_names`"),
            ({"gtf": "a.gtf", "genes": "g", "transcripts": "all"}, "`gtf`, `genes`, `transcripts`"),
        ],
    )
    def test_genes_cannot_be_given_again(self, selection: dict[str, Any], named: str) -> None:
        with pytest.raises(InputError) as refused:
            PredictOptions(GeneSelection(**selection), embeddings="store")
        assert refused.value.what == f"`embeddings` already holds genome, genes and vectors, so {named} cannot be given"
        assert refused.value.remedy == "leave them out, or leave `embeddings` out"

    @pytest.mark.parametrize(
        ("compute", "named"), [({"compile": True}, "compile"), ({"device": "cpu", "dtype": "bfloat16"}, "dtype")]
    )
    def test_no_vector_is_computed_so_no_way_to_is_taken(self, compute: dict[str, Any], named: str) -> None:
        with pytest.raises(InputError, match=f"so `{named}` cannot be given"):
            PredictOptions(compute=ComputeOptions(**compute), embeddings="store")

    def test_what_changes_the_head_or_the_table_alone_can_be_given(self) -> None:
        options = PredictOptions(
            compute=ComputeOptions(batch_size=7, device="cpu", dtype="float32"),
            cell_types="a", features="f.tsv", max_n_fraction=0.5, linear=True, grid_segments=True, half_life=False,
            embeddings="store",
        )  # fmt: skip
        assert options.embeddings == Path("store")

    def test_features_come_from_one_place(self) -> None:
        with pytest.raises(InputError, match=r"features given twice – in `features` and `half_life` – allowed: one"):
            PredictOptions(features="f.tsv", half_life=True)
        assert PredictOptions(features="f.tsv", half_life=False).features == Path("f.tsv")
