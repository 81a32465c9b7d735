"""Genes check themselves."""

from __future__ import annotations

import pytest

from texcnn.errors import InputError
from texcnn.genome.gene import Gene


def test_gene_is_a_value() -> None:
    assert Gene("G", "N", "chr1", 0, "+") == Gene("G", "N", "chr1", 0, "+", transcript_id="")
    assert len({Gene("G", "N", "chr1", 0, "+"), Gene("G", "N", "chr1", 0, "+", "T")}) == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("", "N", "chr1", 0, "+"), "needs an id and a chromosome"),
        (("G", "N", "", 0, "+"), "needs an id and a chromosome"),
        (("G", "N", "chr1", -1, "+"), "TSS -1 is negative.*gene 'G'"),
        (("G", "N", "chr1", 0, "."), r"unknown strand '\.'.*\+ or -"),
    ],
)
def test_gene_refuses_bad_fields(fields: tuple[str, str, str, int, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Gene(*fields)
