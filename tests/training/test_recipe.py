"""Recipes: what is read, and what is refused by name."""

import pytest
import yaml

from ifss_keras.core.errors import InputError
from ifss_keras.propagation.settings import PropagationSettings, Softness
from ifss_keras.training.examples.settings import ClipSettings
from ifss_keras.training.examples.windows import WindowSettings
from ifss_keras.training.recipe import PropagationRecipe, SegmentationRecipe, read_recipe

LEAST = {"name": "one", "training": {"calf": 1, "first_seed": 3}, "validation": {"shapes": 1, "first_seed": 8}}


def written(folder, **changes):
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**LEAST, **changes}))
    return path


def test_the_least_recipe_has_the_defaults(tmp_path):
    recipe = read_recipe(written(tmp_path))
    assert recipe == PropagationRecipe(**LEAST)
    assert (recipe.training.calf, recipe.training.shapes, recipe.validation.first_seed) == (1, 0, 8)
    assert recipe.clips == ClipSettings()
    assert recipe.settings() == recipe.propagation == PropagationSettings()


def test_every_value_is_taken_over(tmp_path):
    changes = {
        "seed": 5,
        "network": {
            "image_size": [32, 32],
            "widths": [4, 6],
            "rates": [[1, 2], [1]],
            "window": 4,
            "norm_per_channel": False,
        },
        "clips": {
            "windows": 7,
            "gap": [3, 30],
            "both_ends": 0.25,
            "degraded": 0.75,
            "redrawn": 0.125,
            "border_mm": 1.75,
            "recent": 0.5,
            "lost": 0.375,
            "rollout": [1, 2],
            "recent_slices": 5,
        },
        "propagation": {
            "margin": 1.5,
            "least_share": 0.625,
            "softness": {"start": 0.25, "per_slice": 0.2, "maximum": 3.0},
            "recurrent": False,
        },
        "loss": {"terms": {"tversky": 2}, "rule": "descent", "low": 0.2, "alpha": 0.75, "smooth": 9.0},
    }
    recipe = read_recipe(written(tmp_path, **changes))
    assert recipe.network["rates"] == ((1, 2), (1,))
    assert recipe.clips == ClipSettings(7, (3, 30), 0.25, 0.75, 0.125, 1.75, 0.5, 0.375, (1, 2), 5)
    assert recipe.settings(4) == PropagationSettings(
        size=32,
        window=4,
        margin=1.5,
        least_share=0.625,
        softness=Softness(0.25, 0.2, 3.0),
        recurrent=False,
        recall_newest=True,
    )
    assert recipe.loss.model_dump() == changes["loss"]


