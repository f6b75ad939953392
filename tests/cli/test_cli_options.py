"""How the command line calls what the library names as a setting, and that the library itself names no option."""

import ast
import re
from pathlib import Path

import pytest

import ifss_keras
from ifss_keras.cli.group import COMMANDS, cli
from ifss_keras.cli.options import OPTIONS, option_of
from ifss_keras.cli.stopping import was_stopped

PACKAGE = Path(ifss_keras.__file__).parent
LIBRARY = {
    path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0] not in ("cli", "napari_plugin")  # which name settings in their own words
}
OPTION = re.compile(r"(?<![\w-])--[a-z]+(-[a-z]+)*")


def options_named(source):
    """Every command-line option in a text that the program may show, docstrings excepted."""
    tree, docstrings = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            docstrings.add(id(first.value) if isinstance(first, ast.Expr) else None)
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [found[0] for text in texts if id(text) not in docstrings for found in OPTION.finditer(text.value)]


def settings_named(source):
    """Every text that is given as `setting`, also by a name that a loop over texts holds.

    Raises:
        AssertionError: where it cannot be seen what is given.
    """
    tree, found = ast.parse(source), set()
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "setting" and not _handed_on(node.value):
            held = set(_texts(node.value, loops))
            assert held, f"line {node.value.lineno}: which setting?"
            found |= held
    return found


def _handed_on(value):
    """Whether it is the setting of an error that was caught."""
    return isinstance(value, ast.Attribute) and value.attr == "setting"


def _texts(value, loops):
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_texts(body, loops), *_texts(orelse, loops))
        case ast.Name(id=name):
            for loop in loops:
                targets = loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target]
                for place, target in enumerate(targets):
                    if isinstance(target, ast.Name) and target.id == name and isinstance(loop.iter, ast.Tuple):
                        for row in loop.iter.elts:
                            yield from _texts(row.elts[place] if isinstance(row, ast.Tuple) else row, loops)


def test_the_library_names_no_option_of_the_command_line():
    assert len(LIBRARY) > 80
    assert {path: found for path, source in LIBRARY.items() if (found := options_named(source))} == {}


def test_every_setting_of_an_error_is_an_option_and_no_other_is_listed():
    assert set().union(*map(settings_named, LIBRARY.values())) == set(OPTIONS)


def test_every_option_of_a_setting_is_there():
    commands = [cli.get_command(None, name) for name in COMMANDS]
    known = {option: item.name for command in commands for item in command.params for option in item.opts}
    for setting, option in OPTIONS.items():
        assert known[option.split()[0]] == setting


@pytest.mark.parametrize(("setting", "said"), [(None, ""), ("axis", " (option --axis)")])
def test_an_option_stands_in_brackets_behind_the_sentence(setting, said):
    assert option_of(setting) == said


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise InputError("pass --axis 1")', ["--axis"]),
        ('raise InputError(f"pass --axis {drawn}, or leave out --ends-annotated.")', ["--axis", "--ends-annotated"]),
        ('def f():\n    """Of --axis."""\n    return "see --method"', ["--method"]),
        ('def f():\n    x = 1\n    """see --method"""', ["--method"]),
        ('"""Of --axis."""\nclass A:\n    """Of --axis."""\n    async def f():\n        """Of --axis."""', []),
        ('a = "a -- b", "a--b", "---", "-x", f"{a}--"', []),
    ],
)
def test_an_option_in_a_text_is_found(source, found):
    assert options_named(source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('f("a", setting="axis")', {"axis"}),
        ('f(setting="method" if x else "axis")', {"method", "axis"}),
        ('for name, given in (("axis", 1), ("labels", 2)):\n    f(setting=name)', {"axis", "labels"}),
        ('for name in ("axis", "labels"):\n    f(setting=name)', {"axis", "labels"}),
        ("f(a=1)", set()),
    ],
)
def test_a_setting_is_found(source, found):
    assert settings_named(source) == found


def test_a_setting_that_cannot_be_seen_is_no_good():
    with pytest.raises(AssertionError, match="line 2: which setting"):
        settings_named("a = b\nf(setting=a)")


def test_what_became_of_an_interruption_is_one():
    def traced():
        try:
            raise KeyboardInterrupt
        finally:
            raise AssertionError("Nesting violated")

    for error, interrupted in ((KeyboardInterrupt(), True), (ValueError(), False)):
        assert was_stopped(error) is interrupted
    with pytest.raises(AssertionError) as violated:
        traced()
    assert was_stopped(violated.value)
