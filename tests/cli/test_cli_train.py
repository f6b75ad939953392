"""What `ifss train` hands on and refuses; that it trains is shown by `examples/02_train.py`."""

from pathlib import Path

import pytest
import tensorflow as tf

from ifss_keras.training.recipe import read_recipe

RECIPE = (
    "name: tiny\nnetwork: {image_size: [16, 16], widths: [4, 6], rates: [1, 2]}\ntraining: {calf: 1, first_seed: 0}\n"
)
VALIDATION = "validation: {calf: 1, first_seed: 1}\n"

BAD = {
    "unknown key": (RECIPE + VALIDATION + "epoch: 3\n", ["epoch", "unknown key"]),
    "unknown key inside": (RECIPE + VALIDATION + "clips: {window: 5}\n", ["clips.window", "unknown key"]),
    "missing key": (RECIPE, ["validation"]),
    "out of range": (RECIPE + VALIDATION + "batch: 0\n", ["batch", "0"]),
    "not YAML": (RECIPE + VALIDATION + "batch: [\n", ["cannot be read as YAML"]),
    "no mapping": ("- a\n- b\n", ["keys and values"]),
    "network that cannot be built": (RECIPE.replace("16, 16", "18, 18") + VALIDATION, ["18"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_recipes_are_refused_in_one_sentence(name, tmp_path, ifss, snapshot):
    text, said = BAD[name]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text)
    before = snapshot(tmp_path)
    outcome = ifss("train", "--recipe", recipe, "-o", tmp_path / "run")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith("Error: ")
    for words in said:
        assert words in outcome.err
    assert snapshot(tmp_path) == before


def test_missing_recipe_is_refused(tmp_path, ifss):
    outcome = ifss("train", "--recipe", tmp_path / "recipe.yaml", "-o", tmp_path / "run")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "recipe.yaml" in outcome.err


def test_a_training_is_not_overwritten(tmp_path, ifss, snapshot):
    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(RECIPE + VALIDATION)
    run.mkdir()
    (run / "recipe.yaml").write_text("another: one\n")
    before = snapshot(tmp_path)
    for more, words in (((), "(option --resume)"), (("--resume",), "another recipe")):
        outcome = ifss("train", "--recipe", recipe, "-o", run, *more)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert words in outcome.err
    assert snapshot(tmp_path) == before


def test_an_output_that_is_a_file_is_refused(tmp_path, ifss, snapshot):
    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(RECIPE + VALIDATION)
    run.write_text("not a folder")
    before = snapshot(tmp_path)
    outcome = ifss("train", "--recipe", recipe, "-o", run)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert str(run) in outcome.err
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("{folder}/no.weights.h5", "no.weights.h5"),
        ("{folder}/no", "no preset and no folder"),
        ("ifss_syntetic_v5", "did you mean ifss_synthetic_v5?"),
        ("{folder}/recipe.yaml", "recipe.yaml is a file"),
        ("{folder}", "holds no preset"),
    ],
)
def test_what_cannot_be_started_from_is_refused(start, said, tmp_path, ifss, snapshot):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE + VALIDATION)
    before = snapshot(tmp_path)
    start = start.format(folder=tmp_path)
    outcome = ifss("train", "--recipe", recipe, "-o", tmp_path / "run", "--start-from", start)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert said in outcome.err
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("more", "handed_on"),
    [
        ((), {"corpus_folder": None, "start_from": None, "resume": False}),
        (("--resume",), {"corpus_folder": None, "start_from": None, "resume": True}),
        (
            ("--corpus", "volumes", "--start-from", "ifss_synthetic_v5"),
            {"corpus_folder": Path("volumes"), "start_from": "ifss_synthetic_v5", "resume": False},
        ),
    ],
)
def test_options_are_handed_on_and_the_preset_is_named(more, handed_on, tmp_path, ifss, monkeypatch):
    recipe, run, calls = tmp_path / "recipe.yaml", tmp_path / "run", []
    recipe.write_text(RECIPE + VALIDATION)
    monkeypatch.setattr("ifss_keras.training.run.train", lambda *given, **named: calls.append((given, named)))
    outcome = ifss("train", "--recipe", recipe, "-o", run, *more)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"Wrote {run / 'best.weights.h5'}: ifss predict ... --preset {run}\n"
    ((given, named),) = calls
    assert given == (read_recipe(recipe), run)
    assert callable(named.pop("progress"))
    assert named.pop("command").startswith("ifss train --recipe ")
    assert named == handed_on


@pytest.mark.parametrize(
    ("ended", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ["The same command with --resume goes on", "nothing was half-written"]),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
            2,
            ["Error: The training needs more memory than there is: lower batch"],
        ),
    ],
    ids=["interrupted", "memory"],
)
def test_how_a_training_that_ends_early_goes_on_is_said(ended, code, said, tmp_path, ifss, monkeypatch):
    def train(*given, **named):
        raise ended

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE + VALIDATION)
    monkeypatch.setattr("ifss_keras.training.run.train", train)
    outcome = ifss("train", "--recipe", recipe, "-o", tmp_path / "run")
    lines = list(filter(None, outcome.err.splitlines()))  # click ends a line that was interrupted
    assert (outcome.code, outcome.out, len(lines)) == (code, "", len(said))
    for line, words in zip(lines, said, strict=True):
        assert words in line
