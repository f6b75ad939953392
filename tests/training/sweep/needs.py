"""What some tests of sweeps need beside the default install."""

import importlib.util

import pytest

NEEDS_SKLEARN = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="scikit-learn is not installed (the extra bayesian)"
)
