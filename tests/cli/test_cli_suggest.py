"""`ifss suggest`, and `ifss predict --previous`."""

import json

import nibabel
import numpy as np
import pytest

from ifss_keras.inference.predictor import Predictor
from ifss_keras.inference.suggest import suggest
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.5, 0.8, 0.5)


def test_the_suggestions_are_those_of_python(case, ifss, tiny, two_muscles, snapshot):
    before = snapshot(case.folder)
    outcome = ifss("suggest", case.image, "--reference", case.reference, "--preset", tiny, "--count", 2, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    annotation = Annotation.from_array(two_muscles[1], keep_slices=np.array([2, 6, 10]))
    prediction = Predictor.from_preset(tiny).predict(Volume.from_array(two_muscles[0], SPACING_MM), annotation)
    expected = suggest(prediction, 2)
    found = json.loads(outcome.out)["suggestions"]
    assert [(held["slice"], held["label"], held["name"]) for held in found] == [
        (held.slice, held.code, str(held.code)) for held in expected
    ]
    assert [held["gain_ml"] for held in found] == pytest.approx([held.gain for held in expected], rel=1e-3)
    assert len(found) == 2
    assert snapshot(case.folder) == before


def test_the_table_names_slices_and_muscles(case, ifss, tiny):
    arguments = ("suggest", case.image, "--reference", case.reference, "--preset", tiny, "--label", "3=SOL")
    outcome = ifss(*arguments, "--label", "7=GM", "--count", 1)
    assert outcome.code == 0
    assert "Annotate next" in outcome.out
    assert ("SOL" in outcome.out) != ("GM" in outcome.out)


def test_nothing_to_look_at_is_one_sentence(case, ifss, tiny, tmp_path):
    outcome = ifss("suggest", case.image, "--reference", tmp_path / "none.mha", "--preset", tiny)
    assert (outcome.code, outcome.out) == (2, "")
    assert "does not exist" in outcome.err
    assert ifss("suggest", case.image, "--reference", case.reference, "--count", 0).code == 2


@pytest.fixture
def more(case):
    """References with slice 8 besides 2, 6 and 10, as a file."""
    held = nibabel.load(case.reference)
    stored = np.asarray(held.dataobj).copy()
    stored[..., 8] = case.labels[8].T
    nibabel.save(nibabel.Nifti1Image(stored, held.affine), case.folder / "more.nii.gz")
    return case.folder / "more.nii.gz"


def test_untouched_slices_are_copied_bit_for_bit(case, predict, ifss, tiny, more, read_mask):
    predict(case)
    before, _ = read_mask(case.output)
    output = case.folder / "again.nii.gz"
    arguments = ("predict", case.image, "--reference", more, "-o", output, "--preset", tiny, "--json")
    outcome = ifss(*arguments, "--previous", case.output)
    assert (outcome.code, outcome.err) == (0, "")
    after, _ = read_mask(output)
    untouched = [*range(7), *range(10, len(after))]
    np.testing.assert_array_equal(after[untouched], before[untouched])
    np.testing.assert_array_equal(after[8], case.labels[8])
    found = json.loads(outcome.out)
    assert found["previous"] == str(case.output)
    said = "The earlier mask is copied on slices 0 to 5 and 11 to 12; the mask was carried anew on slices 7 to 9."
    assert found["remarks"][0] == said
    shown = ifss(*arguments[:-1], "--previous", case.output, "--report", case.folder / "report", "--force")
    assert said in shown.out.splitlines()
    assert said in (case.folder / "report" / "report.html").read_text()
    assert {"image", "reference", "previous", "weights"} <= set(found["provenance"]["inputs"])


def test_an_earlier_mask_of_another_grid_is_refused(case, ifss, tiny, more):
    held = nibabel.load(case.reference)
    other = case.folder / "other.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.asarray(held.dataobj)[:, :-1], held.affine), other)
    arguments = ("predict", case.image, "--reference", more, "-o", case.output, "--preset", tiny)
    outcome = ifss(*arguments, "--previous", other)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{other} lies on another grid" in outcome.err
    assert not case.output.exists()
    sparse = ifss(*arguments, "--previous", case.reference)
    assert (sparse.code, sparse.out) == (2, "")
    assert f"{case.reference} holds nothing but annotated slices: expected a whole mask" in sparse.err
    again = ifss(*arguments[:-2], "--method", "shape", "--previous", other)
    assert again.code == 2
    assert "leave it out. (option --previous)" in again.err
