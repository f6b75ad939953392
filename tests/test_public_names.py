"""The public surface: every module imports, and every public name exists and says what it is."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import ifss_keras

PACKAGE = Path(ifss_keras.__file__).parent
MODULES = sorted(module.name for module in pkgutil.walk_packages([str(PACKAGE)], "ifss_keras."))


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
    module = importlib.import_module(name)
    if Path(module.__file__).name != "__init__.py" or hasattr(module, "__all__"):
        assert module.__doc__
    for listed in getattr(module, "__all__", []):
        assert getattr(module, listed) is not None


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("ifss_keras.cli")])
def test_every_public_name_has_a_docstring(name):
    bare = [
        label
        for label, item in public(importlib.import_module(name))
        # a dataclass and a NamedTuple without a docstring get their signature
        if not item.__doc__ or item.__doc__.startswith(f"{label}(")
    ]
    assert bare == []


def test_every_command_says_what_it_does():
    from ifss_keras.cli.main import COMMANDS, cli

    for name in COMMANDS:
        command = cli.get_command(None, name)
        assert command.name == name
        assert command.help


def test_names_that_the_readme_and_the_examples_use():
    from ifss_keras.inference.predictor import Predictor
    from ifss_keras.zoo import DEFAULT_PRESET, PRESETS, IFSSNet

    assert DEFAULT_PRESET in PRESETS
    assert list(inspect.signature(Predictor.predict).parameters)[:3] == ["self", "volume", "references"]
    assert inspect.signature(Predictor.from_preset).parameters["name"].default == DEFAULT_PRESET
    assert callable(IFSSNet.from_preset)
    assert ifss_keras.__version__


def test_an_unknown_name_of_the_zoo_is_an_attribute_error():
    import ifss_keras.zoo

    with pytest.raises(AttributeError, match="UNet"):
        ifss_keras.zoo.UNet  # noqa: B018
