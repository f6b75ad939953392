"""A session's files: the mask, the slices that `ifss predict` makes the same mask of, and the report."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.inference.predictor import Predictor
from ifss_keras.jobs.job import Job
from ifss_keras.jobs.predict import run_job
from ifss_keras.jobs.save_session import Places, save_session
from ifss_keras.volumes.io import read_labels, read_volume, write_volume
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.5, 0.8, 0.5)


@pytest.fixture(scope="module")
def tiny(tiny_preset):
    return Predictor.from_preset(tiny_preset)


@pytest.fixture
def image(tmp_path, two_muscles):
    path = tmp_path / "calf.mha"
    write_volume(path, two_muscles[0], Volume.from_array(two_muscles[0], SPACING_MM))
    return path


def annotated(tiny, volume, labels):
    """A session with three annotated slices of each muscle."""
    session = tiny.open(volume)
    session.names[7] = "GM"
    session.revise({code: {index: labels[index] == code for index in (2, 6, 10)} for code in (3, 7)})
    return session


@pytest.fixture
def session(tiny, image, two_muscles):
    return annotated(tiny, read_volume(image), two_muscles[1])


@pytest.mark.parametrize("name", ["leg.nii.gz", "leg.seg.nrrd"])
def test_the_command_line_makes_the_same_of_what_is_saved(name, session, image, tiny_preset, tmp_path):
    places = save_session(session, str(tiny_preset), tmp_path / name)
    mask = read_labels(places.mask)
    np.testing.assert_array_equal(mask.array, session.labels)
    np.testing.assert_allclose(mask.affine, session.volume.affine)
    again = run_job(Job(image, places.references, tmp_path / "again.mha", preset=str(tiny_preset)))
    np.testing.assert_array_equal(again.prediction.labels, session.labels)
    assert again.prediction.to_dict() == session.prediction().to_dict()
    assert again.prediction.names == {3: "3", 7: "GM"}


def test_records_and_report_tell_where_all_is_from(session, image, tiny_preset, tmp_path):
    session.revise({7: {index: np.zeros((20, 24), bool) for index in (12, 0)}})
    places = save_session(session, str(tiny_preset), tmp_path / "leg.nii.gz")
    assert places == Places(tmp_path / "leg.nii.gz", tmp_path / "leg_references.seg.nrrd", tmp_path / "leg_report")
    inputs = json.loads((tmp_path / "leg.nii.gz.ifss.json").read_text())["inputs"]
    assert {name: Path(held["path"]).name for name, held in inputs.items()} == {
        "image": "calf.mha",
        "reference": "leg_references.seg.nrrd",
        "weights": "best.weights.h5",
    }
    page = (places.report / "report.html").read_text(encoding="utf-8")
    assert "leg_references.seg.nrrd" in page
    assert re.search(r"Parameter absent on slices.{0,40}GM = 0 and 12", page, re.DOTALL)
    rows = (places.report / "volumes.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3


def test_an_own_output_is_replaced_and_a_changed_one_is_not(session, tiny_preset, tmp_path, two_muscles):
    places = save_session(session, str(tiny_preset), tmp_path / "leg.nii.gz")
    session.annotate(4, two_muscles[1][4] == 3, 3)
    save_session(session, str(tiny_preset), places.mask)
    np.testing.assert_array_equal(read_labels(places.mask).array, session.labels)
    places.references.write_bytes(b"somebody's own")
    held = places.mask.read_bytes()
    session.annotate(8, two_muscles[1][8] == 3, 3)
    with pytest.raises(InputError, match=r"leg_references\.seg\.nrrd is there already and was changed") as refused:
        save_session(session, str(tiny_preset), places.mask)
    assert (refused.value.setting, places.mask.read_bytes() == held) == ("force", True)
    save_session(session, str(tiny_preset), places.mask, force=True)
    np.testing.assert_array_equal(read_labels(places.mask).array, session.labels)


def test_a_volume_in_memory_is_known_again_by_its_voxels(tiny, tiny_preset, tmp_path, two_muscles):
    image, labels = two_muscles
    session = annotated(tiny, Volume.from_array(image, SPACING_MM), labels)
    places = save_session(session, str(tiny_preset), tmp_path / "leg.nii.gz")
    save_session(session, str(tiny_preset), places.mask)
    other = annotated(tiny, Volume.from_array(255 - image, SPACING_MM), labels)
    with pytest.raises(InputError, match="was made from another input"):
        save_session(other, str(tiny_preset), places.mask)
    assert "none (in memory)" in (places.report / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("leg.jpg", "unknown extension"),
        ("absent/leg.nii.gz", "expected an existing folder"),
        ("calf.mha", "would overwrite the input"),
    ],
)
def test_places_that_cannot_be_are_refused_before_anything_is_written(name, told, session, tiny_preset, tmp_path):
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=told):
        save_session(session, str(tiny_preset), tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_without_an_annotated_slice_there_is_nothing_to_save(tiny, image, tiny_preset, tmp_path):
    with pytest.raises(InputError, match="has no annotated slice"):
        save_session(tiny.open(read_volume(image)), str(tiny_preset), tmp_path / "leg.nii.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["calf.mha"]
