# Everything runs in .venv, installed from requirements.lock; see CONTRIBUTING.md for how the lock is made.
SHELL := /bin/bash
.DEFAULT_GOAL := help
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.10 python3; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
# The history stands beside the configuration, where `etl-platform run` keeps it too.
export DAGSTER_HOME ?= $(if $(ETL_PLATFORM_CONFIG),$(dir $(abspath $(ETL_PLATFORM_CONFIG))),$(CURDIR)/).dagster

.PHONY: help demo example-aws dev test lint bench eval clean

help: ## Print these targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

.venv/installed: requirements.lock pyproject.toml setup.py
	@test -n "$(PYTHON)" || { echo "No Python 3.10, 3.11 or 3.12 found; install one, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: .venv/installed ## Lay out the flights of 2013 as tables and run the jobs of etl_config.json on them
	@$(BIN)/python jobs/demo_data.py
	@$(BIN)/etl-platform run --all
	@echo "Open the UI with: make dev"

example-aws: .venv/installed ## Run the retail example under the profile aws, on moto in place of an account
	@$(BIN)/python -m examples.retail.aws

dev: .venv/installed ## Start Dagster's UI on http://127.0.0.1:3000
	@mkdir -p $(DAGSTER_HOME) && { test -e $(DAGSTER_HOME)/dagster.yaml || printf "telemetry: {enabled: false}\nnux: {enabled: false}\n" > $(DAGSTER_HOME)/dagster.yaml; }
	$(BIN)/dagster dev --host 127.0.0.1

test: .venv/installed ## Run all tests
	$(BIN)/pytest -n 2

lint: .venv/installed ## Check format, style, types and the floors of the architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: .venv/installed ## Measure and print ratios against peers in the same run
	$(BIN)/python -m etl_platform_tests.benchmarks

eval: .venv/installed ## Judge the decision agent against an oracle that prices every option; CONFIG=FILE for its model
	$(BIN)/python -m etl_platform_tests.eval $(if $(CONFIG),--config $(CONFIG))

clean: ## Remove the environment, the local data and Dagster's history
	rm -rf .venv .dagster .etl_platform .pytest_cache .ruff_cache .import_linter_cache build *.egg-info
