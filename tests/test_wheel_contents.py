"""What the wheel holds: our package, its data, and nothing beside it."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ifss_keras import __version__
from ifss_keras.zoo.presets import PRESETS

CHECKOUT = Path(__file__).resolve().parents[1]


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


def test_it_holds_the_report_template(wheel):
    held = wheel.read("ifss_keras/inference/templates/report.html")
    assert held == (CHECKOUT / "ifss_keras/inference/templates/report.html").read_bytes()


@pytest.mark.parametrize("name", PRESETS)
def test_it_holds_the_released_weights_once(name, wheel):
    held = [item for item in wheel.namelist() if item.endswith(PRESETS[name].weights)]
    assert held == [f"ifss_keras/zoo/weights/{PRESETS[name].weights}"]
    assert wheel.getinfo(held[0]).file_size == PRESETS[name].size_bytes


def test_its_metadata_names_command_licence_and_pythons(wheel):
    folder = f"ifss_keras-{__version__}.dist-info"
    assert "ifss = ifss_keras.cli.main:main" in wheel.read(f"{folder}/entry_points.txt").decode()
    metadata = wheel.read(f"{folder}/METADATA").decode()
    assert re.search(r"^License-Expression: Apache-2.0$", metadata, re.MULTILINE)
    assert re.search(r"^Requires-Python: <3.14,>=3.11$", metadata, re.MULTILINE)
    assert any(name.startswith(folder) and name.endswith("LICENSE") for name in wheel.namelist())
