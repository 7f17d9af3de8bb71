# make demo   install, then a small catalogue from nothing to a score
# make test   install, then lint, types, import contracts and the fast tests
# make test-all   the slow tests
# make fuzz   ten minutes (FUZZ_SECONDS) of bytes that nobody thought of

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
FUZZ_SECONDS ?= 600

.PHONY: demo test test-all fuzz lint types contracts install

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/etalage demo --output $(DEMO) --yes

test: lint types contracts
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" --numprocesses 2

test-all: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow

fuzz: install
	PYTHONPATH=tests $(BIN)/python -m fuzz.run --seconds $(FUZZ_SECONDS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

contracts: install
	$(BIN)/lint-imports --no-cache
