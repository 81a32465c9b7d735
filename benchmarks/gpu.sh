#!/usr/bin/env bash
# Checks, table and profile of this machine's GPU, on a bare machine with PyTorch and no network.
#
#     make gpu-wheels                     # where there is a network: what such a machine may lack, into .gpu/wheels
#     benchmarks/gpu.sh [--seconds 200]   # there; writes gpu.md, gpu.tsv, checks.txt and profile.txt to $OUT
#     benchmarks/gpu.sh --device cpu      # tries the kit out, with tiny encoders
#
# PYTHON is the interpreter that has PyTorch; WHEELS the folder of wheels, OUT the folder for what is written.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
wheels=${WHEELS:-.gpu/wheels}
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
if compgen -G "$wheels/*.whl" > /dev/null; then
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --target "$site" "$wheels"/*.whl
fi
export PYTHONPATH="$PWD:$PWD/benchmarks:$site" HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=true
"$python" benchmarks/gpu_kit.py --out "${OUT:-results/gpu}" "$@"
