PYTHON ?= python3
PYTHON311 ?= python3.11
BIN := .venv/bin

.PHONY: setup demo registry test test-slow test-parity test-nnunet test-slicer test-napari test-tfio lint benchmark clean

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
	$(BIN)/python -m pip install --quiet --editable ".[dev,dask]"
	$(BIN)/python -m pytest -m slow

test-parity: setup
	$(BIN)/python -m pip install --quiet --editable ".[dev,parity]"
	$(BIN)/python -m pytest -m parity -rP

test-nnunet: setup .venv-nnunet/installed
	$(BIN)/python -m pytest -m slow tests/nnunet

.venv-nnunet/installed:
	$(PYTHON) -m venv .venv-nnunet
	.venv-nnunet/bin/python -m pip install --quiet torch==2.13.0 nnunetv2==2.8.1
	touch $@

test-slicer: setup .venv-slicer/installed
	$(BIN)/python -m pytest -m slow tests/slicer

.venv-slicer/installed:
	$(PYTHON) -m venv .venv-slicer
	.venv-slicer/bin/python -m pip install --quiet slicer-core==5.13.31053.0 numpy
	touch $@

# windows are drawn on a screen in memory where there is xvfb-run, as OpenGL needs one
XVFB := $(if $(shell command -v xvfb-run),xvfb-run --auto-servernum --server-args="-screen 0 1600x1200x24",)

test-napari: .venv-napari/installed
	$(XVFB) .venv-napari/bin/python -m pytest -m napari tests/napari_plugin

.venv-napari/installed: pyproject.toml
	$(PYTHON311) -m venv .venv-napari
	.venv-napari/bin/python -m pip install --quiet --no-compile --editable ".[napari]" "pytest>=9" "pytest-qt>=4.5" "hypothesis>=6.140"
	touch $@

test-tfio: .venv-tfio/installed
	.venv-tfio/bin/python -m pytest -m tfio tests/datasets/test_dicom_frames.py

# tensorflow-io 0.37.1 wants Python 3.11 at most, and TensorFlow 2.16
.venv-tfio/installed: pyproject.toml
	$(PYTHON311) -m venv .venv-tfio
	.venv-tfio/bin/python -m pip install --quiet "tensorflow-io[tensorflow]==0.37.1" "keras>=3.12" "pydicom>=3" "pytest>=9" \
		"pydantic>=2.11" "pyyaml>=6.0.2" nibabel SimpleITK
	.venv-tfio/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

registry: setup
	$(BIN)/python -m tests.zoo.make_registry --write

benchmark: setup
	$(BIN)/python benchmarks/hard_calves.py

clean:
	rm -rf .venv .venv-nnunet .venv-slicer .venv-napari .venv-tfio build dist demo *.egg-info
