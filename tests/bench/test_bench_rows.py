"""The rows as recipes."""

import json

import pytest
import yaml

from ifss_keras.bench.plan import TABLES, Wanted, rows_of, wanted_of
from ifss_keras.bench.references import FIRST, NONE, SPACED
from ifss_keras.bench.rows import FULL, ROWS, SMALL, recipe_of, takes_references
from ifss_keras.bench.run import row_folder, write_recipes
from ifss_keras.training.recipe import read_recipe, recipe_from
from ifss_keras.zoo.catalogue import ARCHITECTURES

TRAINED = [row for row in ROWS.values() if row.model]


@pytest.mark.parametrize("setting", [SMALL, FULL], ids=["small", "full"])
def test_every_recipe_is_valid_and_reads_the_cohort(setting, tiny_cohort):
    for row in TRAINED:
        recipe = recipe_from(recipe_of(row, tiny_cohort, setting))
        assert recipe.data.path == str(tiny_cohort.path)
        assert recipe.model == row.model
        assert recipe.epochs * recipe.steps_per_epoch == pytest.approx(42_900 if setting is FULL else row.steps, abs=2)


def test_no_two_rows_are_trained_alike(tiny_cohort):
    recipes = [json.dumps(recipe_of(row, tiny_cohort) | {"name": ""}, sort_keys=True) for row in TRAINED]
    assert len(set(recipes)) == len(recipes) == 34


def test_every_row_stands_in_a_table_and_every_network_of_the_zoo_in_a_row():
    assert {name for table in TABLES.values() for _, name in table.rows} == set(ROWS)
    assert {row.model for row in TRAINED} == set(ARCHITECTURES)
    assert len(rows_of(TABLES.values())) == len(ROWS)


def test_networks_without_references_are_given_none():
    for row in TRAINED:
        assert (row.references == (NONE,)) is not takes_references(row)


@pytest.mark.parametrize(
    ("name", "keys", "value"),
    [
        ("IFSS-Net-WS", ("supervision", "kind"), "decremental"),
        ("IFSS-Net-WS", ("pseudo_labels",), {}),
        ("forward ConvLSTM", ("network", "temporal"), "forward"),
        ("no recurrence", ("propagation",), {"recurrent": False}),
        ("cross-correlation", ("network", "fusion"), "correlation"),
        ("Dice alone", ("loss", "terms"), {"dice": 1.0}),
        ("window 10", ("network", "window"), 10),
        ("every 200", ("supervision",), {"kind": "every", "every": 67, "run": 1}),
        ("Unet-S-R", ("reconstruction",), {"alternate": True}),
        ("Unet-S", ("labels",), {100: "SOL"}),
        ("GM, 30 %", ("labels",), {150: "GM"}),
        ("GM, 30 %", ("negatives",), {"loss": "cross_entropy", "labels": {100: "SOL"}}),
        ("GM, 30 %, the paper's loss of negatives", ("negatives", "loss"), "dice"),
        ("GM, 70 %, without negatives", ("supervision",), {"kind": "share", "share": 0.7}),
        ("3D U-Net", ("labels",), {100: "SOL", 150: "GM"}),
        ("V-Net", ("optimizer", "learning_rate"), 0.0005),
    ],
)
def test_rows_differ_by_what_the_paper_varies(name, keys, value, tiny_cohort):
    held = recipe_of(ROWS[name], tiny_cohort)
    for key in keys:
        held = held[key]
    assert held == value


@pytest.mark.parametrize("name", ["IFSS-Net-FS", "decremental, annotated slices alone", "GM, 50 %, without negatives"])
def test_what_a_row_does_without_is_not_in_its_recipe(name, tiny_cohort):
    held = recipe_of(ROWS[name], tiny_cohort)
    assert "pseudo_labels" not in held
    assert "negatives" not in held


def test_recipes_are_written_as_files_that_train_reads(tmp_path, tiny_cohort):
    written = write_recipes([TABLES["V"], TABLES["IX"], TABLES["X"]], tmp_path / "recipes", tiny_cohort)
    assert [path.stem for path in written] == ["IFSS_Net_WS", "forward_ConvLSTM", "no_ConvLSTM", "window_10"]
    assert read_recipe(written[3]).network["window"] == 10
    assert yaml.safe_load(written[1].read_text())["network"]["temporal"] == "forward"


def test_a_row_has_another_folder_once_its_recipe_changes(tmp_path, tiny_cohort, monkeypatch):
    row = ROWS["IFSS-Net-WS"]
    before = row_folder(row, tmp_path, tiny_cohort)
    assert row_folder(row, tmp_path, tiny_cohort) == before
    assert row_folder(row, tmp_path, tiny_cohort, FULL) != before
    monkeypatch.setattr("ifss_keras.bench.rows._WEAK", {})
    assert row_folder(row, tmp_path, tiny_cohort) == before
    monkeypatch.setitem(row.changes["supervision"], "kind", "full")
    assert row_folder(row, tmp_path, tiny_cohort) != before


def test_a_row_is_scored_for_all_its_tables_once(tiny_cohort):
    tables = [TABLES["IV"], TABLES["V"], TABLES["VI"]]
    wanted = wanted_of(ROWS["IFSS-Net-WS"], tables, tiny_cohort)
    assert set(wanted) == {
        *(Wanted("test", code, given) for code in (100, 150) for given in (FIRST, SPACED)),
        *(Wanted("validation", 100, given) for given in (FIRST, SPACED)),
    }
    assert len(wanted) == 6
    assert wanted_of(ROWS["FBS"], tables, tiny_cohort) == []
