#!/usr/bin/env bash
# Runs the library's fast tests with the oldest or the newest versions that pyproject.toml allows.
#
#   scripts/test_bounds.sh lowest-direct | highest
#
# Needs uv on PATH; makes its environment in .venv-<resolution>. Nextflow, Kipoi and slow tests are for `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
resolution=${1:?give lowest-direct or highest}
environment=".venv-$resolution"
uv venv --quiet --clear "$environment"
uv pip compile --quiet --resolution "$resolution" --extra dev --extra evaluate --extra peers \
  --no-header --no-annotate pyproject.toml -o "$environment/requirements.txt"
uv pip install --quiet --python "$environment/bin/python" -r "$environment/requirements.txt"
uv pip install --quiet --python "$environment/bin/python" --no-deps -e .
export HF_HUB_OFFLINE=1 PATH="$PWD/$environment/bin:$PATH"
"$environment/bin/python" -m pytest -q -m "not slow and not pipeline and not kipoi"
