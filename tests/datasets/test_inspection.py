"""What is found wrong with a data set, and what is known of it."""

import numpy as np
import pytest

from ifss_keras.datasets.comparison import compare_cases
from ifss_keras.datasets.inspection import inspect_case, slices_told
from ifss_keras.datasets.listing import read_dataset
from tests.datasets.lab import AFFINE, SPACING_MM, leg_3d_us, stored, volume


@pytest.fixture
def write(tmp_path, write_stored):
    """A function that writes the leg of a seed, changed by a function of image and labels."""

    def write(seed=0, change=None, name="leg", folder=None, affine=AFFINE):
        image, labels = volume(seed)
        folder = tmp_path / "legs" / (folder or "")
        folder.mkdir(parents=True, exist_ok=True)
        if change:
            change(image, labels)
        write_stored(folder / f"{name}.mha", stored(image), affine)
        write_stored(folder / f"{name}_mask.mha", stored(labels), affine)
        return image, labels

    return write


@pytest.fixture
def inspected(tmp_path):
    """A function that inspects the data set that was written: what is known, the texts by severity."""

    def inspect():
        dataset = read_dataset(tmp_path / "legs")
        known, findings = [], []
        for case in dataset.cases:
            facts, found = inspect_case(case)
            known += [facts] if facts else []
            findings += found
        together = compare_cases(dataset, known)
        return known, *([f.text for f in part if f.severity == kind] for part in (findings, together)
                        for kind in ("error", "warning"))  # fmt: skip

    return inspect


def only(texts):
    assert len(texts) == 1, texts
    return texts[0]


def test_volumes_without_a_fault_are_known_by_their_numbers(tmp_path, write_stored, inspected):
    arrays = leg_3d_us(write_stored, tmp_path / "legs", (1, 2))
    known, *texts = inspected()
    assert texts == [[], [], [], []]
    for facts, (_, labels) in zip(known, arrays.values(), strict=True):
        assert facts.shape == (14, 20, 24)
        assert facts.spacing_mm == pytest.approx(SPACING_MM)
        assert [(label.code, label.name, label.slices) for label in facts.labels] == [(100, "SOL", 12), (150, "GM", 9)]
        expected = [np.count_nonzero(labels == code) * np.prod(SPACING_MM) / 1000 for code in (100, 150)]
        assert [label.volume_ml for label in facts.labels] == pytest.approx(expected, rel=1e-5)


def spoil(part, where, value):
    def change(image, labels):
        {"image": image, "labels": labels}[part][where] = value

    return change


@pytest.mark.parametrize(
    ("change", "severity", "said"),
    [
        (spoil("image", slice(None), 7), "error", "leg.mha is constant: expected an image, received one grey value"),
        (spoil("image", [3, 4, 9], 0), "warning", "leg.mha is empty on slices 3 to 4, 9: expected an image there"),
        (spoil("image", [5, 6], 9), "warning", "leg.mha repeats the slice before on slice 6: expected others"),
        (spoil("labels", [4, 5, 8], 0), "warning", "leg_mask.mha: 100 is missing on slices 4 to 5, 8, between slices"),
        (spoil("labels", slice(0, 7), 0), "warning", "leg_mask.mha: 150 is in 4 slices: expected 8 or more"),
        (spoil("labels", (6, 19, 3), 100), "warning", "leg_mask.mha: 100 reaches the border of the image on slice 6"),
        (spoil("labels", (slice(3, 5), 9, 0), 150), "warning", "150 reaches the border of the image on slices 3 to 4"),
        (spoil("labels", slice(None), 0), "warning", "leg_mask.mha is empty: expected a label, received none"),
    ],
)
def test_a_fault_of_a_volume_is_found(write, inspected, change, severity, said):
    write(0, change)
    _, errors, warnings, *_ = inspected()
    assert any(said in text for text in (errors if severity == "error" else warnings))
    assert all("\n" not in text for text in (*errors, *warnings))


def test_files_that_cannot_be_read_are_told_and_the_others_go_on(tmp_path, write, inspected):
    write(0, name="a"), write(1, name="b"), write(2, name="c")
    (tmp_path / "legs" / "a.mha").write_bytes(b"")
    (tmp_path / "legs" / "b_mask.mha").write_text("no volume")
    known, errors, *_ = inspected()
    assert [facts.case.subject for facts in known] == ["b", "c"]
    assert len(errors) == 2
    assert "a.mha is empty" in errors[0]
    assert "b_mask.mha" in errors[1]


def test_another_grid_or_no_spacing_is_an_error(tmp_path, write, write_stored, inspected):
    _, labels = write()
    write_stored(tmp_path / "legs" / "leg_mask.mha", stored(labels[:-1]), AFFINE)
    assert "lies on another grid: expected shape (14, 20, 24)" in only(inspected()[1])


def test_odd_spacing_is_told(write, inspected):
    write(0, name="a", affine=np.diag([1.0, 1, 1, 1]))
    assert "a.mha says 1 x 1 x 1 mm, which programs write that know no spacing" in only(inspected()[2])
    write(0, name="a", affine=np.diag([0.1, 0.1, 2.5, 1]))
    assert "says voxels of 2.5 x 0.1 x 0.1 mm (slice, row, column): expected at most 20" in only(inspected()[2])


def test_a_spacing_unlike_the_others_is_told(write, inspected):
    for name, scale in (("a", 1), ("b", 1.1), ("c", 2.5)):
        write(ord(name), name=name, affine=AFFINE @ np.diag([1, scale, 1, 1]))
    assert "c.mha has voxels of 1.5 x 0.75 x 0.2 mm, most volumes 1.5 x 0.33 x 0.2 mm" in only(inspected()[4])


def test_a_subject_in_two_splits_is_an_error(write, inspected):
    write(1, name="a", folder="train"), write(2, name="a", folder="val"), write(3, name="b", folder="train")
    assert "The subject a is in the splits train and validation" in only(inspected()[3])


def test_one_subject_is_too_few(write, inspected):
    write()
    assert "has 1 annotated subject outside of test" in only(inspected()[3])


def test_the_same_image_of_two_subjects_is_an_error(write, inspected):
    write(1, name="a"), write(1, name="b"), write(2, name="c")
    assert "b.mha is the same file as" in only(inspected()[3])


def test_labels_in_some_volumes_only_are_told(write, inspected):
    write(1, name="a"), write(2, name="b")
    write(3, lambda image, labels: np.putmask(labels, labels == 150, 100), name="c")
    assert "The label 150 is in 2 of 3 volumes, not of c: check these" in only(inspected()[4])


def test_nothing_to_learn_from_is_an_error(write, inspected):
    for name in "ab":
        write(ord(name), lambda image, labels: np.putmask(labels[8:], labels[8:] > 0, 0), name=name)
    assert "has nothing to train on: expected a label in 8 slices or more" in only(inspected()[3])


def test_slices_are_told_in_runs():
    assert slices_told([4]) == "slice 4"
    assert slices_told([4, 5, 7]) == "slices 4 to 5, 7"
    assert slices_told(range(0, 20, 2)) == "slices 0, 2, 4, 6 and 6 more"
