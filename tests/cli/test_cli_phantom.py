"""`ifss phantom`."""

import numpy as np
import pytest

from ifss_keras.synthetic import calf
from ifss_keras.volumes.io import read_labels, read_volume

SMALL = ("--slices", 12, "--size", 32)


@pytest.mark.parametrize("extension", [".nii.gz", ".mha", ".seg.nrrd"])
def test_same_seed_same_bytes(extension, tmp_path, ifss):
    written = []
    for name in ("a", "b"):
        image, labels = tmp_path / f"{name}{extension}", tmp_path / f"{name}_labels{extension}"
        assert ifss("phantom", image, "--labels", labels, "--seed", 3, *SMALL).code == 0
        written.append((image.read_bytes(), labels.read_bytes()))
    assert written[0] == written[1]


def test_writes_the_calf_of_the_library(tmp_path, ifss):
    image, labels = tmp_path / "image.nii.gz", tmp_path / "labels.seg.nrrd"
    outcome = ifss("phantom", image, "--labels", labels, "--seed", 3, *SMALL, "--length-mm", 150)
    assert (outcome.code, outcome.err) == (0, "")
    made = calf(3, slices=12, size=32, length_mm=150.0)
    volume, truth = read_volume(image), read_labels(labels)
    np.testing.assert_array_equal(volume.array, made.image)
    np.testing.assert_array_equal(truth.array, made.labels)
    np.testing.assert_allclose(volume.spacing_mm, made.spacing_mm, rtol=1e-6)
    assert truth.source.names == made.names


def test_seed_kind_and_appearance_matter(tmp_path, ifss):
    held = set()
    others = [("--seed", 1), ("--kind", "shapes"), ("--appearance", "shifted"), ("--ends", "blunt")]
    for number, more in enumerate([(), *others]):
        image = tmp_path / f"{number}.nii.gz"
        assert ifss("phantom", image, "--labels", tmp_path / "labels.nii.gz", *SMALL, *more).code == 0
        held.add(read_volume(image).array.tobytes())
    assert len(held) == 5


@pytest.mark.parametrize(
    ("image", "labels", "more", "said"),
    [
        ("a.nii.gz", "a.nii.gz", (), "overwrite"),
        ("a.nii.gz", "nowhere/b.nii.gz", (), "nowhere"),
        ("a.png", "b.nii.gz", (), "a.png"),
        ("a.nii.gz", "b.nii.gz", ("--slices", 1), "--slices"),
        ("a.nii.gz", "b.nii.gz", ("--seed", -1), "--seed"),
        ("a.nii.gz", "b.nii.gz", ("--kind", "shapes", "--appearance", "shifted"), "--appearance"),
        ("a.nii.gz", "b.nii.gz", ("--kind", "structures", "--ends", "blunt"), "--ends"),
        ("a.nii.gz", "b.nii.gz", ("--ends", "sharp"), "--ends"),
        ("a.nii.gz", "b.nii.gz", ("--size", 1_000_000), "160 slices of 1000000x1000000 pixels needs 640000 GB"),
        ("a.nii.gz", "b.nii.gz", ("--slices", 10**30), "GB of memory or more"),
        ("a.nii.gz", "b.nii.gz", ("--slices", 3), "slices must lie at most 50 mm apart, received 3 over 200 mm"),
        ("a.nii.gz", "b.nii.gz", ("--length-mm", 1e300), "length_mm must lie from 20 to 2000 mm"),
    ],
)
def test_refusals_write_nothing(image, labels, more, said, tmp_path, ifss, snapshot):
    outcome = ifss("phantom", tmp_path / image, "--labels", tmp_path / labels, *more)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith("Error: ")
    assert said in outcome.err
    assert snapshot(tmp_path) == {}
