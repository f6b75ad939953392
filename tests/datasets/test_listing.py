"""Which volumes a data set has, by its CSV or the names in its folder, and how they are split."""

from pathlib import Path

import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.datasets.listing import Case, Dataset, read_dataset, splits


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def listed(path):
    """(subject, image, labels, split) of each case, the files by their names below the folder."""
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    return [
        (
            case.subject,
            case.image.relative_to(folder).as_posix(),
            case.labels and case.labels.relative_to(folder).as_posix(),
            case.split,
        )
        for case in read_dataset(path).cases
    ]


def test_leg_3d_us_is_read_as_it_is(tmp_path):
    names = ("train/x10.mha", "train/masksX10.mha", "train/x2.mha", "train/masksX2.mha", "train/x3.mha")
    touch(tmp_path, *names, "val/x7.mha", "val/masksX7.mha", "test/x1.mha", "test/masksX1.mha", "readme.txt")
    assert listed(tmp_path) == [
        ("1", "test/x1.mha", "test/masksX1.mha", "test"),
        ("2", "train/x2.mha", "train/masksX2.mha", "train"),
        ("3", "train/x3.mha", None, "train"),
        ("7", "val/x7.mha", "val/masksX7.mha", "validation"),
        ("10", "train/x10.mha", "train/masksX10.mha", "train"),
    ]
    assert listed(tmp_path / "val") == [("7", "x7.mha", "masksX7.mha", None)]


def test_nnunet_takes_the_first_channel_and_tests_on_its_test_images(tmp_path):
    touch(tmp_path, "imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b_0000.nii.gz")
    assert listed(tmp_path) == [
        ("a", "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", None),
        ("b", "imagesTs/b_0000.nii.gz", None, "test"),
    ]


@pytest.mark.parametrize("labels", ["label.mha", "labels.nii.gz", "mask.nrrd", "masks.mha", "seg.seg.nrrd"])
def test_a_folder_for_each_subject(tmp_path, labels):
    touch(tmp_path, "P2/image.nii.gz", f"P2/{labels}", "P1/image.mha", "other/notes.txt", ".hidden/image.mha")
    assert listed(tmp_path) == [("P1", "P1/image.mha", None, None), ("P2", "P2/image.nii.gz", f"P2/{labels}", None)]


@pytest.mark.parametrize(
    "labels", ["leg_label.mha", "leg_labels.nii", "leg_mask.mha", "leg-masks.mha", "leg_seg.nrrd", "leg.seg.nrrd"]
)
def test_pairs_in_one_folder(tmp_path, labels):
    touch(tmp_path, "leg.mha", labels, "arm.nii.gz", "._leg.mha")
    assert listed(tmp_path) == [("arm", "arm.nii.gz", None, None), ("leg", "leg.mha", labels, None)]


def test_a_csv_is_relative_to_its_folder_and_knows_two_legs_of_one_subject(tmp_path):
    text = (
        "\ufeffSubject, image ,labels,split\n"
        'P1,a/left.mha,a/l.mha,train\nP1,"a/right, 2.mha",,Training\n\nP2,b.mha,c.mha,val\nP3,d.mha,,\n'
    )
    (tmp_path / "legs.csv").write_text(text, encoding="utf-8")
    assert listed(tmp_path / "legs.csv") == [
        ("P1", "a/left.mha", "a/l.mha", "train"),
        ("P1", "a/right, 2.mha", None, "train"),
        ("P2", "b.mha", "c.mha", "validation"),
        ("P3", "d.mha", None, None),
    ]
    (tmp_path / "excel.csv").write_text("subject;image;labels\nP1;a.mha;b.mha\n")
    assert listed(tmp_path / "excel.csv") == [("P1", "a.mha", "b.mha", None)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begins with '': expected subject,image,labels or subject,image,labels,split"),
        ("image,subject,labels\n", "begins with 'image,subject,labels'"),
        ("subject,image,labels\nP1,a.mha\n", "Line 2 of .* has 2 values: expected 3"),
        ("subject,image,labels\n\n,a.mha,b.mha\n", "Line 3 of .* has no subject"),
        ("subject,image,labels,split\nP1,a.mha,b.mha,holdout\n", "Line 2 of .* has the split 'holdout'"),
        (f"subject,image,labels\nP1,{200_000 * 'a'},b.mha\n", "Line 2 of .* is no line of a CSV: field larger"),
        ("subject,image,labels\n", "has no volume that is understood"),
    ],
)
def test_a_csv_that_cannot_be_used_is_one_sentence(tmp_path, text, said):
    (tmp_path / "legs.csv").write_text(text)
    with pytest.raises(InputError, match=said) as refusal:
        read_dataset(tmp_path / "legs.csv")
    assert "\n" not in str(refusal.value)


