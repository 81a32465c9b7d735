#!/usr/bin/env bash
# Makes texcnn/bundled/texcnn-mini from the real data. A stage or member whose files are there is not made again.
# Members with convolutions want a GPU ($DEVICE, else cpu); the others take minutes to a quarter of an hour each on a CPU.
# By default the members that are bundled; ONLY=. makes those of the other recipes too, for the validation chromosomes to
# choose. STEPS gives every network that number of steps, to try the scripts.
set -euo pipefail
cd "$(dirname "$0")"
work="${TEXCNN_MINI_WORK:-work}"
python="${PYTHON:-python}"
members="$work/members"
mkdir -p "$members"
rm -rf "$members"/*.taken # of a run that was stopped
[ -f "$work/pack.npz" ] || "$python" pack.py
[ -f "$work/reporter.1.safetensors" ] || "$python" mpra.py --members 2 ${STEPS:+--epochs 1}
"$python" heads.py xf.11.all --work "$work" --out "$members" ${STEPS:+--steps "$STEPS"}
"$python" dragonn.py dragonn.1 dragonn.all --work "$work" --out "$members"
"$python" train.py --only "${ONLY:-[.]all$}" --work "$work" --out "$members" --device "${DEVICE:-cpu}" ${STEPS:+--steps "$STEPS"}
[ "${ONLY:-}" = "" ] || "$python" choose.py
"$python" bundle.py
"$python" evaluate.py
data="${TEXCNN_DATA:-../../../shared/data}"
texcnn variants background --model ../../texcnn/bundled/texcnn-mini --n-variants "${VARIANTS:-15000}" \
  --fasta "$data/human/hg38_wide.fa.gz" --gtf "$data/human/hg38_refseq.gtf.gz"
