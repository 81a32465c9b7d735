#!/usr/bin/env bash
# Makes texcnn/bundled/texcnn-mini from the real data. Stages 3 and 4 want a GPU ($DEVICE, else cpu): the bundled members
# had seven minutes on an H100 that other work shared. A stage or member whose files are there is not made again.
# STEPS gives every network that number of steps, to try the scripts.
set -euo pipefail
cd "$(dirname "$0")"
work="${TEXCNN_MINI_WORK:-work}"
python="${PYTHON:-python}"
mkdir -p "$work/members"
rm -rf "$work"/members/*.taken # of a run that was stopped
[ -f "$work/pack.npz" ] || "$python" pack.py
[ -f "$work/reporter.1.safetensors" ] || "$python" mpra.py --members 2 ${STEPS:+--epochs 1}
[ -f "$work/encoder.safetensors" ] ||
  "$python" pretrain.py --work "$work" --device "${DEVICE:-cpu}" ${STEPS:+--steps "$STEPS"}
"$python" train.py --work "$work" --out "$work/members" --device "${DEVICE:-cpu}" --only "${ONLY:-.}" ${STEPS:+--steps "$STEPS"}
"$python" choose.py
"$python" bundle.py
"$python" evaluate.py
data="${TEXCNN_DATA:-../../../shared/data}"
texcnn variants background --model ../../texcnn/bundled/texcnn-mini --n-variants "${VARIANTS:-15000}" \
  --fasta "$data/human/hg38_wide.fa.gz" --gtf "$data/human/hg38_refseq.gtf.gz"
