#!/usr/bin/env bash
# Makes texcnn/bundled/texcnn-yeast from the real data: minutes on a GPU, hours on two CPU cores ($DEVICE, else cpu).
# A stage or model whose files are there is not made again. EPOCHS gives every model that number of epochs, to try the
# scripts.
set -euo pipefail
cd "$(dirname "$0")"
work="${TEXCNN_YEAST_WORK:-work}"
python="${PYTHON:-python}"
[ -f "$work/yeast.npz" ] || "$python" pack.py
recipe="500+1500, segments of 250, both"
[ -f "$work/models/yeast.json" ] || "$python" train.py --work "$work" --out "$work/models" --device "${DEVICE:-cpu}" \
  --runs 1 --only "$recipe" ${EPOCHS:+--epochs "$EPOCHS"}
"$python" heads.py --seeds 0 ${EPOCHS:+--epochs "$EPOCHS"}
"$python" heads.py --seeds 0 1 --all-splits --only strong ${EPOCHS:+--epochs "$EPOCHS"}
[ -f "$work/models/effects.json" ] || "$python" effects.py
"$python" choose.py
"$python" bundle.py
"$python" evaluate.py
data="${TEXCNN_DATA:-../../../shared/data}"
texcnn variants background --model ../../texcnn/bundled/texcnn-yeast --n-variants "${VARIANTS:-15000}" \
  --fasta "$data/yeast/R64-1-1.fa.gz" --gtf "$data/yeast/R64-1-1.81.gtf.gz"
