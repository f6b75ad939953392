"""What the wheel holds: our package, its data, and nothing beside it; and where its facts stand."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from ifss_keras import __version__
from ifss_keras.zoo.presets import released_presets

CHECKOUT = Path(__file__).resolve().parents[1]
TEMPLATES = [
    f"ifss_keras/report/templates/{name}"
    for name in ("agreement.html", "data.html", "report.css", "report.html", "viewer.js")
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The opened wheel, built offline by the installed setuptools from a copy of the checkout."""
    pytest.importorskip("setuptools", minversion="77")  # reads the licence expression of pyproject.toml
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "demo", "runs", "*.egg-info", "shared")
    shutil.copytree(CHECKOUT, source, dirs_exist_ok=True, ignore=skip)
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_its_only_top_level_name_is_the_package(wheel):
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert top == {"ifss_keras", f"ifss_keras-{__version__}.dist-info"}
    assert wheel.read(f"ifss_keras-{__version__}.dist-info/top_level.txt").decode().split() == ["ifss_keras"]


def test_it_holds_every_module_of_the_checkout(wheel):
    modules = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "ifss_keras").rglob("*.py")}
    assert {name for name in wheel.namelist() if name.endswith(".py")} == modules


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_holds_the_templates_of_the_report(name, wheel):
    assert wheel.read(name) == (CHECKOUT / name).read_bytes()


@pytest.mark.parametrize("name", released_presets())
def test_it_holds_the_released_presets_whole_and_once(name, wheel):
    folder = f"ifss_keras/zoo/released/{name}"
    files = {path.name: path.read_bytes() for path in (CHECKOUT / folder).iterdir()}
    assert set(files) == {"config.json", "card.md", "model.weights.h5", "model.openvino"}
    held = [item for item in wheel.namelist() if item.startswith(f"{folder}/")]
    assert sorted(held) == sorted(f"{folder}/{file}" for file in files)
    assert {file: wheel.read(f"{folder}/{file}") for file in files} == files
    assert sum(item.endswith(".weights.h5") for item in wheel.namelist()) == len(released_presets())


def test_it_holds_nothing_else(wheel):
    data = [item for item in wheel.namelist() if item.startswith("ifss_keras/") and not item.endswith(".py")]
    presets = tuple(f"ifss_keras/zoo/released/{name}/" for name in released_presets())
    rest = [item for item in data if not item.startswith(presets)]
    assert sorted(rest) == sorted([*TEMPLATES, "ifss_keras/zoo/registry.json", "ifss_keras/napari_plugin/napari.yaml"])


def test_its_metadata_names_command_licence_and_pythons(wheel):
    folder = f"ifss_keras-{__version__}.dist-info"
    assert "ifss = ifss_keras.cli.main:main" in wheel.read(f"{folder}/entry_points.txt").decode()
    metadata = wheel.read(f"{folder}/METADATA").decode()
    assert re.search(r"^License-Expression: Apache-2.0$", metadata, re.MULTILINE)
    assert re.search(r"^Requires-Python: <3.14,>=3.11$", metadata, re.MULTILINE)
    assert any(name.startswith(folder) and name.endswith("LICENSE") for name in wheel.namelist())


def test_setup_py_says_nothing_that_pyproject_does_not():
    tree = ast.parse((CHECKOUT / "setup.py").read_text(encoding="utf-8"))
    (call,) = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert (ast.unparse(call), bool(ast.get_docstring(tree))) == ("setup()", True)
    assert not (CHECKOUT / "setup.cfg").exists()
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["dynamic"]) == ("ifss_keras", ["version"])
