# Thin wrappers: each target prepares the environment once per lock file, then runs one line that can be copied.
.DEFAULT_GOAL := help
.PHONY: help run test ui check schema lock clean

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin
READY := .venv/.ready
# uv trusts its own list of certificates; the machine's, where it has one, holds that of a company's proxy too
CERTIFICATES := $(if $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt),--system-certs)

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

run: $(READY) ## set everything up and run the pipeline on the example data
	$(BIN)/snakemake --cores $(CORES)

test: $(READY) ## set everything up and run the tests
	$(BIN)/python -m pytest

ui: $(READY) ## open MLflow; prints the address of the leaderboard
	$(BIN)/evenlight ui

check: $(READY) ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/python .ci/lint_workflow.py
	$(BIN)/mypy

schema: $(READY) ## write the JSON schema of params.yaml anew, after changing settings
	$(BIN)/evenlight schema > workflow/schemas/params.schema.json

lock: $(READY) ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --upgrade --no-header --no-annotate -o requirements.lock

clean: ## delete everything that the workflow made (not raw data, reports and MLflow's store)
	rm -rf data/manifest data/framed data/standardized data/features models results logs .snakemake

# uv from the lock file installs the rest, faster than pip; compiled at once, because containers often forbid Python
# to keep what it compiles, and every job would compile again (docs/decisions.md)
$(READY): requirements.lock pyproject.toml
	@echo "Setting up .venv from requirements.lock (once; downloads about 3 GB)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Evenlight needs Python 3.11 or newer; say which one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check "$$(grep '^uv==' requirements.lock)"
	$(BIN)/uv pip sync -q $(CERTIFICATES) --compile-bytecode --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install -q $(CERTIFICATES) --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@
