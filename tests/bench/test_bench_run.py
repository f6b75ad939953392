"""Rows trained and scored one after the other: nothing twice, and a killed call goes on."""

import pytest

from ifss_keras.bench import run
from ifss_keras.bench.plan import TABLES, wanted_of
from ifss_keras.bench.references import FIRST, SPACED
from ifss_keras.bench.rows import ROWS
from ifss_keras.bench.run import row_folder, run_row, run_tables
from ifss_keras.bench.scoring import held_on
from ifss_keras.core.errors import InputError
from ifss_keras.core.files import write_whole

ANNOTATIONS = """volume,label,first,last
leg0,100,2,4
leg0,150,4,6
leg0,100,9,9
leg1,100,4,4
leg1,777,0,13
"""


@pytest.fixture
def trainings(tmp_path, monkeypatch):
    """Stands in for `train`: a list of (name, resume) of all calls; the networks carry the last mask on."""
    calls = []

    def train(recipe, folder, *, corpus_folder, resume, progress):
        assert corpus_folder == tmp_path / "copies"
        calls.append((recipe.name, resume))
        folder.mkdir(exist_ok=True)
        (folder / "recipe.yaml").touch()
        write_whole(folder / "annotations.csv", ANNOTATIONS)
        write_whole(folder / "card.md", "done")

    def finder(row, place):
        assert (place / "card.md").exists() or row.method
        return lambda volume, annotation: held_on(annotation, len(volume.array)), 7

    monkeypatch.setattr(run, "train", train)
    monkeypatch.setattr(run, "finder_of", finder)
    return calls


def test_a_row_of_several_tables_is_trained_once(tmp_path, tiny_cohort, trainings):
    results = run_tables([TABLES["V"], TABLES["VI"]], tmp_path, tiny_cohort)
    names = ["IFSS-Net-WS", "forward ConvLSTM", "no ConvLSTM", "no recurrence"]
    assert trainings == [(name, False) for name in names]
    assert list(results) == names
    assert len(results["IFSS-Net-WS"].scores) == 6  # one muscle of three volumes, given references in two ways
    assert results["IFSS-Net-WS"].parameters == 7
    assert results["IFSS-Net-WS"].annotated == 7
    assert results["IFSS-Net-WS"].training_seconds >= 0


def test_what_is_done_is_not_done_again(tmp_path, tiny_cohort, trainings, monkeypatch):
    before = run_tables([TABLES["VI"]], tmp_path, tiny_cohort)
    trainings.clear()
    monkeypatch.setattr(run, "finder_of", None)
    assert run_tables([TABLES["VI"]], tmp_path, tiny_cohort) == before
    assert trainings == []


def test_another_table_adds_its_scores_without_a_training(tmp_path, tiny_cohort, trainings):
    run_tables([TABLES["V"]], tmp_path, tiny_cohort)
    trainings.clear()
    row = ROWS["IFSS-Net-WS"]
    result = run_row(row, wanted_of(row, [TABLES["IV"]], tiny_cohort), tmp_path, tiny_cohort)
    assert trainings == []
    assert len(result.scores) == 10
    assert {score.muscle for score in result.scores if score.split == "validation"} == {"SOL"}


def test_an_interrupted_training_is_gone_on_with(tmp_path, tiny_cohort, trainings):
    row = ROWS["no recurrence"]
    place = row_folder(row, tmp_path, tiny_cohort) / "run"
    place.mkdir(parents=True)
    (place / "recipe.yaml").touch()
    result = run_row(row, wanted_of(row, [TABLES["VI"]], tiny_cohort), tmp_path, tiny_cohort)
    assert trainings == [("no recurrence", True)]
    assert result.training_seconds is None  # only a part of it was seen


def test_an_interrupted_scoring_is_gone_on_with(tmp_path, tiny_cohort, trainings, monkeypatch):
    row = ROWS["no recurrence"]
    wanted = wanted_of(row, [TABLES["VI"]], tiny_cohort)
    score_case, seen = run.score_case, []

    def killed(find, case, *others):
        if seen:
            raise KeyboardInterrupt
        seen.append(case.subject)
        return score_case(find, case, *others)

    monkeypatch.setattr(run, "score_case", killed)
    with pytest.raises(KeyboardInterrupt):
        run_row(row, wanted, tmp_path, tiny_cohort)

    def watched(find, case, *others):
        seen.append(case.subject)
        return score_case(find, case, *others)

    monkeypatch.setattr(run, "score_case", watched)
    result = run_row(row, wanted, tmp_path, tiny_cohort)
    assert seen == ["leg2", "leg3", "leg4"]
    assert len(trainings) == 1
    assert {(score.subject, score.references) for score in result.scores} == {
        (subject, given) for subject in seen for given in (FIRST, SPACED)
    }


def test_a_row_that_cannot_be_done_is_left_out_with_its_sentence(tmp_path, tiny_cohort, trainings, monkeypatch):
    def missing(row, place):
        raise InputError("growcut needs the extra itk.")

    monkeypatch.setattr(run, "finder_of", missing)
    told = []
    results = run_tables([TABLES["X"]], tmp_path, tiny_cohort, tell=told.append)
    assert results["GFS"].left_out == "growcut needs the extra itk."
    assert told[:2] == ["1/7 FBS", "  left out: growcut needs the extra itk."]


def test_damaged_scores_are_one_sentence(tmp_path, tiny_cohort, trainings):
    row = ROWS["shape interpolation"]
    place = row_folder(row, tmp_path, tiny_cohort)
    place.mkdir(parents=True)
    (place / "scores.json").write_text('{"scores": [1')
    with pytest.raises(InputError, match="is damaged: delete it to have the row scored again"):
        run_row(row, wanted_of(row, [TABLES["X"]], tiny_cohort), tmp_path, tiny_cohort)


def test_only_slices_of_what_a_network_finds_count_as_annotated(tmp_path, tiny_cohort):
    path = tmp_path / "annotations.csv"
    path.write_text(ANNOTATIONS)
    counts = {name: run.annotated_slices(path, ROWS[name], tiny_cohort) for name in ("3D U-Net", "Unet", "GM, 30 %")}
    assert counts == {"3D U-Net": 7, "Unet": 5, "GM, 30 %": 3}
