#!/usr/bin/env bash
# Cross-validated table and encoder study side by side on one GPU, for a given time; the same command again continues.
#
#   gpu.sh DATA STATE [SECONDS] [DEVICE]
#
# DATA holds pack.npz (scripts/texcnn_mini/pack.py), yeast.npz (scripts/texcnn_yeast/pack.py), tokenizer.json,
# language.<species>.safetensors (scripts/encoder_study/pretrain.py) and word2vec.<species>.npy (words.py there). STATE
# keeps what is done: runs of the table in out, of the study in study, folds of unfinished runs in folds. $PYTHON is the
# interpreter, $ONLY chooses processes by name, $TABLE and $STUDY are further options of the two scripts (as --genes 50
# --epochs 1 to try it out), $ALONE is how long the slowest peer has the card with few others, in seconds.
set -u
data="$1" state="$2" limit="${3:-520}" device="${4:-cuda}" alone="${ALONE:-150}"
wide="$(cd "$(dirname "$0")" && pwd)"
python="${PYTHON:-python}"
begun=$(date +%s)
mkdir -p "$state"/{out,study,folds,work,logs}
export PYTHONPATH="$wide/../../..${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
[ -f "$state/work/genes.human.npz" ] || "$python" "$wide/genes.py" --pack "$data/pack.npz" --yeast "$data/yeast.npz" \
  --tokenizer "$data/tokenizer.json" --out "$state/work" --workers "$(nproc)" || exit 1
cp "$data"/word2vec.*.npy "$data"/language.*.safetensors "$state/work"
rm -f "$state"/*/*.failed

pids=()
again() { # command, which asks for a new process of the same by exit status 17
  local child status=17
  trap 'kill $child 2>/dev/null; exit' TERM
  while [ "$status" = 17 ]; do
    "$@" &
    child=$!
    wait "$child"
    status=$?
  done
  [ "$status" = 0 ] || echo "ended with status $status"
}
start() { # name, command
  local name="$1"
  shift
  [[ $name =~ ${ONLY:-.} ]] || return 0
  again "$@" >>"$state/logs/$name.log" 2>&1 &
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
left() { [ $(($(date +%s) - begun)) -lt "$1" ]; }

# First come the lines that have no run yet. Processes share the card by turns: the slowest peer has two of them, and
# for a while few others. The last lines have batches of many shapes, for which memory must come in pieces that fit any.
peers="perceiver:0 perceiver-hl:0 perceiver:1 perceiver-tf:0 perceiver:2 perceiver-hl:1-2 perceiver-tf:1-2"
table perceiver.0 $peers --folds 0 1 2
table perceiver.1 $peers --folds 4 3
table deeplncloc deeplncloc:0-2 deeplncloc-hl:0-2 deeplncloc-tf:0-2 deeplncloc:3-9
table vectors kmers-hl:0-9 pipoli-hl:0-2 pipoli:0-2 kmers:0-9 kmers-tf:0-9 pipoli-tf:0-2 kmers-pol:0-9 \
  language:0-9 random:0-9 language-hl:0-9 language-tf:0-2
export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
table xpresso xpresso:0 xpresso58:0 xpresso:1-2 xpresso58:1-2 xpresso:3-9
while left "$alone" && [ ! -f "$state/out/perceiver-0.npz" ] && [[ perceiver =~ ${ONLY:-.} ]]; do sleep 1; done
while left "$limit" && [ ! -f "$state/work/tokens.yeast.npz" ]; do sleep 1; done
table xpresso.features xpresso-hl:0 xpresso-tf:0 xpresso-hl:1-2 xpresso-tf:1-2 xpresso58-hl:0 xpresso-pol:0
study human.language human tuned:random:0 tuned:language+kmers:0 tuned:language:0-1 tuned:random:1 \
  tuned:language+kmers:1 tuned:language:2 tuned:random:2 tuned:language+kmers:2 tuned:language+convolutions:0-2
study yeast yeast frozen:language:0-9 frozen:random:0-9 frozen:kmers:0-9 frozen:words:0-9 frozen:convolutions:0-9 \
  frozen:language+kmers:0-9 tuned:random:0 tuned:language+kmers:0 tuned:language:0 tuned:convolutions:0-2 \
  tuned:words:0-2 tuned:convolutions+kmers:0-2 tuned:random:1 tuned:language:1 tuned:language+kmers:1 \
  tuned:random:2 tuned:language:2 tuned:language+kmers:2 frozen:words+kmers:0-9 frozen:convolutions+kmers:0-9 \
  frozen:language+convolutions:0-9 tuned:language+convolutions:0-2
table live bundle-hl:0 bundle:0-1 live:0 bundle-tf:0 bundle:2 bundle-hl:1-2 live:1-2 bundle-tf:1-2 bundle-pol:0-2
study human.rest human frozen:language:0-9 frozen:random:0-9 frozen:kmers:0-9 frozen:words:0-9 \
  frozen:convolutions:0-9 frozen:language+kmers:0-9 tuned:convolutions:0-2 tuned:words:0-2 \
  tuned:convolutions+kmers:0-2 frozen:words+kmers:0-9 frozen:convolutions+kmers:0-9 frozen:language+convolutions:0-9

while left "$limit"; do
  sleep 1
  alive=0
  for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null && alive=1; done
  [ "$alive" = 0 ] && break
done
for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
wait
ls "$state/out" "$state/study" | grep -c npz
