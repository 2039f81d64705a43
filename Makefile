# `make help` lists what there is. Every target first sets up .venv, when it is missing or older than the lock.
.DEFAULT_GOAL := help
.PHONY: help setup repro test test-all lint bench lock clean

PYTHON ?= python3
DATA ?= digits
STUDY ?= assistive
VENV := .venv
READY := $(VENV)/.ready
# the stages call `python`, and DVC's workers too
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "error: Python 3.10 or newer is needed, $(PYTHON) is older; try make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(READY)  ## set up .venv

repro: $(READY)  ## one study on one data set: STUDY=assistive DATA=digits unless you say otherwise; STUDY=all
	friendfoe repro $(STUDY) $(DATA)

test: $(READY)  ## the fast tests (under 5 minutes)
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: $(READY)  ## the slow tests, too
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not gpu"

lint: $(READY)  ## format, lint, types and layers
	ruff format --check
	ruff check
	mypy
	lint-imports

bench: $(READY)  ## time friendfoe against other libraries (sets up .bench-venv)
	python -m benchmarks

lock: $(READY)  ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --extra dev --no-header --no-annotate \
	  --output-file requirements.lock pyproject.toml

clean:  ## remove caches and unfinished runs; results and DVC's cache stay
	rm -rf .friendfoe .pytest_cache .ruff_cache .mypy_cache .hypothesis

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 12
