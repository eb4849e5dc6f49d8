# Builds, runs and checks vigild in a virtual environment of its own; `make help` lists the targets.
# Everything pip installs is pinned and hashed in requirements/; nothing is fetched again while the stamps in .venv are
# newer than those files, so every target works offline after its first run.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test faults check bench fuzz docs lock clean
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-annotate $(LOCKFLAGS)

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name what; do \
		printf '  make %-6s %s\n' "$$name" "$$what"; done

run: .venv/.run ## Watch a made-up estate, no AWS account needed
	$(BIN)/vigild demo

test: .venv/.dev ## Run the tests on every core; ARGS adds arguments of pytest
	$(BIN)/python -m pytest -n auto $(ARGS)

faults: .venv/.dev ## Kill and starve three replicas over 50,000 events a source; VIGILD_FAULT_SEED=2 takes another course
	VIGILD_FAULT_EVENTS=$${VIGILD_FAULT_EVENTS:-50000} VIGILD_FAULT_STOP_SECONDS=120 $(BIN)/python -m pytest -s tests/faultsuite $(ARGS)

check: .venv/.dev ## Lint, format check, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

bench: .venv/.dev ## Run the benchmarks; ARGS="--only NAME" runs one
	$(BIN)/python -m tests.benchmarks $(ARGS)

fuzz: .venv/.dev ## Try spoiled patterns, filters and events for SECONDS, 600 if not given
	$(BIN)/python -m tests.match.fuzzing $(or $(SECONDS),600)

docs: .venv/.dev ## Write the pages that are generated from code
	$(BIN)/python -m tests.generate_docs

lock: .venv/.dev ## Pin dependencies anew within pyproject.toml; LOCKFLAGS=--upgrade takes newer ones
	$(LOCK) --output-file requirements/run.txt
	$(LOCK) --extra build --constraints requirements/run.txt --output-file requirements/build.txt
	$(LOCK) --extra build --extra dev --constraints requirements/build.txt --output-file requirements/dev.txt

clean: ## Remove the virtual environment, caches and built files
	rm -rf .venv dist var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			"$$python" -c 'import ensurepip' 2>/dev/null && exec "$$python" -m venv .venv; \
			lacking="$$python has no ensurepip (on Debian: apt-get install python3-venv)"; fi; done; \
	echo "make: vigild needs Python 3.11 or newer with venv: $${lacking:-none found; PYTHON=/path/to/python names one}" >&2; \
	exit 1

.venv/.run: requirements/build.txt pyproject.toml | .venv/bin/python
	$(PIP) install --require-hashes --no-deps -r requirements/build.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	touch $@

.venv/.dev: requirements/dev.txt .venv/.run # after .run, so that make -j never has two pips in one environment
	$(PIP) install --require-hashes --no-deps -r requirements/dev.txt
	$(BIN)/python -m pip check
	touch $@
