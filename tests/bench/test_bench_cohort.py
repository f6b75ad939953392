"""The cohort: made once, read as any data set; and which slices of it are annotated."""

import numpy as np
import pytest

from ifss_keras.bench.cohort import Calves, codes_of, make_calves, read_cohort
from ifss_keras.bench.references import Spacing, first_three, spaced
from ifss_keras.core.errors import InputError
from ifss_keras.synthetic import calf
from ifss_keras.volumes.io import read_labels, read_volume, write_labels, write_volume
from ifss_keras.volumes.volume import Volume


def test_the_cohort_is_read_with_names_splits_and_its_slices(tiny_cohort):
    assert tiny_cohort.names == {100: "SOL", 150: "GM"}
    assert [case.subject for case in tiny_cohort.validation] == ["leg2"]
    assert [case.subject for case in tiny_cohort.test] == ["leg3", "leg4"]
    assert tiny_cohort.slices == 14
    assert "2 volumes to train on, 1 to validate on, 2 to test on" in tiny_cohort.description
    assert (tiny_cohort.muscle("GM"), tiny_cohort.muscle("GL")) == (150, 100)
    assert np.allclose(read_volume(tiny_cohort.test[0].image).spacing_mm, (1.5, 0.5, 1.0))


def test_calves_are_made_once_from_seeds_of_their_own(tmp_path):
    few = Calves(training=1, validation=1, test=1, first_seed=960_500, slices=20, size=24)
    path = make_calves(tmp_path / "calves", few)
    cohort = read_cohort(path, str(few))
    truth = calf(960_502, slices=20, size=24)
    assert np.array_equal(read_labels(cohort.test[0].labels).array, truth.labels)
    assert np.array_equal(read_volume(cohort.test[0].image).array, truth.image)
    assert "seeds 960500 to 960502" in cohort.description
    before = {file.name: file.stat().st_mtime_ns for file in path.parent.glob("*.nii.gz")}
    assert len(before) == 6
    make_calves(tmp_path / "calves", few)
    assert {file.name: file.stat().st_mtime_ns for file in path.parent.glob("*.nii.gz")} == before
    assert read_cohort(path).fingerprint == cohort.fingerprint


def test_another_file_is_another_cohort(tmp_path):
    few = Calves(training=1, validation=1, test=1, first_seed=960_500, slices=20, size=24)
    cohort = read_cohort(make_calves(tmp_path, few))
    (tmp_path / "calf_960500_labels.nii.gz").write_bytes(b"more than that, and no volume at all" * 100)
    assert read_cohort(tmp_path / "cohort.csv").fingerprint != cohort.fingerprint


def test_a_data_set_without_volumes_to_test_on_is_refused(tmp_path):
    few = Calves(training=2, validation=1, test=0, first_seed=960_500, slices=20, size=24)
    with pytest.raises(InputError, match="no volumes to score: expected annotated ones of the split test"):
        read_cohort(make_calves(tmp_path, few))


def test_labels_are_the_same_by_name_whatever_their_codes(tmp_path):
    lines = ["subject,image,labels,split"]
    for number, (split, names) in enumerate(
        (("train", {3: "SOL"}), ("val", {3: "SOL"}), ("test", {3: "SOL", 5: "GM"}), ("test", {3: "GM", 9: "SOL"}))
    ):
        labels = np.zeros((9, 4, 5), np.uint8)
        for place, code in enumerate(names):
            labels[:, place] = code
        volume = Volume.from_array(labels, (1.0, 1.0, 1.0))
        write_volume(tmp_path / f"{number}.nrrd", labels, volume)
        write_labels(tmp_path / f"{number}.seg.nrrd", labels, volume, names)
        lines.append(f"leg{number},{number}.nrrd,{number}.seg.nrrd,{split}")
    (tmp_path / "legs.csv").write_text("\n".join(lines) + "\n")
    cohort = read_cohort(tmp_path / "legs.csv")
    assert sorted(cohort.names.values()) == ["GM", "SOL"]
    rows = []
    for case in cohort.test:
        labels = read_labels(case.labels)
        meant = codes_of(labels, cohort.names)
        sol = [code for code, known in meant.items() if known == cohort.muscle("SOL")]
        rows.append(np.flatnonzero(np.isin(labels.array, sol).any(axis=(0, 2))).tolist())
    assert rows == [[0], [1]]


def test_the_default_calves_are_as_many_to_train_on_as_the_papers_volumes():
    counts = list(Calves().splits.values())
    assert [counts.count(split) for split in ("train", "validation", "test")] == [29, 2, 4]
    assert min(Calves().splits) == 960_000


@pytest.mark.parametrize(
    ("every", "slices", "expected"),
    [(100, 1400, (3, 100)), (300, 1400, (3, 300)), (100, 140, (1, 33)), (200, 140, (1, 67)), (300, 140, (1, 100)),
     (100, 720, (2, 67)), (200, 2800, (6, 400))],
)  # fmt: skip
def test_spacing_keeps_the_papers_share(every, slices, expected):
    spacing = Spacing.scaled(every, slices)
    assert (spacing.run, spacing.every) == expected
    assert spacing.run / spacing.every == pytest.approx(3 / every, rel=0.02)


def test_spacing_in_words():
    assert [str(Spacing.scaled(100, slices)) for slices in (140, 1400)] == ["1 slice every 33", "3 slices every 100"]


def test_the_first_three_slices_begin_at_a_tenth_of_the_largest_area():
    areas = np.array([0, 0, 3, 9, 10, 40, 100, 60, 0, 0])
    assert first_three(areas) == [4, 5, 6]
    assert first_three(np.array([0, 0, 0, 5])) == [3]
    assert first_three(np.array([0, 7, 5])) == [1, 2]


def test_spaced_slices_begin_there_too_and_hold_the_muscle():
    areas = np.array([0, 1, 20, 100, 100, 100, 100, 100, 100, 100, 2, 0])
    assert spaced(areas, Spacing(1, 4)) == [2, 6, 10]
    assert spaced(areas, Spacing(2, 4)) == [2, 3, 6, 7, 10]
    assert spaced(areas, Spacing(1, 50)) == [2]
