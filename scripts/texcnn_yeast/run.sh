#!/usr/bin/env bash
# Makes texcnn/bundled/texcnn-yeast from the real data: ten minutes on two CPU cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
data="${TEXCNN_DATA:-../shared/data}/yeast"
bundle="${1:-texcnn/bundled/texcnn-yeast}"
work="$(mktemp -d)"
trap 'rm -r "$work"' EXIT
genome=(--fasta "$data/R64-1-1.fa.gz" --gtf "$data/R64-1-1.81.gtf.gz")
expression="$data/expression_tpm_conditions.tsv.gz"

texcnn train --architecture kmer-textcnn --out "$bundle" --overwrite \
  "${genome[@]}" --upstream 1000 --downstream 500 --expression "$expression" --unit TPM \
  --split chromosome --valid-chrom II --valid-chrom XIV --test-chrom IV --test-chrom IX --test-chrom XVI \
  --runs 3 --epochs 60 --seed 0 --device cpu

# The same split, its test genes without those that code for no protein.
zgrep 'gene_biotype "protein_coding"' "$data/R64-1-1.81.gtf.gz" | grep -o 'gene_id "[^"]*"' | cut -d '"' -f 2 > "$work/coding"
awk 'NR == FNR {coding[$1]; next} $2 != "test" || $1 in coding' "$work/coding" "$bundle/split.tsv" > "$work/coding.tsv"
for split in "$bundle/split.tsv" "$work/coding.tsv"; do
  texcnn evaluate --model "$bundle" "${genome[@]}" --expression "$expression" --split "$split" --bootstrap 200 \
    --device cpu --out "$work/evaluation-of-$(basename "$split" .tsv)"
done
"${PYTHON:-python}" scripts/add_reference.py "$bundle" "${genome[@]}" --expression "$expression" \
  --species "Saccharomyces cerevisiae" --assembly R64-1-1
"${PYTHON:-python}" scripts/texcnn_yeast/card.py "$bundle" "$work/evaluation-of-split" "$work/evaluation-of-coding"
