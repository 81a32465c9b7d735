#!/usr/bin/env bash
# Makes texcnn/bundled/texcnn-yeast from the real data: minutes on a GPU, hours on two CPU cores ($DEVICE, else cpu).
# A stage whose files are there is not run again.
set -euo pipefail
cd "$(dirname "$0")"
work="${TEXCNN_YEAST_WORK:-work}"
python="${PYTHON:-python}"
[ -f "$work/yeast.npz" ] || "$python" pack.py
[ -f "$work/models/yeast.json" ] ||
  "$python" train.py --work "$work" --out "$work/models" --device "${DEVICE:-cpu}" --runs "${RUNS:-1}"
"$python" bundle.py
"$python" evaluate.py
data="${TEXCNN_DATA:-../../../shared/data}"
texcnn variants background --model ../../texcnn/bundled/texcnn-yeast --n-variants 15000 \
  --fasta "$data/yeast/R64-1-1.fa.gz" --gtf "$data/yeast/R64-1-1.81.gtf.gz"
