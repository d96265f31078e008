# `make run` opens the console, `make test` checks everything. Python 3.11 or newer and make are all it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.run-installed
DEV_STAMP := $(VENV)/.dev-installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST_JOBS ?= 7

# Where this is set, every start compiles the program anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test lint types contracts unit gauntlet mutants soak bench readme lock clean

run: $(RUN_STAMP)
	@echo "3/3 console (data in ./var; oracle --help lists the commands)"
	@$(BIN)/oracle --home var run

test: lint types contracts unit
	@echo "all checks passed"

lint: $(DEV_STAMP)
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(DEV_STAMP)
	@echo "== mypy --strict"
	@$(BIN)/mypy

contracts: $(DEV_STAMP)
	@echo "== import contracts"
	@$(BIN)/lint-imports

unit: $(DEV_STAMP)
	@echo "== pytest"
	@$(BIN)/pytest -n $(PYTEST_JOBS) --dist loadgroup

# What takes too long for every time, one command a line: a million audit events, 500 power cuts for each way of syncing,
# 100,000 orders judged a second time, halts while the vault is locked for a minute (5 minutes), 100,000 keys on the
# console (7 minutes), vault and exchange coming apart 200 times and a day in which they must not (5 minutes), 20,000
# random deeds and faults with a new seed (STORIES="--seed 1" for a known one; 6 minutes), and a death at every point under
# every fault of the exchange (20 to 40 minutes).
gauntlet: $(DEV_STAMP)
	@$(BIN)/python -m tests.storage.long_audit
	@$(BIN)/python -m tests.storage.crashes
	@$(BIN)/python -m tests.storage.second_opinion --cases 100000 --seed 20261124
	@$(BIN)/python -m tests.cli.long_stop
	@$(BIN)/python -m tests.screens.key_storm
	@$(BIN)/python -m tests.agreement
	@$(BIN)/python -m tests.properties $(STORIES)
	@$(BIN)/python -m tests.gauntlet crash $(CRASH)

# Changes the rules one at a time and sees whether a test notices; fails below 95 % a module, or for a change nobody
# notices that has no reason in tests/mutants/survivors.toml. MUTANTS="--modules storage/money.py" for less.
mutants: $(DEV_STAMP)
	@$(BIN)/python -m tests.mutants $(MUTANTS)

# Two consoles and two workers for an hour, one of them killed every few seconds; SOAK="--seconds 600 --seed 1" for less.
soak: $(DEV_STAMP)
	@$(BIN)/python -m tests.soak $(SOAK)

# How quick it is: start, first frame, idle, a fast feed, the exchange and eight hours of its clock (the longest part,
# --hours 0 leaves it out). Alone on the machine; BENCH="--json FILE" keeps the figures elsewhere.
bench: $(DEV_STAMP)
	@$(BIN)/python -m tests.bench $(BENCH)

# Renews the line numbers that the README links to.
readme: $(DEV_STAMP)
	@$(BIN)/python -m tests.test_readme

lock: $(DEV_STAMP)
	@$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet --upgrade \
		pyproject.toml --group build -o requirements.txt
	@$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet --upgrade \
		pyproject.toml --group dev -o requirements-dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 2; }
	@echo "1/3 environment ($(VENV))"
	@$(PYTHON) -m venv $(VENV)

# The stamps are newer than everything they were made from; a change of the requirements makes them again.
$(RUN_STAMP): requirements.txt pyproject.toml | $(BIN)/python
	@echo "2/3 packages (pinned and hashed, about half a minute the first time)"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(RUN_STAMP)
	@echo "2/3 packages for tests"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@
