"""Files as the dock and napari open them."""

import fnmatch
from pathlib import Path

import numpy as np
import pytest
import yaml

import ifss_keras.napari_plugin
from ifss_keras.core.errors import InputError
from ifss_keras.jobs.demo import DEMO_SEED, annotated_slices
from ifss_keras.napari_plugin.layers import KEY
from ifss_keras.napari_plugin.opening import QUESTIONS, read_asking, read_labels_over
from ifss_keras.napari_plugin.reader import get_reader
from ifss_keras.napari_plugin.sample import demo_calf
from ifss_keras.synthetic import calf
from ifss_keras.volumes.formats.registry import FORMATS
from ifss_keras.volumes.io import read_volume, write_labels, write_volume
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.5, 0.8, 0.5)


@pytest.fixture
def image(tmp_path, volume):
    write_volume(tmp_path / "calf.mha", volume.array, volume)
    return tmp_path / "calf.mha"


def never(question):
    raise AssertionError(question)


def test_an_image_is_a_layer_that_keeps_its_volume(image, volume):
    (layer,) = get_reader(str(image))([str(image)])
    asked = read_asking(image, never)
    for array, about, kind in (layer, asked):
        np.testing.assert_array_equal(array, volume.array)
        assert (kind, about["name"], about["units"]) == ("image", "calf.mha", "millimeter")
        assert about["scale"] == pytest.approx(SPACING_MM)
        assert about["metadata"][KEY]["volume"].source.path == image
        assert about["metadata"][KEY]["volume"].array is array


def test_an_oblique_nifti_is_shown_upright_and_keeps_its_own_affine(
    tmp_path, two_muscles, oblique_affine, write_stored
):
    path = write_stored(
        tmp_path / "calf.nii.gz", np.ascontiguousarray(two_muscles[0].transpose(2, 1, 0)), oblique_affine
    )
    ((array, about, _),) = get_reader(str(path))(str(path))
    np.testing.assert_array_equal(array, two_muscles[0])
    assert about["scale"] == pytest.approx(SPACING_MM)
    np.testing.assert_array_equal(about["affine"], np.eye(4))
    np.testing.assert_allclose(about["metadata"][KEY]["volume"].stored_affine, oblique_affine, atol=1e-5)


def test_a_segmentation_is_a_labels_layer_with_its_names(tmp_path, volume, two_muscles):
    write_labels(tmp_path / "calf.seg.nrrd", two_muscles[1], volume, {3: "SOL", 7: "GM"})
    ((array, about, kind),) = get_reader("x")(str(tmp_path / "calf.seg.nrrd"))
    np.testing.assert_array_equal(array, two_muscles[1])
    assert (kind, about["metadata"][KEY]["names"]) == ("labels", {3: "SOL", 7: "GM"})
    assert array.flags.writeable


def test_labels_lie_on_the_image_where_their_file_says(tmp_path, image, volume, two_muscles):
    part = Volume.from_array(two_muscles[0][2:11], SPACING_MM)
    part.affine[2, 3] = 2 * SPACING_MM[0]
    write_labels(tmp_path / "part.nrrd", two_muscles[1][2:11], part)
    labels, names = read_labels_over(tmp_path / "part.nrrd", read_volume(image))
    expected = two_muscles[1].copy()
    expected[[0, 1, 11, 12]] = 0
    np.testing.assert_array_equal(labels, expected)
    assert (names, labels.flags.writeable) == ({}, True)


@pytest.fixture
def unsaid(tmp_path, two_muscles):
    """A MAT-file, which says no spacing."""
    import scipy.io

    scipy.io.savemat(tmp_path / "calf.mat", {"calf": two_muscles[0].transpose(1, 2, 0)})
    return tmp_path / "calf.mat"


def test_what_a_file_does_not_say_is_asked_for(unsaid, two_muscles):
    asked = []
    array, about, _ = read_asking(unsaid, lambda question: asked.append(question) or "2.5, 0.8,0.5")
    np.testing.assert_array_equal(array, two_muscles[0])
    assert about["scale"] == pytest.approx(SPACING_MM)
    assert asked == [QUESTIONS["spacing_mm"]]
    assert read_asking(unsaid, lambda question: None) is None


@pytest.mark.parametrize("answer", ["", "2.5", "2.5;0.8;0.5", "2.5,0.8,thick"])
def test_an_answer_that_says_nothing_is_refused(answer, unsaid):
    with pytest.raises(InputError, match="cannot be used: expected distance of neighbouring slices, rows and columns"):
        read_asking(unsaid, lambda question: answer)


def test_other_faults_are_not_asked_about(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_asking(tmp_path / "absent.mha", never)


def test_a_stack_of_files_has_no_reader():
    assert get_reader(["a.tif", "b.tif"]) is None


def test_the_manifest_takes_every_format():
    manifest = yaml.safe_load(Path(ifss_keras.napari_plugin.__path__[0], "napari.yaml").read_text(encoding="utf-8"))
    (reader,) = manifest["contributions"]["readers"]
    for suffix in FORMATS:
        assert any(fnmatch.fnmatch(f"calf{suffix}", pattern) for pattern in reader["filename_patterns"]), suffix
    assert reader["accepts_directories"]


def test_the_sample_is_the_demos_calf():
    size = {"slices": 20, "size": 48}
    (array, about, kind), (labels, of_labels, labels_kind) = demo_calf(**size)
    phantom = calf(DEMO_SEED, **size)
    np.testing.assert_array_equal(array, phantom.image)
    slices = annotated_slices(phantom.labels)
    assert np.flatnonzero(labels.any(axis=(1, 2))).tolist() == slices
    np.testing.assert_array_equal(labels[slices], phantom.labels[slices])
    assert (kind, labels_kind) == ("image", "labels")
    assert about["scale"] == of_labels["scale"] == phantom.spacing_mm
    assert of_labels["metadata"][KEY]["names"] == {100: "SOL", 150: "GM", 200: "GL"}
