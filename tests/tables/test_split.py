"""Which part of a split each gene is in, and tables that cannot say."""

from __future__ import annotations

from pathlib import Path

import pytest

from texcnn.errors import InputError
from texcnn.tables.split import read_parts


class TestSplit:
    def read(self, folder: Path, *rows: str, header: str = "gene_id\tsplit") -> dict[str, str]:
        path = folder / "split.tsv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return read_parts(path)

    def test_parts_by_gene_without_its_version(self, tmp_path: Path) -> None:
        rows = ["ENSG00000000003.15\ttrain\tx", "g2\tvalid\ty", "ENSG00000000003.2\ttrain\tz"]
        found = self.read(tmp_path, *rows, header="gene_id\tsplit\tmore")
        assert found == {"ENSG00000000003": "train", "g2": "valid"}

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ([], "the split has no row – in .*split.tsv – allowed: a row per gene"),
            (["\ttrain"], r"a gene has no id – in .*split.tsv, line 2"),
            (["g\ttrain", "h\texam"], r"unknown part of a split 'exam' – in .*, line 3, gene 'h' – allowed: train"),
            (
                ["ENSG00000000003.1\ttrain", "ENSG00000000003.2\ttest"],
                "the split leaks: gene 'ENSG00000000003' is in train",
            ),
        ],
    )
    def test_other_tables(self, tmp_path: Path, rows: list[str], message: str) -> None:
        with pytest.raises(InputError, match=message):
            self.read(tmp_path, *rows)
