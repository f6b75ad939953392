"""Imports point one way through the packages of ifss_keras, and the checker itself finds a violation."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ifss_keras"

RANKS = {
    name: rank
    for rank, names in enumerate(
        [
            ["core"],
            ["layers"],
            ["zoo"],
            ["losses", "metrics"],
            ["data"],
            ["propagation"],
            ["training"],
            ["inference"],
            ["cli"],
        ]
    )
    for name in names
}
NEVER = {folder: {"layers", "zoo"} for folder in ("losses", "metrics", "data")}


def imported_modules(source, path):
    """Dotted names that the file at `path` (its parts below the package's parent) imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(path[: -node.level]) if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def violations(files):
    """Sentences, one for each forbidden import, from {path as parts: source}."""
    found = []
    for path, source in files.items():
        folder = path[1] if len(path) > 2 else None
        for module in imported_modules(source, path):
            parts = module.split(".")
            target = parts[1] if parts[0] == "ifss_keras" and len(parts) > 1 else None
            if target not in RANKS or target == folder:
                continue
            if folder is None:
                found.append(f"{'/'.join(path)} is the top of the package and imports {module}")
            elif RANKS[target] >= RANKS[folder] or target in NEVER.get(folder, ()):
                found.append(f"{'/'.join(path)} imports {module}")
    return found


def files_of(package):
    return {
        (package.name, *path.relative_to(package).parts): path.read_text(encoding="utf-8")
        for path in sorted(package.rglob("*.py"))
    }


def test_every_folder_has_a_rank():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders <= set(RANKS)


def test_imports_point_one_way():
    files = files_of(PACKAGE)
    assert len(files) > 20
    assert not violations(files)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ifss_keras/core/a.py", "import ifss_keras.cli.main"),
        ("ifss_keras/layers/a.py", "from ifss_keras.zoo import ifss_net"),
        ("ifss_keras/zoo/a.py", "def f():\n    from ifss_keras.training.run import train"),
        ("ifss_keras/zoo/a.py", "from ifss_keras import data"),
        ("ifss_keras/zoo/a.py", "from ..data import volume"),
        ("ifss_keras/zoo/deep/a.py", "from ... import data"),
        ("ifss_keras/data/deep/a.py", "from ifss_keras.layers.refinement import Refinement"),
        ("ifss_keras/data/a.py", "if True:\n    import ifss_keras.zoo.ifss_net as net"),
        ("ifss_keras/losses/a.py", "from ifss_keras.layers import Refinement"),
        ("ifss_keras/metrics/a.py", "from ..zoo import ifss_net"),
        ("ifss_keras/metrics/a.py", "from ifss_keras.losses import tversky"),
        ("ifss_keras/inference/a.py", "import numpy, ifss_keras.cli"),
        ("ifss_keras/__init__.py", "from .zoo.ifss_net import IFSSNet"),
    ],
)
def test_the_checker_finds_a_violation(path, source):
    found = violations({tuple(path.split("/")): source})
    assert len(found) == 1
    assert path in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ifss_keras/cli/a.py", "from ifss_keras.inference import predictor"),
        ("ifss_keras/zoo/a.py", "from . import presets\nfrom .presets import load\nfrom ..layers import Refinement"),
        ("ifss_keras/zoo/deep/a.py", "from .. import presets\nfrom ...core import errors"),
        ("ifss_keras/training/a.py", "from ifss_keras.zoo.ifss_net import IFSSNet"),
        ("ifss_keras/data/a.py", "from ifss_keras.metrics import volume\nimport numpy as zoo\nfrom layers import x"),
        ("ifss_keras/cli/a.py", "from ifss_keras import __version__"),
        ("ifss_keras/__init__.py", "import os"),
    ],
)
def test_the_checker_lets_the_right_direction_pass(path, source):
    assert violations({tuple(path.split("/")): source}) == []
