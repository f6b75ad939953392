"""Sweeps with a training of known results: what is found, that nothing is done twice, and what fails."""

import csv
import math

import pytest
import yaml

from ifss_keras.core.errors import InputError
from ifss_keras.jobs.tune import run_tune
from ifss_keras.training.recipe import read_recipe
from ifss_keras.training.sweep.outcome import best_of, outcomes_in
from ifss_keras.training.sweep.plan import read_sweep
from tests.training.sweep.needs import NEEDS_SKLEARN


def rows_of(folder):
    with open(folder / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def values_of(result):
    return [outcome.values for outcome in result.outcomes]


def rate(recipe):
    return recipe.optimizer.learning_rate


@pytest.mark.parametrize("method", ["random", pytest.param("bayesian", marks=NEEDS_SKLEARN)])
def test_the_best_trial_is_the_one_nearest_to_the_optimum(method, plan, folder, trainings, dice_of, best_rate):
    told = []
    sweep = plan(method=method, trials=10)
    result = run_tune(sweep, folder, told=told.append)
    assert trainings.names == [outcome.trial for outcome in told] == [f"{index:02d}" for index in range(10)]
    assert trainings.corpora == {folder / "corpus"}
    nearest = min(trainings.calls, key=lambda call: abs(math.log(rate(call[1]) / best_rate)))
    assert result.best.trial == nearest[0]
    assert result.best.dice == pytest.approx(dice_of(nearest[1]))
    assert read_recipe(folder / "best.yaml") == nearest[1]
    rows = rows_of(folder)
    assert [row["trial"] for row in rows] == trainings.names
    for row, (_, recipe, start, resume) in zip(rows, trainings.calls, strict=True):
        assert (row["status"], row["epochs"], row["problem"], start, resume) == ("completed", "9", "", None, False)
        assert float(row["best_validation_dice"]) == pytest.approx(dice_of(recipe))
        assert float(row["optimizer.learning_rate"]) == rate(recipe)
        assert float(row["optimizer.weight_decay"]) == recipe.optimizer.weight_decay
    assert len({rate(recipe) for _, recipe, *_ in trainings.calls}) == 10
    assert (folder / "sweep.png").read_bytes()[:4] == b"\x89PNG"


@NEEDS_SKLEARN
def test_the_bayesian_method_learns(plan, folder, trainings, best_rate):
    sweep = plan(
        method="bayesian", trials=9, knobs={"optimizer.learning_rate": {"low": 1e-5, "high": 1e-1, "scale": "log"}}
    )
    run_tune(sweep, folder)
    far = [abs(math.log10(rate(recipe) / best_rate)) for _, recipe, *_ in trainings.calls]
    assert min(far[3:]) < 0.3  # 0.15 of the range; three at random come first
    assert min(far[3:]) <= min(far[:3])


@pytest.mark.parametrize("method", ["random", pytest.param("bayesian", marks=NEEDS_SKLEARN), "hyperband"])
def test_a_sweep_killed_in_two_trials_ends_as_one_that_was_not(method, plan, tmp_path, trainings):
    sweep = plan(method=method) if method == "hyperband" else plan(method=method, trials=9)
    whole = run_tune(sweep, tmp_path / "whole")
    uninterrupted, trainings.calls = trainings.names, []
    trainings.interrupted = {2, 8}
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_tune(sweep, tmp_path / "killed")
    result = run_tune(sweep, tmp_path / "killed")
    done = [name for index, name in enumerate(trainings.names) if index not in trainings.interrupted]
    assert done == uninterrupted
    assert [name for name, _, _, resume in trainings.calls if resume] == [trainings.names[2], trainings.names[8]]
    assert values_of(result) == values_of(whole)
    assert [(outcome.dice, outcome.continued) for outcome in result.outcomes] == [
        (outcome.dice, outcome.continued) for outcome in whole.outcomes
    ]
    assert (tmp_path / "killed/best.yaml").read_bytes() == (tmp_path / "whole/best.yaml").read_bytes()


def test_a_finished_sweep_is_not_repeated_and_more_trials_are_added(plan, folder, trainings):
    first = run_tune(plan(trials=3), folder)
    again = run_tune(plan(trials=3), folder)
    assert (trainings.names, values_of(again)) == (["0", "1", "2"], values_of(first))
    more = run_tune(plan(trials=5), folder)
    assert trainings.names == ["0", "1", "2", "3", "4"]
    assert values_of(more)[:3] == values_of(first)


def test_a_trial_killed_after_its_training_is_read_and_not_trained_again(plan, folder, trainings, monkeypatch):
    def killed(outcome):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tune(plan(trials=2), folder, told=killed)
    (folder / "trials" / "0.json").unlink()  # as if it came between the training's end and this file
    run_tune(plan(trials=2), folder)
    assert trainings.names == ["0", "1"]


def test_a_trial_killed_between_its_last_epoch_and_its_end_is_done_anew(plan, folder, trainings):
    trainings.interrupted = {0}
    with pytest.raises(KeyboardInterrupt):
        run_tune(plan(trials=1), folder)
    rows = ["epoch,val_dice,val_loss", *(f"{epoch},0.99,1" for epoch in range(9))]
    (folder / "trials/0/log.csv").write_text("\n".join(rows) + "\n")
    result = run_tune(plan(trials=1), folder)
    assert [resume for *_, resume in trainings.calls] == [False, False]
    assert result.best.dice < 0.99


def test_values_that_cannot_be_trained_fail_alone(plan, folder, trainings):
    trainings.diverging = lambda recipe: recipe.batch == 3
    knobs = {"batch": {"choices": [2, 3, 5]}, "optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "scale": "log"}}
    result = run_tune(plan(trials=12, knobs=knobs), folder)
    failed = [outcome for outcome in result.outcomes if outcome.dice is None]
    assert 0 < len(failed) < 12
    for outcome, row in zip(result.outcomes, rows_of(folder), strict=True):
        assert (outcome.status == "failed") == (outcome.values["batch"] == 3) == (row["status"] == "failed")
        assert row["problem"] == ("The training diverged: lower the learning rate." if outcome in failed else "")
    assert result.best.values["batch"] != 3
    assert trainings.names == [f"{index:02d}" for index in range(12)]
    run_tune(plan(trials=12, knobs=knobs), folder)
    assert len(trainings.calls) == 12


def test_a_sweep_of_failures_alone_is_one_error(plan, folder, trainings):
    trainings.diverging = lambda recipe: True
    with pytest.raises(InputError, match=r"All 5 trials of the sweep failed.* trial 0 said: The training diverged"):
        run_tune(plan(trials=5), folder)
    assert [row["status"] for row in rows_of(folder)] == ["failed"] * 5
    assert not (folder / "best.yaml").exists()


def test_a_full_disk_ends_the_sweep_and_the_trial_is_resumed(plan, folder, trainings, monkeypatch):
    def full(recipe):
        raise InputError("The disk is full: make space and resume it.", setting="resume")

    trainings.diverging = full
    with pytest.raises(InputError, match="The disk is full") as stop:
        run_tune(plan(trials=2), folder)
    assert stop.value.setting is None
    trainings.diverging = lambda recipe: False
    run_tune(plan(trials=2), folder)
    assert [(name, resume) for name, _, _, resume in trainings.calls] == [("0", False), ("0", True), ("1", False)]


def test_memory_that_runs_out_fails_a_trial_and_what_is_unknown_ends_the_sweep(plan, folder, trainings):
    class ResourceExhaustedError(Exception):
        pass

    def exhausted(recipe):
        raise ResourceExhaustedError

    trainings.diverging = exhausted
    with pytest.raises(InputError, match=r"All 1 trials.*more memory than there is"):
        run_tune(plan(trials=1), folder)

    def unknown(recipe):
        raise ZeroDivisionError

    trainings.diverging = unknown
    with pytest.raises(ZeroDivisionError):
        run_tune(plan(trials=2), folder)


def test_hyperband_goes_on_from_the_weights_of_the_best(plan, folder, trainings, dice_of):
    result = run_tune(plan(method="hyperband"), folder)
    by_name = {name: (recipe, start) for name, recipe, start, _ in trainings.calls}
    outcomes = {outcome.trial: outcome for outcome in result.outcomes}
    # nine epochs at factor 3: brackets that begin with 1, 3 and 9 epochs
    rounds = [(outcome.epochs, bool(outcome.continued)) for outcome in result.outcomes]
    assert {epochs for epochs, continued in rounds if not continued} == {1, 3, 9}
    assert {epochs for epochs, continued in rounds if continued} == {2, 6}
    for outcome in result.outcomes:
        recipe, start = by_name[outcome.trial]
        assert recipe.epochs == outcome.epochs
        if not outcome.continued:
            assert start is None
            continue
        before = outcomes[outcome.continued]
        assert start == folder / "trials" / before.trial
        assert before.values == outcome.values
        rivals = [other.dice for other in result.outcomes if (other.epochs, other.continued) == (1, "")]
        if before.epochs == 1:
            assert before.dice >= sorted(rivals)[-len([1 for e, c in rounds if (e, c) == (2, True)])]
    assert read_recipe(folder / "best.yaml").epochs == 9


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"knobs": {"batch": {"choices": [1, 2]}}}, "another sweep"),
    ],
)
def test_a_folder_of_another_sweep_is_refused(changed, said, plan, folder, trainings):
    run_tune(plan(trials=1), folder)
    with pytest.raises(InputError, match=said):
        run_tune(plan(trials=1, **changed), folder)
    assert trainings.names == ["0"]


