"""Descriptions of tables with everything that a table may have."""

from __future__ import annotations

from dataclasses import replace

from texcnn.tables.columns import EXTRA_COLUMNS, TableDescription

SAID = TableDescription(("liver", "left | brain"), "TPM", "m", "a" * 64, "g.fa", "b" * 64, "1.2")
VARIANTS = {
    "plain": SAID,
    "transcripts": replace(SAID, transcripts=True),
    "extra": replace(SAID, extra_columns=EXTRA_COLUMNS),
    "spread": replace(SAID, spread=True, max_n_fraction=0.5, dtype="bfloat16", features="f.tsv"),
    "members": replace(SAID, member_spread=True),
    "all": replace(SAID, transcripts=True, extra_columns=EXTRA_COLUMNS, spread=True, member_spread=True),
}
