# `make help` lists what there is. Every target first sets up .venv, when it is missing or older than its lock.
.DEFAULT_GOAL := help
.PHONY: help setup repro publish test test-all lint docs bench gpu gpu-bundle lock clean

PYTHON ?= python3
DATA ?= digits
STUDY ?= assistive
GPU_SECONDS ?= 480
MEGABYTES ?= 60
SETS ?= fashion_mnist cifar10
RAW = $(or $(FRIENDFOE_DATA),data/raw)
VENV := .venv
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
INSTALL := $(VENV)/bin/python -m pip install --disable-pip-version-check
# the stages call `python`, and DVC's workers too
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "error: Python 3.10 or newer is needed, $(PYTHON) is older; try make PYTHON=python3.12" >&2; exit 1; }
	@echo "setting up $(VENV): about 6 GB on the disk, most of it torch; 2 to 5 minutes, once"
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --quiet --no-deps --no-build-isolation -e .
	@touch $@

# what tests, lint and documentation need besides; the versions that both name are the same
$(DEV): requirements-dev.lock $(READY)
	$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(READY)  ## set up .venv

repro: $(READY)  ## one study on one data set: STUDY=assistive DATA=digits unless you say otherwise; STUDY=all
	friendfoe repro $(STUDY) $(DATA)

publish: $(READY)  ## put the last run that agreed with what is committed in its place, for a commit
	friendfoe publish

test: $(DEV)  ## the fast tests (under 5 minutes)
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: $(DEV)  ## the slow tests, too
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not gpu"

lint: $(DEV)  ## format, lint, types and layers
	ruff format --check
	ruff check
	mypy
	lint-imports

docs: $(DEV)  ## build the documentation, into .friendfoe/site
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

bench: $(READY)  ## time friendfoe against other libraries (sets up .bench-venv)
	python -m benchmarks

gpu: $(DEV)  ## on a GPU: tests, equality, speed, training, studies in GPU_SECONDS=480, to gpu-results and benchmarks/gpu.md
	python -m benchmarks.gpu --seconds $(GPU_SECONDS) --out gpu-results --data $(RAW)

gpu-bundle: $(READY)  ## pack what a bare machine with torch needs for that, in parts of MEGABYTES=60, to .gpu-bundle
	python -m benchmarks.gpu.bundle --megabytes $(MEGABYTES) --data $(RAW) --sets $(SETS)

COMPILE = uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --no-annotate
lock: $(READY)  ## renew both locks from pyproject.toml (needs uv)
	$(COMPILE) --extra pipeline --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

clean:  ## remove caches and unfinished runs; results and DVC's cache stay
	rm -rf .friendfoe .pytest_cache .ruff_cache .mypy_cache .hypothesis

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 12
