"""Imports point one way through the packages of ifss_keras and never in a circle; the checker itself finds both."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ifss_keras"
MOST_LINES = 300

RANKS = {
    name: rank
    for rank, names in enumerate(
        [
            ["core"],
            ["layers", "losses", "metrics", "volumes", "synthetic"],
            ["propagation"],
            ["sweeps", "zoo", "datasets"],
            ["training", "exports"],
            ["inference"],
            ["report", "bench"],
            ["jobs"],
            ["server"],
            ["cli", "napari_plugin"],
        ]
    )
    for name in names
}


def imported_names(source, path):
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
        for name in imported_names(source, path):
            parts = name.split(".")
            target = parts[1] if parts[0] == "ifss_keras" and len(parts) > 1 else None
            if target not in RANKS or target == folder:
                continue
            if folder is None:
                found.append(f"{'/'.join(path)} is the top of the package and imports {name}")
            elif RANKS[target] >= RANKS[folder]:
                found.append(f"{'/'.join(path)} imports {name}")
    return found


def module_name(path):
    """The dotted name of the file at `path`; that of its package for an __init__."""
    parts = [*path[:-1], path[-1].removesuffix(".py")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles(files):
    """Every set of modules that import each other, from {path as parts: source}; a package counts as its __init__."""
    modules = {module_name(path): (path, source) for path, source in files.items()}
    graph = {}
    for name, (path, source) in modules.items():
        graph[name] = set()
        for imported in imported_names(source, path):
            while imported and imported not in modules:
                imported = imported.rpartition(".")[0]  # a name in a module
            graph[name] |= {imported} if imported else set()
    reached = {name: _reached(graph, name) for name in graph}
    rings = {frozenset(other for other in held if name in reached[other]) for name, held in reached.items()}
    return sorted(tuple(sorted(ring)) for ring in rings if ring)


def _reached(graph, start):
    """The modules that `start` imports, and those that these import, and so on."""
    found, ahead = set(), [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead.extend(new)
    return found


def module_level_imports(source):
    """What is imported when the file is, and not first when a function is called."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    ahead, found = [ast.parse(source)], set()
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
        ahead.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, functions))
    return found


def files_of(package):
    return {
        (package.name, *path.relative_to(package).parts): path.read_text(encoding="utf-8")
        for path in sorted(package.rglob("*.py"))
    }


def test_every_folder_has_a_rank():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders == set(RANKS)
    assert not (PACKAGE / "data").exists()


def test_imports_point_one_way():
    files = files_of(PACKAGE)
    assert len(files) > 90
    assert violations(files) == []


def test_no_module_imports_itself_in_a_circle():
    assert circles(files_of(PACKAGE)) == []


def test_no_file_is_long():
    lines = {"/".join(path): source.count("\n") for path, source in files_of(PACKAGE).items()}
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_the_top_imports_nothing_before_it_is_asked():
    assert module_level_imports((PACKAGE / "__init__.py").read_text(encoding="utf-8")) == {"importlib"}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ifss_keras/core/a.py", "import ifss_keras.cli.main"),
        ("ifss_keras/layers/a.py", "from ifss_keras.zoo import ifss_net"),
        ("ifss_keras/zoo/a.py", "def f():\n    from ifss_keras.training.run import train"),
        ("ifss_keras/propagation/a.py", "from ifss_keras import zoo"),
        ("ifss_keras/propagation/a.py", "from ..zoo import presets"),
        ("ifss_keras/zoo/deep/a.py", "from ... import training"),
        ("ifss_keras/volumes/deep/a.py", "from ifss_keras.layers.refinement import Refinement"),
        ("ifss_keras/synthetic/a.py", "if True:\n    import ifss_keras.zoo.networks.ifss_net as net"),
        ("ifss_keras/losses/a.py", "from ifss_keras.layers import Refinement"),
        ("ifss_keras/metrics/a.py", "from ..volumes import volume"),
        ("ifss_keras/metrics/a.py", "from ifss_keras.losses import tversky"),
        ("ifss_keras/training/a.py", "from ifss_keras.inference import predictor"),
        ("ifss_keras/inference/a.py", "import numpy, ifss_keras.report"),
        ("ifss_keras/report/a.py", "async def f():\n    from ..jobs.predict import Job"),
        ("ifss_keras/jobs/a.py", "from ifss_keras.cli import options"),
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
        ("ifss_keras/training/a.py", "from ifss_keras.zoo.networks.ifss_net import IFSSNet"),
        ("ifss_keras/volumes/a.py", "from ifss_keras.core import errors\nimport numpy as zoo\nfrom layers import x"),
        ("ifss_keras/cli/a.py", "from ifss_keras import __version__"),
        ("ifss_keras/__init__.py", "import os"),
    ],
)
def test_the_checker_lets_the_right_direction_pass(path, source):
    assert violations({tuple(path.split("/")): source}) == []


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ({"zoo/a.py": "from ifss_keras.zoo.b import f", "zoo/b.py": "import ifss_keras.zoo.a"}, ["zoo.a", "zoo.b"]),
        ({"zoo/a.py": "from .b import f", "zoo/b.py": "def f():\n    from .a import g"}, ["zoo.a", "zoo.b"]),
        ({"zoo/a.py": "from . import b", "zoo/b.py": "from . import c", "zoo/c.py": "from .a import f"},
         ["zoo.a", "zoo.b", "zoo.c"]),
        ({"zoo/__init__.py": "from .a import f", "zoo/a.py": "from ifss_keras.zoo import f"}, ["zoo", "zoo.a"]),
        ({"zoo/__init__.py": "from .b import f", "zoo/b.py": "def f():\n    import ifss_keras.zoo"}, ["zoo", "zoo.b"]),
        ({"__init__.py": "from .core import a", "core/a.py": "from ifss_keras import __version__"}, ["", "core.a"]),
        ({"zoo/a.py": "import ifss_keras.zoo.a"}, ["zoo.a"]),
    ],
    ids=["two", "in a function", "three", "package", "package in a function", "top", "itself"],
)  # fmt: skip
def test_the_checker_finds_a_circle(sources, found):
    files = {("ifss_keras", *path.split("/")): source for path, source in sources.items()}
    assert circles(files) == [tuple(f"ifss_keras.{name}".rstrip(".") for name in found)]


@pytest.mark.parametrize(
    "sources",
    [
        {"zoo/__init__.py": "from .a import f", "zoo/a.py": "from .b import f", "zoo/b.py": "import os"},
        {"zoo/__init__.py": "from .a import f", "zoo/a.py": "from . import b", "zoo/b.py": "from ..core import c"},
        {"__init__.py": "import importlib", "core/a.py": "from ifss_keras import __version__"},
    ],
    ids=["chain", "module of a package", "version"],
)
def test_the_checker_lets_a_chain_pass(sources):
    assert circles({("ifss_keras", *path.split("/")): source for path, source in sources.items()}) == []


def test_imports_in_a_function_are_not_at_module_level():
    source = "import os\nif os:\n    from .a import b\nclass C:\n    import re\ndef f():\n    import keras\nlambda: 1\n"
    assert module_level_imports(source) == {"os", ".a", "re"}
