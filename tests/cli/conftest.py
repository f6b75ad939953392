"""Fixtures of the command-line tests: `ifss` in this process, and files to work on."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ifss_keras.cli.main import main


@dataclass(frozen=True)
class Outcome:
    """What a command ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def ifss(capfd):
    """A function that runs `ifss` with arguments and returns its `Outcome`, C++ output on stderr included."""

    def run(*arguments) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return Outcome(stop.value.code, *capfd.readouterr())

    return run


@dataclass(frozen=True)
class Case:
    """An image and a few annotated slices as files, beside what is in them."""

    folder: Path
    image: Path
    reference: Path
    output: Path
    labels: np.ndarray
    references: np.ndarray
    affine: np.ndarray


ANNOTATED = (2, 6, 10)


@pytest.fixture
def make_case(tmp_path, two_muscles, oblique_affine, write_stored):
    """A function that writes the two muscles, slices along k, with a format's extension."""

    def make(extension=".nii.gz", annotated=ANNOTATED) -> Case:
        image, labels = two_muscles
        references = np.zeros_like(labels)
        references[list(annotated)] = labels[list(annotated)]
        folder = tmp_path / "case"
        folder.mkdir()
        paths = [folder / f"{name}{extension}" for name in ("image", "reference", "mask")]
        for path, array in zip(paths, (image, references), strict=False):
            write_stored(path, np.ascontiguousarray(array.transpose(2, 1, 0)), oblique_affine)
        return Case(folder, *paths, labels, references, oblique_affine)

    return make


@pytest.fixture
def case(make_case) -> Case:
    return make_case()


@pytest.fixture
def read_mask(read_stored):
    """A function that reads a label file as (slice, row, column), slices along k, and its affine."""

    def read(path):
        stored, affine = read_stored(path)
        return stored.transpose(2, 1, 0), affine

    return read


@pytest.fixture
def snapshot():
    """A function that gives every file under a folder with its content, and every folder."""

    def take(folder: Path) -> dict:
        return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}

    return take


@pytest.fixture(scope="module")
def made_once():
    """A function for `Predictor.from_preset` that makes one for each preset and gives it again."""
    from ifss_keras.inference.predictor import Predictor

    return functools.cache(Predictor.from_preset)


@pytest.fixture
def tiny(made_once, tiny_preset, monkeypatch):
    """The folder of the tiny preset, its predictor made once for all tests that do not ask how it is made."""
    from ifss_keras.inference.predictor import Predictor

    monkeypatch.setattr(Predictor, "from_preset", lambda preset: made_once(str(preset)))
    return tiny_preset


@pytest.fixture
def predict(ifss, tiny):
    """A function that predicts a case with the tiny network and returns the JSON; more arguments may follow."""

    def run(case, *more):
        arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--json", *more)
        method = () if "--method" in more else ("--preset", tiny)
        outcome = ifss(*arguments, *method)
        assert (outcome.code, outcome.err) == (0, "")
        return json.loads(outcome.out)

    return run
