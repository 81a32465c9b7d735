#!/usr/bin/env bash
# Makes texcnn/bundled/texcnn-mini from the real data. The members that are trained end to end want a GPU ($DEVICE, else
# cpu): the bundled ones had eight minutes on an H200 that ten networks shared. A stage whose files are there is not run
# again.
set -euo pipefail
cd "$(dirname "$0")"
work="${TEXCNN_MINI_WORK:-work}"
python="${PYTHON:-python}"
members="$work/members"
mkdir -p "$members"

member() { # name, recipe, further options
  local name="$1" recipe="$2"
  shift 2
  [ -f "$members/$name.json" ] || "$python" train.py --name "$name" --recipe "$recipe" --work "$work" --out "$members" \
    --device "${DEVICE:-cpu}" --steps "${STEPS:-2140}" "$@"
}

[ -f "$work/pack.npz" ] || "$python" pack.py
[ -f "$work/reporter.1.safetensors" ] || "$python" mpra.py --members 2
strong='{"seed": 4, "dropout": 0.5, "input_dropout": 0.2, "weight_decay": 0.1, "weights": {"delta": 1.0}}'
member m4 "$strong"
member m9 '{"seed": 9, "kmers": 4}' --all-splits
[ -f "$work/vectors.npz" ] || "$python" vectors.py
for seed in 1 2; do
  [ -f "$work/head.kmers.$seed.all.json" ] || "$python" heads.py --seed "$seed" --all-splits
done
"$python" bundle.py
"$python" evaluate.py
data="${TEXCNN_DATA:-../../../shared/data}"
texcnn variants background --model ../../texcnn/bundled/texcnn-mini --n-variants 15000 \
  --fasta "$data/human/hg38_wide.fa.gz" --gtf "$data/human/hg38_refseq.gtf.gz"
