# Two commands do all: `make compare` and `make test`. `make lock` renews what they install.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: compare test lock clean

compare: .venv/installed
	$(BIN)/tare compare

test: .venv/installed-tests
	sh tests/install-debian-packages.sh
	$(BIN)/python -m pytest

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tare needs Python 3.11 or newer: make PYTHON=python3.12")'
	@echo "setting up .venv (once; under a minute)"
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/installed-tests: .venv/installed requirements-test.lock
	@echo "adding what the tests need"
	@$(PIP) --require-hashes -r requirements-test.lock
	@touch $@

LOCK := $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

lock: .venv/installed
	$(PIP) uv
	$(LOCK) --group build pyproject.toml -o requirements.lock
	$(LOCK) --group build --group test pyproject.toml -o requirements-test.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
