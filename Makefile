# Everything sets itself up: on a fresh machine it takes Python 3.11 to 3.13 with venv, make and PyPI.
#   make test ARGS='tests/test_servers.py -k redis'    PYTHON=/usr/bin/python3.12 make demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check generated generate format bench bench-detectors clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
USE := $(VENV)/.ready-to-use
DEV := $(VENV)/.ready-to-develop
ARGS ?=

help: ## List what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(USE) ## Run the whole loop on this machine and print the address (ARGS='--inject token-blowup')
	@exec $(BIN)/watchkeeper demo $(ARGS)

# The tests of one file stay together: they share servers. A debugger wants one process: make test SPREAD= ARGS=--pdb
SPREAD := -n 2 --dist loadfile

test: $(DEV) ## Run the tests, with real servers where they are or may be installed
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m pytest $(SPREAD) $(ARGS)

test-all: $(DEV) ## Run all tests, the long ones too
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m pytest -m '' $(SPREAD) $(ARGS)

check: $(DEV) ## Lint, format, types, the catalogue, and the committed generated files
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy --no-error-summary
	@findings=$$($(BIN)/watchkeeper check 2>&1) || { echo "$$findings" >&2; exit 1; }
	@$(MAKE) --no-print-directory generated

generated: $(DEV) ## Compare examples/_gen and docs/reference with what the definitions generate
	@out=$$(mktemp -d) && trap 'rm -rf "$$out"' EXIT \
	&& $(BIN)/watchkeeper build --out "$$out/_gen" > /dev/null \
	&& $(BIN)/python -m watchkeeper.app.reference "$$out/reference" \
	&& { diff -r examples/_gen "$$out/_gen" && diff -r docs/reference "$$out/reference" \
	|| { echo "generated files are out of date: run 'make generate'" >&2; exit 1; }; }

generate: $(DEV) ## Rewrite examples/_gen and docs/reference from the definitions
	@rm -rf examples/_gen docs/reference
	@$(BIN)/watchkeeper build --out examples/_gen > /dev/null
	@$(BIN)/python -m watchkeeper.app.reference docs/reference

format: $(DEV) ## Format the code and mend what the linter can
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet

bench: $(DEV) ## Measure, and write docs/benchmarks.md
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m benchmarks

bench-detectors: $(DEV) ## Score the detectors beside their peers, and write that part of docs/benchmarks.md
	@$(PIP) install --editable '.[bench]'
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.detectors

clean: ## Remove the environment, the caches and build products
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A name like python3.11 may exist and not run (a version manager's stand-in), so each candidate is asked.
$(BIN)/python:
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2> /dev/null; then \
	    echo "Making $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv --clear $(VENV) \
	    || { echo "Python's venv module does not work here (Debian: apt install python3-venv)" >&2; rm -rf $(VENV); exit 1; }; \
	    exit; \
	  fi; \
	done; \
	echo "No Python 3.11, 3.12 or 3.13 found: install one, or name it with PYTHON=" >&2; exit 1

$(USE): pyproject.toml | $(BIN)/python
	@echo "Installing Watchkeeper into $(VENV): once, a minute or two"
	@$(PIP) install --editable '.[all]'
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	@echo "Installing Watchkeeper and its test tools into $(VENV): once, a minute or two"
	@$(PIP) install --editable '.[all,dev]'
	@touch $(USE) $@