def test_other_folders_are_refused_and_left_alone(plan, tmp_path, trainings):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("kept")
    (tmp_path / "file").write_text("kept")
    for name, said in (("mine", "notes.txt"), ("file", "a file")):
        with pytest.raises(InputError, match=said):
            run_tune(plan(trials=1), tmp_path / name)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    assert trainings.calls == []


def test_a_second_process_on_a_sweep_is_refused(plan, folder, trainings):
    def second(recipe):
        with pytest.raises(InputError, match="Another process is at the sweep"):
            run_tune(plan(trials=1), folder)

    trainings.diverging = second
    run_tune(plan(trials=1), folder)
    assert trainings.names == ["0"]


def test_damaged_states_are_refused_in_one_sentence(plan, folder, trainings):
    run_tune(plan(trials=2), folder)
    (folder / "study/oracle.json").write_text("{")
    with pytest.raises(InputError, match=r"oracle\.json is damaged"):
        run_tune(plan(trials=2), folder)
    (folder / "trials/1.json").write_text("{")
    with pytest.raises(InputError, match=r"1\.json is damaged"):
        outcomes_in(folder)


def test_what_was_swept_is_a_recipe_file_again(plan, folder, trainings):
    sweep = plan(trials=2)
    run_tune(sweep, folder)
    read = read_sweep(folder / "sweep.yaml")
    assert (read.recipe, read.to_dict()) == (sweep.recipe, sweep.to_dict())
    assert "sweep" not in yaml.safe_load((folder / "best.yaml").read_text())
    assert best_of(outcomes_in(folder)).trial in {"0", "1"}


def test_a_sweep_prints_nothing(plan, folder, trainings, capfd):
    run_tune(plan(trials=1), folder)
    run_tune(plan(method="random", trials=2), folder)
    assert capfd.readouterr() == ("", "")
