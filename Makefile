# Two commands matter: `make demo` and `make test`. Both make what they need in .venv and below build/.

SEED ?= 20260101
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

# The first Python of a supported version, 3.11 to 3.13; name another with PYTHON=…
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$python && break; done)

.PHONY: help demo test lint types unit wheel clean

help:
	@echo "make demo   the whole story on a local sandbox: build, sign, verify, submit, follow"
	@echo "make test   lint, types, all tests, and the same tests against the built wheel"
	@echo "make clean  remove .venv and all that was built"

$(VENV)/.demo: pyproject.toml setup.py constraints.txt
	@test -n "$(PYTHON)" || { echo "Orderseal needs Python 3.11, 3.12 or 3.13 as python3, or name one: make PYTHON=python3.12 …"; exit 2; }
	@echo "Making $(VENV) (only the first time) …"
	@$(PYTHON) -m venv --clear $(VENV) || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 2; }
	@$(PIP) -c constraints.txt -e '.[sandbox]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "Installing the tools for the tests …"
	@$(PIP) 'pip>=25.1'
	@$(PIP) -c constraints.txt --group dev
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/orderseal demo

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/pyright

unit: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)

wheel: $(VENV)/.dev
	$(BIN)/python tools/wheel_tests.py --seed $(SEED)

test: lint types unit wheel

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
