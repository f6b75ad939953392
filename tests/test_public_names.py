"""The public surface: every module imports, and every public name exists and says what it is."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ifss_keras
from ifss_keras.volumes.io import write_labels, write_volume

PACKAGE = Path(ifss_keras.__file__).parent
MODULES = sorted(module.name for module in pkgutil.walk_packages([str(PACKAGE)], "ifss_keras."))
EXTRAS = ("napari", "qtpy")  # which widgets are made of, without which they cannot be imported


def imported(name):
    """A module, unless one of the extras that it is made of is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        pytest.skip(f"{error.name} is not installed")


def public(module):
    """Name and object of every public class and function that a module itself defines."""
    return [
        (name, item)
        for name, item in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(item) or inspect.isfunction(item))
        and item.__module__ == module.__name__
    ]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports_and_says_what_it_is(name):
    module = imported(name)
    if Path(module.__file__).name != "__init__.py" or hasattr(module, "__all__"):
        assert module.__doc__
    for listed in getattr(module, "__all__", []):
        assert getattr(module, listed) is not None


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("ifss_keras.cli")])
def test_every_public_name_has_a_docstring(name):
    bare = [
        label
        for label, item in public(imported(name))
        # a dataclass and a NamedTuple without a docstring get their signature
        if not item.__doc__ or item.__doc__.startswith(f"{label}(")
    ]
    assert bare == []


def test_every_command_says_what_it_does():
    from ifss_keras.cli.group import COMMANDS, cli

    for name in COMMANDS:
        command = cli.get_command(None, name)
        assert command.name == name
        assert command.help


def test_names_that_the_readme_and_the_examples_use():
    from ifss_keras.inference.predictor import Predictor
    from ifss_keras.zoo import DEFAULT_PRESET, IFSSNet, released_presets

    assert DEFAULT_PRESET in released_presets()
    assert list(inspect.signature(Predictor.predict).parameters)[:3] == ["self", "volume", "annotation"]
    assert inspect.signature(Predictor.from_preset).parameters["preset"].default == DEFAULT_PRESET
    assert callable(IFSSNet.from_preset)
    assert ifss_keras.__version__


ROOT = {
    "Annotation": "ifss_keras.volumes.annotation",
    "Prediction": "ifss_keras.inference.prediction",
    "Predictor": "ifss_keras.inference.predictor",
    "Segmenter": "ifss_keras.inference.segmenter",
    "Volume": "ifss_keras.volumes.volume",
    "evaluate": "ifss_keras.metrics.evaluation",
    "read_annotation": "ifss_keras.volumes.annotation",
    "read_labels": "ifss_keras.volumes.io",
    "read_volume": "ifss_keras.volumes.io",
    "train": "ifss_keras.training.run",
}
ROOT_MODULES = ("layers", "losses", "metrics", "zoo")


def test_the_root_has_every_name_and_no_other():
    assert sorted(ifss_keras.__all__) == sorted([*ROOT, *ROOT_MODULES])
    assert set(ifss_keras.__all__) | {"__version__"} <= set(dir(ifss_keras))


@pytest.mark.parametrize("name", ROOT)
def test_a_name_of_the_root_is_that_of_its_module(name):
    found = getattr(ifss_keras, name)
    assert found is getattr(importlib.import_module(ROOT[name]), name)
    assert (found.__module__, found.__name__) == (ROOT[name], name)


@pytest.mark.parametrize("name", ROOT_MODULES)
def test_a_module_of_the_root_is_that_module(name):
    assert getattr(ifss_keras, name) is importlib.import_module(f"ifss_keras.{name}")


def test_an_unknown_name_of_the_root_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'ifss_keras' has no attribute 'read_volumes'"):
        ifss_keras.read_volumes  # noqa: B018
    assert not hasattr(ifss_keras, "data")


LIGHT = {
    "the package": "import ifss_keras",
    "reading": "import ifss_keras as i; i.read_volume, i.read_labels, i.read_annotation, i.Volume, i.Annotation",
    "evaluating": "import ifss_keras; ifss_keras.evaluate",
    "presets": "import ifss_keras; ifss_keras.zoo.released_presets()",
}


def test_names_that_need_no_tensorflow_leave_it_alone():
    # in a process of its own: this one has long imported it
    script = "import sys\n"
    for what, source in LIGHT.items():
        script += f"{source}\nprint({what!r}, sorted({{'tensorflow', 'keras', 'jax', 'torch'}} & set(sys.modules)))\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{what} []" for what in LIGHT]


def test_the_package_alone_imports_nothing_of_ours_or_of_others():
    script = "import sys; before = set(sys.modules); import ifss_keras; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ifss_keras']"


def test_the_example_of_the_root_runs_as_it_stands(tmp_path, monkeypatch, two_muscles):
    image, labels = two_muscles[0][3:10], np.where(two_muscles[1] == 7, 7, 0)[3:10].astype(np.uint8)
    volume = ifss_keras.Volume.from_array(image, (2.5, 0.8, 0.5))
    annotated = np.zeros_like(labels)
    annotated[[0, 3, 6]] = labels[[0, 3, 6]]
    monkeypatch.chdir(tmp_path)
    write_volume("sweep.mha", image, volume)
    write_labels("slices.seg.nrrd", annotated, volume, {7: "SOL"})
    example = [line[4:] for line in ifss_keras.__doc__.splitlines() if line.startswith("    ")]
    assert len(example) == 6
    names = {}
    exec("\n".join(example), names)
    mask = ifss_keras.read_labels("mask.seg.nrrd")
    np.testing.assert_array_equal(mask.array, names["prediction"].labels)
    np.testing.assert_array_equal(mask.array[[0, 3, 6]], labels[[0, 3, 6]])
    assert mask.source.names == names["prediction"].names == {7: "SOL"}
    assert names["prediction"].volumes_ml == pytest.approx({"SOL": np.count_nonzero(mask.array) * 0.001}, rel=1e-6)
    found, true = mask.array > 0, labels > 0
    assert 2 * np.count_nonzero(found & true) / (found.sum() + true.sum()) > 0.9


def test_an_unknown_name_of_the_zoo_is_an_attribute_error():
    import ifss_keras.zoo

    with pytest.raises(AttributeError, match="UNet"):
        ifss_keras.zoo.UNet  # noqa: B018
