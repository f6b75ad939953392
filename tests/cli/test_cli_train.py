"""What `ifss train` refuses; that it trains is shown by `examples/02_train.py`."""

import pytest

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
    for more, words in (((), "--resume"), (("--resume",), "another recipe")):
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


def test_weights_to_start_from_that_are_not_there_are_refused(tmp_path, ifss, snapshot):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE + VALIDATION)
    before = snapshot(tmp_path)
    outcome = ifss("train", "--recipe", recipe, "-o", tmp_path / "run", "--start-from", tmp_path / "no.weights.h5")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "no.weights.h5" in outcome.err
    assert snapshot(tmp_path) == before
