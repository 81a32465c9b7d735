"""Gene ids as different sources write them, brought to one form for comparison."""

from __future__ import annotations

import re

_ENSEMBL_ID = re.compile(r"(ENS[A-Z]*[GT]\d{11})(?:\.\d+)?(?:_\d+)?(_PAR_Y)?(?:_\d+)?")
_MAY_SAY_MORE = re.compile(r"[.:_]").search
_PREFIXES = ("gene:", "transcript:")


def without_version(gene_id: str) -> str:
    """Returns an id without the parts that differ between releases and file formats.

    That is the prefix that Ensembl's GFF3 writes (``gene:``, ``transcript:``), and, of an Ensembl id, its version and
    the suffix of GENCODE's lift to GRCh37 (``ENSG00000000003.15_2``). A gene of the Y chromosome's pseudoautosomal
    region stays another one than that of X (``ENSG00000182378.15_PAR_Y``). Other ids keep what is behind their dot:
    AC004556.1 and AC004556.3 are two genes.
    """
    if not _MAY_SAY_MORE(gene_id):
        return gene_id
    for prefix in _PREFIXES:
        gene_id = gene_id.removeprefix(prefix)
    match = _ENSEMBL_ID.fullmatch(gene_id)
    return f"{match[1]}{match[2] or ''}" if match else gene_id
