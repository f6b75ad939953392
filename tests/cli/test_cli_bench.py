"""`ifss bench` from the command line, with networks that are not trained."""

import pytest

from ifss_keras.bench import cohort
from ifss_keras.bench.cohort import Calves
from ifss_keras.cli.bench import TABLES


@pytest.fixture
def few_calves(monkeypatch):
    """The cohort is three small calves."""
    few = Calves(training=1, validation=1, test=1, first_seed=960_500, slices=24, size=24)
    monkeypatch.setattr(cohort, "Calves", lambda: few)


def test_methods_without_a_network_are_scored_on_calves(ifss, tmp_path, few_calves, monkeypatch):
    from ifss_keras.bench import run
    from ifss_keras.bench.rows import ROWS

    rows = [ROWS["shape interpolation"], ROWS["last mask carried on"]]
    monkeypatch.setattr(run, "rows_of", lambda tables: rows)
    outcome = ifss("bench", "--table", "x", "-o", tmp_path / "bench")
    assert (outcome.code, outcome.err) == (0, "")
    assert "1/2 shape interpolation" in outcome.out
    text = (tmp_path / "bench" / "tables.md").read_text()
    assert "--table x -o" in text
    assert "seeds 960500 to 960502" in text
    assert (tmp_path / "bench" / "cohort" / "cohort.csv").exists()


def test_recipes_alone_are_written(ifss, tmp_path, few_calves):
    outcome = ifss("bench", "--miccai", "1", "-o", tmp_path / "bench", "--recipes", tmp_path / "recipes")
    assert (outcome.code, outcome.err) == (0, "")
    assert "Wrote 4 recipes" in outcome.out
    assert sorted(path.name for path in (tmp_path / "recipes").iterdir()) == [
        "Unet.yaml", "Unet_S.yaml", "Unet_S_R.yaml", "Unet_S_R_CLSTM.yaml"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("-o", "bench"), "No table is named"),
        (("--all",), "No folder is named"),
        (("--table", "XI", "-o", "bench"), "XI"),
        (("--table", "I", "-o", "bench", "--data", "nowhere"), "nowhere does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments, part, ifss, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = ifss("bench", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert part in outcome.err
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1


def test_the_command_names_every_table():
    from ifss_keras.bench import plan

    assert {*TABLES, "miccai1", "miccai2"} == set(plan.TABLES)
