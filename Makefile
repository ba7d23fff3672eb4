# One command for each thing, the same here and in CI. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-cache-dir
PLATFORM := $(shell uname -sm)
EXAMPLE := storyanim/assets/examples/bear
JOBS ?= 2
TIMES ?= 1
SIZE ?= 128
STAGES_128 := data autoencoder clip depth base structure motion text reader judge
STAGES_256 := data autoencoder decoder latents clip depth base structure motion text reader judge library

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

# The lock names releases for Linux x86-64; elsewhere the ranges of pyproject.toml decide.
$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	if [ "$(PLATFORM)" = "Linux x86_64" ]; then \
	  $(PIP) install -r requirements.lock && $(PIP) install --no-deps --no-build-isolation -e .; \
	else $(PIP) install -e '.[dev,docs]'; fi
	@touch $@

.PHONY: setup
setup: $(READY) ## Make .venv and install storyanim with everything it needs.

.PHONY: demo
demo: $(READY) ## Make the example film, all set-up included: runs/demo/film.mp4.
	$(BIN)/storyanim run $(EXAMPLE)/story.txt --character $(EXAMPLE)/bear --narrate --out runs/demo
	$(BIN)/storyanim export preview runs/demo -o runs/demo/preview.webp
	@echo "the film: runs/demo/film.mp4   how it came about: runs/demo/report.html"

.PHONY: test
test: $(READY) ## Run all tests, all set-up included.
	$(BIN)/python -m pytest -n $(JOBS)

# What these libraries choose where there is AVX2 at best, and where there is SSE at best; on Intel, MKL has a name of its own.
AVX2 := ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell FAISS_OPT_LEVEL=avx2
SSE := ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2 OPENBLAS_CORETYPE=Nehalem FAISS_OPT_LEVEL=generic

.PHONY: test-portable
test-portable: $(READY) ## Run all tests as on older processors, and with four threads: three times `make test`.
	$(AVX2) $(BIN)/python -m pytest -n $(JOBS)
	$(SSE) $(BIN)/python -m pytest -n $(JOBS)
	TEST_THREADS=4 $(BIN)/python -m pytest

OLDEST_HUB := $(shell sed -n 's/.*"huggingface-hub>=\([0-9.]*\),.*/\1/p' pyproject.toml)

.PHONY: test-hub
test-hub: $(READY) ## Run the tests of downloads with the oldest hub client that pyproject.toml allows; `make test` has the newest.
	$(PIP) install --no-deps --upgrade --target work/hub-oldest "huggingface-hub==$(OLDEST_HUB)"
	PYTHONPATH=work/hub-oldest $(BIN)/python -m pytest tests/hub

.PHONY: check
check: $(READY) ## Lint, types, import rows, the repository's own rules.
	$(BIN)/ruff check storyanim storybook tests benchmarks examples scripts
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_repository.py tests/test_docs.py

.PHONY: docs
docs: $(READY) ## Build the documentation: site/index.html.
	$(BIN)/python scripts/reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

.PHONY: dist
dist: $(READY) ## Build the wheel and the sdist: dist/.
	$(BIN)/python -m build --no-isolation

.PHONY: lock
lock: $(READY) ## Renew requirements.lock and THIRD_PARTY.md from the newest releases.
	$(BIN)/python scripts/lock.py
	$(MAKE) setup
	$(BIN)/python scripts/third_party.py

.PHONY: models
models: $(READY) ## Train the whole storybook family: 166 minutes and some 9 GB on two cores; TIMES=4 for four times both; TRAIN="--device cuda --workers 14" on a GPU; SIZE=256 for the family of 256 pixels, in work/256.
	for stage in $(STAGES_$(SIZE)); do \
	  $(BIN)/python -m storybook train $$stage --size $(SIZE) --times $(TIMES) $(TRAIN) || exit 1; done
	$(MAKE) library-$(SIZE)

.PHONY: library-256
library-256: $(READY)
	$(BIN)/storyanim index work/256/storybook/clips -o work/256/storybook/index --profile work/256/storybook/profile.toml

.PHONY: library-128
library-128: library

.PHONY: library
library: $(READY) ## Render the bundled clips, their index and the example characters.
	$(BIN)/python -m storybook train library
	$(BIN)/storyanim index storyanim/assets/storybook/clips -o storyanim/assets/storybook/index
	$(BIN)/python -m storybook train examples

.PHONY: bench
bench: $(READY) ## Measure speed: the world, a shot, a film, personalisation, search.
	$(BIN)/python benchmarks/world_speed.py
	$(BIN)/python benchmarks/film_speed.py
	$(BIN)/python benchmarks/search.py

.PHONY: clean
clean: ## Remove runs and caches, not .venv.
	rm -rf runs dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
