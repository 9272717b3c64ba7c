# Vuzol. Each target sets up what it needs by itself; nothing leaves .venv but Debian packages.
#
#   make run           one centre and two villages on this machine, to open in a browser
#   make test          the fast tests          make lint     the rules a program can check
#   make bench         the measurements; ONLY=queue for one of them
#   make assets        CSS and scripts again from their sources (needs Node.js)
#   make translations  catalogues again from the sources
#   make screenshots   the pictures of README.md again, from the browser test

SHELL := /bin/bash
# Nodes run the distribution's own interpreter, and it is built with optimisations that another one
# often lacks: the same ticket cost 1.3 times as much under one that was built by hand.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo /usr/bin/python3 || echo python3)
BIN := .venv/bin
ONLY ?=
PYTEST_ARGS ?=

.PHONY: run test lint soak bench assets translations screenshots clean
.DEFAULT_GOAL := run

run: .venv/.ready-to-run
	@exec $(BIN)/vuzol demo $(ARGS)

test: .venv/.ready-to-test
	$(BIN)/pytest -n 2 --dist loadgroup -m "not soak and not lab" $(PYTEST_ARGS)

soak: .venv/.ready-to-test
	$(BIN)/pytest -m "soak or lab" $(PYTEST_ARGS)

lint: .venv/.ready-to-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_house.py tests/test_docs.py

bench: .venv/.ready-to-test
	$(BIN)/python -m benchmarks $(ONLY)

assets:
	@command -v npm >/dev/null || { echo "make assets needs npm; the built files are committed, so nothing else does."; exit 1; }
	npm ci --no-audit --no-fund
	npm run --silent assets

screenshots: .venv/.ready-to-test
	$(BIN)/pytest -q tests/browser
	cp build/screenshots/{kiosk-ticket,console-link-down}.png docs/images/

translations: .venv/.ready-to-test
	$(BIN)/python -m provisioning.translations

clean:
	rm -rf .venv build dist *.egg-info node_modules

# A stamp is newer than pyproject.toml when all that it names is in place.
.venv/.ready-to-run: pyproject.toml provisioning/packages.sh
	@PYTHON=$(PYTHON) provisioning/packages.sh run
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing Vuzol into .venv ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e .
	@touch $@

.venv/.ready-to-test: .venv/.ready-to-run
	@PYTHON=$(PYTHON) provisioning/packages.sh test
	@echo "Installing the tools of the tests into .venv ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e ".[test]"
	@touch $@
