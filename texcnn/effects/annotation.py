"""Fields that an annotated VCF has for each allele."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from texcnn.genome.vcf_writer import InfoField

ANNOTATION = (
    InfoField("TEXCNN_STATUS", "String", "SCORED, or why texcnn has no prediction for the allele"),
    InfoField("TEXCNN_DELTA", "Float", "Predicted change of expression, alternative minus reference, where largest"),
    InfoField("TEXCNN_GENE", "String", "Gene with the largest predicted change"),
    InfoField("TEXCNN_CELL", "String", "Cell type with the largest predicted change"),
    InfoField("TEXCNN_QUANTILE", "Float", "Signed share of random substitutions with a smaller predicted change"),
)
"""One value per alternative allele; names are percent-encoded."""


def annotation_values(summaries: Iterable[pa.Table]) -> Iterator[Mapping[str, str | float | None]]:
    """Turns rows of the summary into the values of :data:`ANNOTATION`, an allele at a time."""
    columns = ("status", "delta", "gene_id", "cell_type", "quantile")
    for table in summaries:
        for row in table.select(list(columns)).to_pylist():
            yield {field.id: row[column] for field, column in zip(ANNOTATION, columns, strict=True)}