def test_a_folder_in_which_nothing_fits_says_what_would(tmp_path):
    touch(tmp_path, "a.mha", "b.txt", "sub/c.mha")
    with pytest.raises(InputError, match=r"no volume that is understood: expected a CSV .* masksX1.mha .*nnU-Net"):
        read_dataset(tmp_path)
    with pytest.raises(InputError, match="does not exist: expected a folder or a CSV"):
        read_dataset(tmp_path / "nowhere")


def test_two_files_for_one_volume_are_refused(tmp_path):
    touch(tmp_path, "leg.mha", "leg.nii.gz", "leg_mask.mha")
    with pytest.raises(InputError, match=r"holds leg.mha and leg.nii.gz, both for leg: expected one"):
        read_dataset(tmp_path)
    touch(tmp_path / "others", "P1/image.mha", "P1/label.mha", "P1/mask.mha")
    with pytest.raises(InputError, match=r"holds label.mha and mask.mha, both for labels"):
        read_dataset(tmp_path / "others")


def dataset(*cases):
    """Of (subject, split, how many volumes)."""
    held = [
        Case(subject, Path(f"{subject}{number}.mha"), Path(f"{subject}{number}_mask.mha"), split)
        for subject, split, count in cases
        for number in range(count)
    ]
    return Dataset(Path("legs"), tuple(held))


def subjects(cases):
    return sorted({case.subject for case in cases})


def test_subjects_are_drawn_by_the_seed_with_all_their_volumes():
    legs = dataset(*((f"P{number}", None, 2) for number in range(10)))
    drawn = [splits(legs, 0.3, seed) for seed in range(20)]
    for training, validation in drawn:
        assert (len(training), len(validation)) == (14, 6)
        assert subjects((*training, *validation)) == subjects(legs.cases)
        assert not set(subjects(training)) & set(subjects(validation))
    assert drawn[3] == splits(legs, 0.3, 3)
    assert len({tuple(subjects(validation)) for _, validation in drawn}) > 10


@pytest.mark.parametrize(("share", "count"), [(0.01, 1), (0.5, 2), (0.99, 2)])
def test_at_least_one_subject_is_on_either_side(share, count):
    training, validation = splits(dataset(("A", None, 1), ("B", None, 1), ("C", None, 1)), share, 0)
    assert (len(training), len(validation)) == (3 - count, count)


def test_named_splits_are_kept_and_test_is_never_drawn():
    legs = dataset(("A", "train", 2), ("B", "validation", 1), ("C", "test", 3), ("D", None, 1))
    training, validation = splits(legs, 0.9, 0)
    assert (subjects(training), subjects(validation)) == (["A", "D"], ["B"])
    legs = dataset(("A", "train", 2), ("B", "train", 1), ("C", "test", 3))
    assert {subject for part in splits(legs, 0.5, 1) for subject in subjects(part)} == {"A", "B"}


def test_what_cannot_be_split_is_refused():
    unannotated = Case("B", Path("b.mha"))
    one = dataset(("A", None, 3), ("C", "test", 1))
    with pytest.raises(InputError, match="has 1 annotated subject outside of test: expected 2 or more"):
        splits(Dataset(one.path, (*one.cases, unannotated)), 0.5, 0)
    with pytest.raises(InputError, match="the subject A in the splits train and validation: expected each"):
        splits(dataset(("A", "train", 1), ("A", "validation", 1), ("B", "train", 1)), 0.5, 0)
    with pytest.raises(InputError, match="has nothing to train on"):
        splits(dataset(("A", "validation", 1), ("B", "test", 1)), 0.5, 0)
