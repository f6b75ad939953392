PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo registry test test-slow test-parity lint benchmark clean

setup: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[dev]"
	touch $@

demo: setup
	$(BIN)/ifss demo --output demo

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: setup lint
	$(BIN)/python -m pytest -n auto --dist loadfile

test-slow: setup
	$(BIN)/python -m pytest -m slow

test-parity: setup
	$(BIN)/python -m pip install --quiet --editable ".[dev,parity]"
	$(BIN)/python -m pytest -m parity -rP

registry: setup
	$(BIN)/python -m tests.zoo.make_registry --write

benchmark: setup
	$(BIN)/python benchmarks/hard_calves.py

clean:
	rm -rf .venv build dist demo *.egg-info