def test_a_recipe_survives_writing_and_reading(tmp_path):
    recipe = read_recipe(written(tmp_path, network={"rates": [[1, 2], [1]], "widths": [4, 6]}))
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    assert read_recipe(tmp_path / "again.yaml") == recipe


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"learning_rate": 1}, "learning_rate: unknown key"),
        ({"optimizer": {"learningrate": 1}}, "optimizer.learningrate: unknown key"),
        ({"training": {"calf": 1, "first_seed": 3, "legs": 2}}, "training.legs: unknown key"),
        ({"training": {"calf": 0, "first_seed": 3}}, "training: expected one volume or more"),
        ({"validation": {"calf": 2, "first_seed": 2}}, "validation: .*received calf 3 in both; choose another"),
        ({"seed": -1}, "seed: .*received -1"),
        ({"training": {"calf": 1}}, "training.first_seed: Field required"),
        ({"epochs": "many"}, "epochs: .*received 'many'"),
        ({"epochs": 0}, "epochs: .*received 0"),
        ({"batch": 2.5}, "batch: .*received 2.5"),
        ({"batch": 5000}, "batch: .*received 5000"),
        ({"loss": {"rule": "ascent"}}, "loss.rule: .*received 'ascent'"),
        ({"loss": {"smooth": 0}}, "loss.smooth: .*received 0"),
        ({"loss": {"low": 0.7}}, "loss.low: .*received 0.7"),
        ({"optimizer": {"learning_rate": float("inf")}}, "optimizer.learning_rate: .*finite number, received inf"),
        ({"network": 3}, "network: .*received 3"),
        ({"network": {"image_size": [96]}}, r"network: .*image_size must be \(rows, columns\)"),
        ({"network": {"image_size": [32, 48]}}, "network: .*image_size must be square, received 32x48"),
        ({"model": "IFSNet"}, "no network 'IFSNet'.*did you mean IFSSNet"),
        ({"model": 3}, "model must be the name of a network, received 3"),
        ({"labels": {}}, "labels: .*at least 1 item"),
        ({"loss": {"terms": {"dise": 1}}}, "loss.terms.dise.*: .*'dice'"),
        ({"loss": {"terms": {}}}, "loss.terms: .*at least 1 item"),
        ({"loss": {"cross_entropy": 1}}, "loss.cross_entropy: unknown key"),
        ({"supervision": {"kind": "every", "every": 2}}, "supervision: expected at most 2 slices in a run"),
        ({"data": {"path": "legs", "share": 0.5}, "training": None}, "training: Field required, as data.share leaves"),
        ({"training": None}, "training: Field required, or data"),
        ({"model": "UNet3D"}, "labels: Field required"),
        ({"model": "UNet3D", "labels": {}}, "labels: .*at least 1 item"),
        ({"model": "UNet3D", "labels": {0: "SOL"}}, "labels.0.*: .*greater than 0"),
        ({"model": "UNet3D", "labels": {100: "A", 150: "A"}}, "labels: two labels have the same name"),
        ({"model": "UNet3D", "labels": {100: "A"}, "network": {"classes": 3}}, "network: classes follows from labels"),
        ({"model": "UNet3D", "labels": {100: "A"}, "network": {"slices": 3}}, "network: slices follows from slices"),
        ({"model": "UNet3D", "labels": {100: "SOL"}, "clips": {"windows": 2}}, "clips: unknown key"),
        ({"clips": {"gap": [80, 4]}}, r"clips: gap: .*received \(80, 4\)"),
        ({"clips": {"gap": [0, 4]}}, r"clips: gap: .*received \(0, 4\)"),
        ({"clips": {"gap": [1.5, 4]}}, r"clips.gap.0: .*received 1.5"),
        ({"clips": {"rollout": [-1, 4]}}, r"clips: rollout: .*received \(-1, 4\)"),
        ({"clips": {"rollout": [5, 4]}}, r"clips: rollout: .*received \(5, 4\)"),
        ({"clips": {"both_ends": 1.5}}, "clips: both_ends .*received 1.5"),
        ({"clips": {"windows": 0}}, "clips: windows .*received 0"),
        ({"clips": {"margin": 1.5}}, "clips.margin: unknown key"),
        ({"propagation": {"margin": 0.5}}, "propagation: margin .*received 0.5"),
        ({"propagation": {"margin": float("inf")}}, "propagation: margin .*finite number, received inf"),
        ({"propagation": {"margni": 1.5}}, "propagation.margni: unknown key"),
        ({"propagation": {"softness": {"strat": 1.5}}}, "propagation.softness.strat: unknown key"),
        ({"propagation": {"softness": {"start": 0}}}, "propagation.softness: start .*received 0"),
        ({"propagation": {"size": 64}}, "propagation: size follows from network.image_size"),
        ({"propagation": {"window": 4}}, "propagation: window follows from network.window"),
        ({"propagation": {"recall_newest": True}}, "propagation: recall_newest follows from clips.recent"),
        ({"softness": {"start": 0.5}}, "softness: unknown key"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tmp_path, changes, key):
    with pytest.raises(InputError, match=key) as refusal:
        read_recipe(written(tmp_path, **changes))
    assert str(tmp_path / "recipe.yaml") in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "cannot be read as YAML"),
        ("- 1\n- 2", "received list"),
        ("", "received nothing"),
        ("name: a\nbatch: 2\nname: b", "cannot be read as YAML: the key 'name' stands there twice, again in line 3."),
        ("name: a\nclips: {windows: 2, windows: 3}", "the key 'windows' stands there twice, again in line 2"),
        ("1: 2\nname: one", "cannot be used"),
    ],
)
def test_a_file_that_holds_no_recipe_is_refused(tmp_path, text, said):
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(InputError, match=said) as refusal:
        read_recipe(tmp_path / "recipe.yaml")
    assert "\n" not in str(refusal.value)


def test_a_mapping_may_be_merged_into_another(tmp_path):
    (tmp_path / "recipe.yaml").write_text(
        "training: &seeds {calf: 2, first_seed: 3}\nvalidation: {<<: *seeds, first_seed: 5}\nname: merged\n"
    )
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert (recipe.validation.calf, recipe.validation.first_seed, recipe.training.first_seed) == (2, 5, 3)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "recipe.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml.*No such file.*check the path"):
        read_recipe(tmp_path / "none.yaml")


def test_windows_at_stride_1_must_share_a_slice(tmp_path):
    with pytest.raises(InputError, match=r"network\.window must be 2 or more, received 1"):
        read_recipe(written(tmp_path)).settings(1)


def test_the_model_decides_the_kind_of_recipe(tmp_path):
    assert isinstance(read_recipe(written(tmp_path, model="PGNet")), PropagationRecipe)
    recipe = read_recipe(written(tmp_path, model="UNet3D", labels={150: "GM", 100: "SOL"}, slices=5))
    assert isinstance(recipe, SegmentationRecipe)
    assert recipe.window_settings() == WindowSettings(96, 5, (100, 150))


def test_a_recipe_cannot_be_changed():
    recipe = PropagationRecipe(**LEAST)
    with pytest.raises(ValueError, match="frozen"):
        recipe.epochs = 3
