r"""Adds to a model bundle what makes its predictions readable: its assembly, percentiles and intervals.

python scripts/add_reference.py BUNDLE --fasta genome.fa --gtf genes.gtf --expression tpm.tsv.gz \
    --species "Saccharomyces cerevisiae" --assembly R64-1-1 [--max-n-fraction 0.5]

Reference genes are those of the annotation that the bundle predicts; intervals come from the test genes of its split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import texcnn
from texcnn.genome.assembly import Assembly
from texcnn.genome.reference import Reference
from texcnn.model.bundle import extend_bundle
from texcnn.model.make_reference import add_reference
from texcnn.tables.expression import read_expression
from texcnn.tables.transform import transform_expression


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--fasta", type=Path, required=True)
    parser.add_argument("--gtf", type=Path, required=True)
    parser.add_argument("--expression", type=Path, required=True)
    parser.add_argument("--unit-transform", default="log10p0.1")
    parser.add_argument("--species", required=True)
    parser.add_argument("--assembly", required=True)
    parser.add_argument("--max-n-fraction", type=float)
    given = parser.parse_args()
    with Reference(given.fasta) as reference:
        assembly = Assembly(given.species, given.assembly, dict(reference.lengths))
    extend_bundle(given.bundle, {}, assembly=assembly, max_n_fraction=given.max_n_fraction)
    predictions = texcnn.predict(given.bundle, given.fasta, gtf=given.gtf, progress=True)
    expression = read_expression(given.expression)
    measured = transform_expression(expression, given.unit_transform, where=given.expression)
    add_reference(given.bundle, predictions, measured)


if __name__ == "__main__":
    main()
