"""The same computation in a process of its own on another backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
QUICK_COMPILER = "--xla_backend_optimization_level=0"  # every function runs once


def on_jax(module: str, saved: dict, folder: Path, backend: str = "jax") -> dict:
    """What `python -m module IN.npz OUT.npz` computes on JAX, or PyTorch, from arrays; skips where it is missing."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: the dev extra has jax, make test-parity installs torch")
    np.savez(folder / "in.npz", **saved)
    done = subprocess.run(
        [sys.executable, "-m", module, folder / "in.npz", folder / "out.npz"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": QUICK_COMPILER},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "out.npz") as file:
        found = dict(file)
    assert found.pop("backend") == backend
    return found
