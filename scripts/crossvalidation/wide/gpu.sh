#!/usr/bin/env bash
# Cross-validated table and encoder study side by side on one GPU, for a given time; the same command again goes on.
#
#   gpu.sh DATA STATE [SECONDS] [DEVICE]
#
# DATA holds pack.npz (scripts/texcnn_mini/pack.py), yeast.npz (scripts/texcnn_yeast/pack.py), tokenizer.json,
# language.<species>.safetensors (scripts/encoder_study/pretrain.py) and word2vec.<species>.npy (words.py there). STATE
# keeps what is done: runs of the table in out, of the study in study. $PYTHON is the interpreter, $ONLY chooses processes by name, $TABLE
# and $STUDY are further options of the two scripts (as --genes 50 --epochs 1 to try it out).
set -u
data="$1" state="$2" limit="${3:-420}" device="${4:-cuda}"
wide="$(cd "$(dirname "$0")" && pwd)"
python="${PYTHON:-python}"
begun=$(date +%s)
mkdir -p "$state"/{out,study,folds,work,logs}
export PYTHONPATH="$wide/../../..${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
[ -f "$state/work/tokens.human.npz" ] || "$python" "$wide/genes.py" --pack "$data/pack.npz" --yeast "$data/yeast.npz" \
  --tokenizer "$data/tokenizer.json" --out "$state/work" --workers "$(nproc)" || exit 1
cp "$data"/word2vec.*.npy "$data"/language.*.safetensors "$state/work"

pids=()
start() { # name, command
  local name="$1"
  shift
  [[ $name =~ ${ONLY:-.} ]] || return 0
  "$@" >>"$state/logs/$name.log" 2>&1 &
  pids+=($!)
}
table() { # name, lines and runs
  local name="$1"
  shift
  start "$name" "$python" "$wide/run.py" --work "$state/work" --out "$state/out" --scratch "$state/folds" \
    --device "$device" ${TABLE:-} --plan "$@"
}
study() { # name, species, lines and runs
  local name="$1" species="$2"
  shift 2
  start "$name" "$python" "$wide/../../encoder_study/study.py" --species "$species" --work "$state/work" \
    --out "$state/study" --device "$device" ${STUDY:-} --plan "$@"
}
# One run of every line before the second, many networks at once where they are small. A process that trains one network
# at a time waits for the others on the card: few processes are faster than many.
table vectors kmers:0-2 language:0-2 random:0-2 kmers-tf:0-2 deeplncloc:0-2 kmers-hl:0-2 kmers-pol:0-2 \
  language-tf:0-2 deeplncloc-tf:0-2 kmers:3-9 kmers-tf:3-9 language:3-9 random:3-9 deeplncloc:3-9 kmers-hl:3-9
table xpresso xpresso:0 xpresso58:0 xpresso:1-2 xpresso-hl:0-2 xpresso58-tf:0-2 xpresso58:1-2 xpresso:3-9
table peers perceiver:0 pipoli:0-2 perceiver:1-2 pipoli-tf:0-2 perceiver-tf:0-2
table live bundle:0 live:0 bundle-tf:0 bundle:1-2 live:1-2 bundle-tf:1-2 bundle-hl:0-2 bundle-pol:0-2
study human.language human tuned:language:0 tuned:random:0 tuned:language+kmers:0 tuned:language:1-2 tuned:random:1-2 \
  tuned:language+kmers:1-2 tuned:language+convolutions:0-2
study human.rest human frozen:language:0-9 frozen:random:0-9 frozen:kmers:0-9 frozen:words:0-9 \
  frozen:convolutions:0-9 frozen:language+kmers:0-9 tuned:convolutions:0-2 tuned:words:0-2 \
  tuned:convolutions+kmers:0-2 frozen:words+kmers:0-9 frozen:convolutions+kmers:0-9 frozen:language+convolutions:0-9
study yeast yeast frozen:language:0-9 frozen:random:0-9 frozen:kmers:0-9 frozen:words:0-9 frozen:convolutions:0-9 \
  frozen:language+kmers:0-9 tuned:language:0 tuned:random:0 tuned:convolutions:0-2 tuned:words:0-2 \
  tuned:language+kmers:0 tuned:convolutions+kmers:0-2 tuned:language:1-2 tuned:random:1-2 tuned:language+kmers:1-2 \
  frozen:words+kmers:0-9 frozen:convolutions+kmers:0-9 frozen:language+convolutions:0-9 tuned:language+convolutions:0-2

while [ $(($(date +%s) - begun)) -lt "$limit" ]; do
  sleep 2
  alive=0
  for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null && alive=1; done
  [ "$alive" = 0 ] && break
done
for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
wait
ls "$state/out" "$state/study" | grep -c npz
