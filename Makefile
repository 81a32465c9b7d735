# make demo   set everything up, run the Nextflow pipeline on the small simulated genome, print where the report is
# make test   the whole test suite            make lint   ruff, mypy, imports
# make fuzz   20,000 damaged inputs for each parser: project errors alone, and no other numbers
# make docs   the documentation's site        make bench  speed and memory, as tables
# make gpu-wheels  what benchmarks/gpu.sh carries to a machine without network
# make lock   pin the dependencies again      make clean  remove what the others made

PYTHON ?= python3
BIN := .venv/bin
export HF_HUB_OFFLINE ?= 1
export NXF_OFFLINE ?= true
# Absolute: tests and Nextflow tasks change their folder.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test lint fuzz bench gpu-wheels docs lock clean

demo: .venv/ready
	scripts/nextflow.sh run main.nf -profile test --outdir results/demo -ansi-log false
	@echo
	@grep -q 'id="expected" data-met="yes"' results/demo/report/report.html || \
	  { echo "error: the demo did not come out as expected; the first part of $(CURDIR)/results/demo/report/report.html has what differs"; exit 1; }
	@echo "It came out as expected: 49 of 50 genes, 1 skipped, the values of assets/demo/expected.tsv"
	@echo "Predictions: $(CURDIR)/results/demo/predictions/predictions.tsv.gz"
	@echo "Report:      $(CURDIR)/results/demo/report/report.html"

test: .venv/ready
	scripts/nextflow.sh -version >/dev/null
	$(BIN)/python -m pytest

# Scripts of one folder import each other by their bare names, so that mypy takes one folder at a time.
SCRIPTS := benchmarks scripts $(patsubst %/,%,$(sort $(dir $(wildcard scripts/*/*.py scripts/*/*/*.py)))) kipoi_model/TExCNN
lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	for folder in $(SCRIPTS); do $(BIN)/mypy $$folder/*.py || exit 1; done

fuzz: .venv/ready
	$(BIN)/python tests/fuzz/parsers.py --inputs 20000

# The documentation's site; links are checked, and nothing is fetched. Its tools: pip install '.[docs]'
docs: .venv/ready
	$(BIN)/python -m mkdocs build --strict --quiet
	@echo "Documentation: $(CURDIR)/site/index.html"

bench: .venv/ready
	$(BIN)/python benchmarks/run.py --write

# PyTorch, transformers and tokenizers are taken as that machine has them.
GPU_PYTHON ?= 3.12
gpu-wheels: .venv/ready
	rm -rf .gpu/wheels
	$(BIN)/python -m pip download --quiet --no-deps --only-binary=:all: --dest .gpu/wheels --python-version $(GPU_PYTHON) \
	  --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
	  $$($(BIN)/python -m pip freeze | grep -E '^(pysam|platformdirs|pydantic|pydantic_core|annotated-types|typing-inspection)==')

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python >= 3.11 is needed, '$(PYTHON)' is older or missing: install python3.11 (Debian: apt-get install python3.11 python3.11-venv), or give its path with make PYTHON=..."; exit 2; }
	@$(PYTHON) -m venv --clear .venv || \
	  { echo "error: '$(PYTHON)' cannot make a virtual environment (Debian: apt-get install python3-venv)"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# uv resolves for every platform and Python at once; the lock holds hashes and names no address.
lock:
	uv pip compile pyproject.toml --extra dev --extra evaluate --extra kipoi --extra peers \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.lock

clean:
	rm -rf .venv .lib .nextflow* work results site
