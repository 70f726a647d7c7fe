# xcat-hamn: `make demo` shows it, `make test` tests it; both set up all they need (root, Debian 12 or 13).
RELEASE ?= bookworm
DATABASE ?= postgresql
# Labs mostly wait: two at a time take little more than half of the time, on two cores too.
WORKERS ?= 2
PYTHON := /usr/bin/python3
VENV := build/venv
BIN := $(VENV)/bin
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' agents/xcat_hamn/__init__.py)
SOURCES := agents tests
export RELEASE DATABASE ROUNDS SEED FIRST

.DEFAULT_GOAL := help
.PHONY: help prerequisites venv lint test unit scenarios chaos bench demo rpm docs clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

prerequisites: ## install the Debian packages that tests, lab and build need
	@test -x $(PYTHON) || { apt-get --quiet update && apt-get --quiet --yes install python3; }
	@tests/lab/labkit/prerequisites

venv: $(VENV)/.complete ## make build/venv with pytest, hypothesis, ruff and mypy

$(VENV)/.complete: setup.cfg tests/requirements.txt
	@rm -rf $(VENV)
	$(PYTHON) -m venv --system-site-packages $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

lint: prerequisites venv ## ruff and mypy --strict
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

unit: prerequisites venv ## the quick tests: no root, no lab
	$(BIN)/python -m pytest tests/unit tests/scheduler

test: prerequisites venv lint rpm ## every test, the lab's included; WORKERS=n files at a time
	@# The workers must find the same tests in the same order: with one seed, sets are in one order.
	PYTHONHASHSEED=0 $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder

scenarios: prerequisites venv rpm ## every scenario of tests/scenarios, not only those of make test
	SCENARIOS=all $(BIN)/python -m pytest tests/scenarios

chaos: prerequisites rpm ## ROUNDS=n SEED=s: random faults under clients that write; build/chaos.json
	$(PYTHON) tests/scenarios/chaos

rpm: prerequisites ## build/rpm/xcat-hamn-$(VERSION)-1.noarch.rpm
	packaging/rpm/build

demo: prerequisites rpm ## two management nodes, the documented failover, and a picture of it
	$(PYTHON) tests/lab/demo

bench: prerequisites venv rpm ## medians and ratios against the peers; build/bench.json
	$(BIN)/python tests/bench/run
	$(PYTHON) tests/bench/files_bench.py

docs: venv ## write the generated parts of docs/
	$(BIN)/python docs/generate

clean: ## remove build/ (the lab's images are cached outside the tree)
	rm -rf build
