# Two commands matter: `make demo` and `make test`. Both make what they need in .venv and below build/.

SEED ?= 20260101
VENV := .venv
BIN := $(VENV)/bin
ORACLE := tests/oracle
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

# The first Python of a supported version, 3.11 to 3.13; name another with PYTHON=…
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$python && break; done)

.PHONY: help demo test oracle tracer lint types unit wheel clean

help:
	@echo "make demo   the whole story on the twins of four venues and a local chain: an order, lost answers, a purchase"
	@echo "make test   lint, types, all tests, and the tests against the built wheel on each Python"
	@echo "make bench  this package beside its peers: ratios, measured in the same process (ethers and viem on Node)"
	@echo "make soak   the twins of four venues under load, with faults: nothing may leak, double or get lost (SOAK_MINUTES=10)"
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

# The JavaScript libraries that the engine is compared with. npm writes the hidden file last, so that it stands for a whole installation.
oracle: $(ORACLE)/node_modules/.package-lock.json

$(ORACLE)/node_modules/.package-lock.json: $(ORACLE)/package.json $(ORACLE)/package-lock.json
	@command -v npm >/dev/null || { echo "The tests need Node.js 20 or later with npm: they ask ethers, viem and eth-sig-util"; exit 2; }
	@echo "Installing the JavaScript libraries for the tests …"
	@npm ci --prefix $(ORACLE) --silent || { echo "npm could not install them; to see why: npm ci --prefix $(ORACLE)"; exit 2; }
	@touch $@

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/make_sync.py --check

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/pyright

# Two tests read the system calls: that an order is on the disk before its first byte leaves. Without strace, and no right to install it,
# they say that they were skipped.
tracer:
	@command -v strace >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing strace …" \
		&& apt-get update -qq >/dev/null && apt-get install -qq -y --no-install-recommends strace >/dev/null; } \
		|| echo "strace is not installed: two tests will be skipped"

unit: $(VENV)/.dev oracle tracer
	$(BIN)/python -m pytest -n 2 --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)

wheel: $(VENV)/.dev oracle tracer
	$(BIN)/python tools/wheel_tests.py --seed $(SEED)

test: lint types unit wheel

# The peers agree on no versions with the tests' tools, hence an environment of their own. Without npm the run does without ethers and viem.
.PHONY: bench
BENCH := build/bench

bench: $(BENCH)/.python $(BENCH)/.node
	@$(BENCH)/venv/bin/orderseal bench --node $(BENCH)/js $(BENCH_OPTIONS)

$(BENCH)/.python: benchmarks/requirements.txt pyproject.toml setup.py
	@test -n "$(PYTHON)" || { echo "Orderseal needs Python 3.11, 3.12 or 3.13 as python3, or name one: make PYTHON=python3.12 …"; exit 2; }
	@echo "Installing the peers in $(BENCH) (only the first time) …"
	@$(PYTHON) -m venv --clear $(BENCH)/venv
	@$(BENCH)/venv/bin/python -m pip install -qq --disable-pip-version-check -r benchmarks/requirements.txt -e .
	@touch $@

$(BENCH)/.node: benchmarks/js/package.json benchmarks/js/package-lock.json
	@mkdir -p $(BENCH)/js
	@cp benchmarks/js/package.json benchmarks/js/package-lock.json $(BENCH)/js
	@command -v npm >/dev/null || echo "npm is not installed: ethers and viem are not measured"
	@! command -v npm >/dev/null || npm ci --prefix $(BENCH)/js --silent || { echo "npm could not install them; to see why: npm ci --prefix $(BENCH)/js"; exit 2; }
	@touch $@

# Minutes of load at the twins. Nothing is measured but what must not happen; docs/soak.md says what.
.PHONY: soak
SOAK_MINUTES ?= 10

soak: $(VENV)/.demo
	@$(BIN)/python -m tools.soak --minutes $(SOAK_MINUTES) $(SOAK_OPTIONS)

clean:
	rm -rf $(VENV) $(ORACLE)/node_modules build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
