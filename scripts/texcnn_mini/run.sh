#!/usr/bin/env bash
# Makes texcnn/bundled/texcnn-mini from the real data: about two hours on two CPU cores.
set -euo pipefail
cd "$(dirname "$0")"
for stage in tokenizer pretrain windows distil_encoder motifs embed distil_head finetune evaluate bundle; do
  echo "== $stage"
  "${PYTHON:-python}" "$stage.py"
done
