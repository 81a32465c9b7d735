#!/usr/bin/env bash
# Makes texcnn/bundled/texcnn-yeast from the real data: a few minutes on two CPU cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
data="${TEXCNN_DATA:-../shared/data}/yeast"
texcnn train --architecture kmer-textcnn --out "${1:-texcnn/bundled/texcnn-yeast}" --overwrite \
  --fasta "$data/R64-1-1.fa.gz" --gtf "$data/R64-1-1.81.gtf.gz" --upstream 1000 --downstream 500 \
  --expression "$data/expression_tpm_conditions.tsv.gz" --unit TPM \
  --split chromosome --valid-chrom II --valid-chrom XIV --test-chrom IV --test-chrom IX --test-chrom XVI \
  --runs 3 --epochs 60 --seed 0 --device cpu
