"""Brings the Kipoi model in step: its targets with the bundled model, its example files with the demo genome.

python scripts/make_kipoi_model.py --out kipoi_model/TExCNN
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import pysam
import yaml

from texcnn.model.bundle import BundleFiles
from texcnn.model.catalog import resolve_model

PROJECT = Path(__file__).resolve().parents[1]
DEMO = PROJECT / "assets" / "demo"
EXAMPLE_CHROMOSOME = "demo3"
_MARKER = "  targets:\n"


def model_yaml(text: str) -> str:
    """Replaces the targets, the last part of model.yaml, by one per cell type of the model that its args name."""
    head = text[: text.index(_MARKER)]
    files = BundleFiles(resolve_model(yaml.safe_load(head)["args"]["model"]))
    targets = {
        row["cell_type"]: {
            "name": row["cell_type"],
            "shape": "()",
            "doc": f"{row.get('name', row['cell_type'])}, {files.config.unit}",
        }
        for row in files.cell_types.to_dict("records")
    }
    dumped = yaml.safe_dump({"targets": targets}, sort_keys=False, allow_unicode=True, width=1000)
    return head + "".join(f"  {line}\n" for line in dumped.splitlines())


def write_example_files(out: Path) -> None:
    """Cuts one chromosome out of the demo genome: genome.fa.gz with its indices, genes.gtf and intervals.bed."""
    out.mkdir(parents=True, exist_ok=True)
    with pysam.FastaFile(str(DEMO / "genome.fa.gz")) as genome:
        bases = genome.fetch(EXAMPLE_CHROMOSOME)
    lines = [f">{EXAMPLE_CHROMOSOME} SIMULATED, a chromosome of assets/demo; not a real organism"]
    lines += [bases[start : start + 60] for start in range(0, len(bases), 60)]
    with pysam.BGZFile(str(out / "genome.fa.gz"), "w", index=None) as file:
        file.write(("\n".join(lines) + "\n").encode())
    pysam.faidx(str(out / "genome.fa.gz"))
    gtf = (DEMO / "genes.gtf").read_text(encoding="utf-8").splitlines()
    kept = [line for line in gtf if line.startswith(("#", f"{EXAMPLE_CHROMOSOME}\t"))]
    (out / "genes.gtf").write_text("\n".join(kept) + "\n", encoding="utf-8")
    with (DEMO / "truth.tsv").open(encoding="utf-8") as file:
        genes = [row for row in csv.DictReader(file, delimiter="\t") if row["chrom"] == EXAMPLE_CHROMOSOME]
    rows = []
    for gene in genes:  # 100 bases from the TSS on, along the strand
        tss = int(gene["tss"]) - 1
        start, end = (tss, tss + 100) if gene["strand"] == "+" else (tss - 99, tss + 1)
        rows.append(f"{gene['chrom']}\t{start}\t{end}\t{gene['gene_id']}\t0\t{gene['strand']}\n")
    (out / "intervals.bed").write_text("".join(rows), encoding="utf-8")


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder that holds model.yaml")
    out: Path = parser.parse_args().out
    write_example_files(out / "example_files")
    path = out / "model.yaml"
    path.write_text(model_yaml(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
