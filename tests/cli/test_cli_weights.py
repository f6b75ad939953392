"""`ifss models pull`, `path`, `verify`, `remove`, and commands that fetch by themselves; from a folder as the host."""

import json
import shutil

import pytest

from ifss_keras.zoo.presets import DEFAULT_PRESET, released_folder
from ifss_keras.zoo.remote.registry import registry
from tests.cli.sentences import one_sentence
from tests.zoo.shelf import SHELF

NAME, OTHER = "ifss_synthetic_v4", "ifss_synthetic_v2"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; the shelf is the host."""
    monkeypatch.setenv("IFSS_WEIGHTS_URL", SHELF.as_uri())
    monkeypatch.setenv("IFSS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def as_json(outcome):
    assert (outcome.code, outcome.err) == (0, "")
    return json.loads(outcome.out)


def where(ifss):
    return {preset["name"]: preset["where"] for preset in as_json(ifss("models", "list", "--json"))["presets"]}


def found(name, place, folder):
    return {"name": name, "where": place, "folder": str(folder)}


def test_pull_path_verify_remove(ifss, cache):
    begin = dict.fromkeys([DEFAULT_PRESET], "embedded") | dict.fromkeys(registry(), "remote")
    assert where(ifss) == begin
    assert as_json(ifss("models", "pull", NAME, "--json")) == [found(NAME, "cached", cache / NAME)]
    for file in ("config.json", "card.md", "model.weights.h5"):
        assert (cache / NAME / file).read_bytes() == (SHELF / NAME / file).read_bytes()
    assert where(ifss) == begin | {NAME: "cached"}
    assert as_json(ifss("models", "path", NAME, "--json")) == found(NAME, "cached", cache / NAME)
    verified = as_json(ifss("models", "verify", "--json"))
    default = found(DEFAULT_PRESET, "embedded", released_folder() / DEFAULT_PRESET)
    assert verified == [default | {"verified": True}, found(NAME, "cached", cache / NAME) | {"verified": True}]
    assert as_json(ifss("models", "remove", NAME, "--json")) == [found(NAME, "remote", cache / NAME)]
    assert where(ifss) == begin
    assert not (cache / NAME).exists()


def test_verify_tells_of_all_that_is_damaged(ifss, cache):
    ifss("models", "pull", "--all")
    for name in (NAME, OTHER):
        (cache / name / "card.md").write_bytes(b"other")
    outcome = ifss("models", "verify")
    assert outcome.code == 2
    assert {line.split(" is damaged")[0].split("/")[-1] for line in outcome.err.splitlines()} == {NAME, OTHER}
    told = outcome.out.splitlines()
    assert [line.split(":")[0] for line in told] == [DEFAULT_PRESET, *(set(registry()) - {NAME, OTHER})]


def test_the_same_as_text(ifss, cache):
    outcome = ifss("models", "pull", "--all")
    assert (outcome.code, outcome.err) == (0, "")
    default = released_folder() / DEFAULT_PRESET
    lines = [f"{DEFAULT_PRESET}: embedded in {default}."]
    lines += [f"{name}: cached in {cache / name}." for name in registry()]
    assert outcome.out.splitlines() == lines
    assert ifss("models", "path", OTHER).out == f"{cache / OTHER}\n"
    assert ifss("models", "path", DEFAULT_PRESET).out == f"{default}\n"
    assert ifss("models", "path", SHELF / NAME).out == f"{SHELF / NAME}\n"
    said = "model.weights.h5, card.md, config.json are the files that were released."
    assert ifss("models", "verify", OTHER).out == f"{OTHER}: {said}\n"
    assert len(ifss("models", "verify").out.splitlines()) == len(lines)
    assert "cached" in ifss("models", "list").out
    assert ifss("models", "remove", OTHER, NAME).out == "".join(
        f"{name}: removed from {cache / name}.\n" for name in (OTHER, NAME)
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pull",), "expected the NAMES of presets, or --all"),
        (("pull", NAME, "--all"), "expected the NAMES of presets, or --all"),
        (("pull", NAME[:-1] + "9"), "There is no preset 'ifss_synthetic_v9' that is fetched on demand"),
        (("pull", "../../etc/passwd"), "There is no preset '../../etc/passwd'"),
        (("path", NAME), f"`ifss models pull {NAME}` fetches it"),
        (("path", "../nowhere"), "There is no preset and no folder '../nowhere'"),
        (("verify", NAME), f"`ifss models pull {NAME}` fetches it"),
        (("remove", NAME), "is not in the cache"),
        (("remove", DEFAULT_PRESET), "is part of the package"),
        (("remove", ".."), "There is no preset '..'"),
    ],
)
def test_what_there_is_not_is_refused(arguments, said, ifss, cache):
    assert said in one_sentence(ifss("models", *arguments))
    assert not cache.exists()


def test_a_damaged_file_is_found_and_fetched_again(ifss, cache):
    ifss("models", "pull", NAME)
    shutil.copy(SHELF / OTHER / "card.md", cache / NAME / "card.md")
    assert "no bytes in card.md" in one_sentence(ifss("models", "verify", NAME))
    assert "no bytes in card.md" in one_sentence(ifss("models", "verify"))
    assert ifss("models", "pull", NAME).code == 0
    assert ifss("models", "verify", NAME).code == 0


@pytest.mark.slow
def test_a_prediction_fetches_its_preset(ifss, cache, case):
    outcome = ifss("predict", case.image, "--reference", case.reference, "-o", case.output, "--preset", NAME, "--json")
    assert as_json(outcome)["weights"] == NAME
    assert where(ifss)[NAME] == "cached"
    assert case.output.is_file()


def test_without_a_host_a_prediction_says_so(ifss, cache, case, monkeypatch, snapshot):
    monkeypatch.delenv("IFSS_WEIGHTS_URL")
    before = snapshot(case.folder)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--preset")
    text = one_sentence(ifss(*arguments, NAME))
    assert "no host to fetch it from is configured: name one by IFSS_WEIGHTS_URL" in text
    assert text.endswith("(option --preset)\n")
    monkeypatch.setenv("IFSS_WEIGHTS_URL", "ftp://a.example")
    assert "IFSS_WEIGHTS_URL cannot be used: expected https://HOST" in one_sentence(ifss(*arguments, NAME))
    assert snapshot(case.folder) == before


def test_a_training_without_a_host_says_so(ifss, cache, monkeypatch, tmp_path):
    monkeypatch.delenv("IFSS_WEIGHTS_URL")
    recipe = SHELF / DEFAULT_PRESET / "recipe.yaml"
    text = one_sentence(ifss("train", "--recipe", recipe, "-o", tmp_path / "run", "--start-from", NAME))
    assert "no host to fetch it from is configured" in text
    assert text.endswith("(option --start-from)\n")
    assert not (tmp_path / "run").exists()
