# Everything a person or a machine does with this repository is one target; `make` alone lists them.
#
#   PYTHON=python3.12 make lab     take that interpreter for a new .venv
#   PIP_ARGS='...' make lab        extra arguments for pip (an index of your own, a proxy)
#   JOBS=4 make test               that many test processes (each takes about 0.6 GB)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 4 ? n : 4)))
OUT ?= demo
NOTEBOOK ?= notebooks/01_first_ranking.ipynb
LAB_ARGS ?=
BENCH ?=
PYTEST_ARGS ?=
export PIP_ARGS
export PIP_ROOT_USER_ACTION := ignore
export PYTHONUTF8 := 1

# A stamp is written after its install has ended well, so an interrupted install is never taken as done,
# and it holds the folder, so that a checkout that was moved or copied is set up again.
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
READY_BENCH := $(VENV)/.ready-bench
MOVED := $(if $(wildcard $(READY)),$(if $(filter $(CURDIR),$(shell cat $(READY))),,moved))

.PHONY: help lab demo test check lint bench bench-gpu browser constraints clean moved

help: ## list the targets
	@echo "Embedding Workbench: pick a model, load clips, type prompts, see what it finds."
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
	  printf '  make %-12s %s\n' "$$name" "$$text"; done

lab: $(READY) ## set up .venv when needed and open JupyterLab on the first notebook
	@$(BIN)/workbench lab "$(NOTEBOOK)" $(LAB_ARGS)

demo: $(READY) ## rank the bundled clips without a browser; results go to demo/
	@$(BIN)/workbench demo --out "$(OUT)"

test: $(READY_DEV) browser ## run every test: units, contracts, guards, browser, notebooks, documentation
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --nbval-lax tests notebooks $(PYTEST_ARGS)

check: lint test ## format check, lint, types, then every test

lint: $(READY_DEV) ## format check, lint, types; runs nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/ty check --python $(VENV)

bench: $(READY_BENCH) browser ## run the benchmarks beside their peers and rewrite docs/performance.md; BENCH=name for one
	@$(BIN)/python -m benchmarks $(BENCH)

bench-gpu: $(READY) ## the same on a machine with a CUDA device: how busy the model is, vectors equal to the CPU's
	@$(BIN)/python -m benchmarks gpu

browser: ## install Debian's chromium for the browser tests when it is missing (as root)
	@.ci/install-chromium

constraints: $(READY_DEV) ## rewrite constraints.txt from what .venv holds now
	@$(BIN)/python .ci/freeze.py > constraints.txt.new
	@mv constraints.txt.new constraints.txt

clean: ## remove .venv, the demo's output and every cache
	rm -rf $(VENV) demo artefacts build dist .pytest_cache .ruff_cache *.egg-info
	find models workbench tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt .ci/make-venv $(MOVED)
	@rm -f $(READY) $(READY_DEV) $(READY_BENCH)
	@.ci/make-venv $(VENV) $(MOVED)
	@echo "Installing the workbench into $(VENV) (about a minute with a good connection) ..."
	@.ci/pip-install $(VENV) -e '.[store]'
	@pwd > $(READY)

$(READY_DEV): $(READY)
	@rm -f $(READY_DEV)
	@echo "Installing what the tests need into $(VENV) ..."
	@.ci/pip-install $(VENV) -e '.[dev]'
	@pwd > $(READY_DEV)

$(READY_BENCH): $(READY_DEV) benchmarks/peers.txt
	@rm -f $(READY_BENCH)
	@echo "Installing what the benchmarks compare with into $(VENV) ..."
	@.ci/pip-install $(VENV) -r benchmarks/peers.txt
	@.ci/install-ffmpeg
	@pwd > $(READY_BENCH)

moved: ;
