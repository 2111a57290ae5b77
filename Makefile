# Each target works alone on a clean clone; it needs Python 3.11+ with pip and venv, and make.
PYTHON ?= python3
BIN := .venv/bin
CODE := aggregator tests benchmarks

.PHONY: install dev run test lint fix bench lock clean

install: .venv/.run-installed    ## build .venv with the locked dependencies
dev: .venv/.dev-installed        ## the same, with what tests and linters need

.venv/.run-installed: requirements/run.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.venv/.dev-installed: requirements/dev.lock .venv/.run-installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	touch $@

run: install                     ## the daemon, with ./config.toml
	$(BIN)/aggregator run

test: dev                        ## everything that must pass
	$(BIN)/python -m pytest

lint: dev                        ## ruff, mypy and import-linter
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: dev                         ## format, and mend what can be mended
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

bench: dev                       ## the benchmarks; their figures go to stdout
	$(BIN)/python -m benchmarks

lock:                            ## refresh the lock files from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --extra postgres --extra fleet requirements/build.in pyproject.toml -o requirements/run.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --extra postgres --extra fleet --group dev requirements/build.in pyproject.toml -o requirements/dev.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
