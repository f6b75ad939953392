"""Raw data sets of nnU-Net: names, numbers, voxels and grids, read back by nibabel and SimpleITK alone."""

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.datasets.listing import Case, Dataset, read_dataset
from ifss_keras.exports.nnunet import check_dataset_place, members_of, write_dataset
from ifss_keras.volumes.io import write_labels
from ifss_keras.volumes.volume import Volume
from tests.datasets.lab import AFFINE, leg_3d_us, stored, volume, write_pair


@pytest.fixture
def lab(tmp_path, write_stored, oblique_affine):
    """A CSV of five volumes in four formats, and (image, labels) by the name of each case."""
    held = {}
    for seed, (name, suffix, affine, codes) in enumerate(
        [
            ("one", "mha", AFFINE, (100, 150)),
            ("two", "nii.gz", oblique_affine, (100, 150)),
            ("three", "nrrd", AFFINE, (100, 300)),
            ("four", "mha", oblique_affine, (100, 150)),
        ]
    ):
        held[name] = volume(seed, slices=12 + seed, codes=codes)
        for what, array in zip(("image", "labels"), held[name], strict=True):
            write_stored(tmp_path / f"{name}_{what}.{suffix}", stored(array), affine)
    held["five"] = volume(7)[0].astype(np.float32) / 7, None
    write_stored(tmp_path / "five.nii.gz", stored(held["five"][0]), oblique_affine)
    rows = [
        "subject,image,labels,split",
        "P 1,one_image.mha,one_labels.mha,train",
        "P 1,two_image.nii.gz,two_labels.nii.gz,train",
        "P/2,three_image.nrrd,three_labels.nrrd,val",
        "P3,four_image.mha,four_labels.mha,test",
        "P4,five.nii.gz,,",
    ]
    (tmp_path / "legs.csv").write_text("\n".join(rows))
    names = {"P_1_one_image": "one", "P_1_two_image": "two", "P_2": "three", "P3": "four", "P4": "five"}
    return tmp_path / "legs.csv", {name: held[file] for name, file in names.items()}


@pytest.fixture
def written(lab, tmp_path):
    """A function that writes the lab's data set with further choices; its folder, and what is told."""

    def write(**choices):
        folder = tmp_path / "Dataset501_Legs"
        folder.mkdir()
        choices = {"names": {100: "SOL", 150: "GM", 300: "GM"}} | choices
        return folder, write_dataset(folder, read_dataset(lab[0]), **choices)

    return write


def read(path):
    """(slice, row, column) and the affine."""
    image = nibabel.load(path)
    return np.asanyarray(image.dataobj).transpose(2, 1, 0), image.affine


PARTS = {"P_1_one_image": "Tr", "P_1_two_image": "Tr", "P_2": "Tr", "P3": "Ts", "P4": "Ts"}


def test_images_keep_voxels_type_and_place(lab, written, oblique_affine):
    folder, told = written()
    assert (told.count("Tr"), told.count("Ts")) == (3, 2)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.glob("images*/*"))
    assert paths == sorted(f"images{part}/{name}_0000.nii.gz" for name, part in PARTS.items())
    for name, part in PARTS.items():
        image, affine = read(folder / f"images{part}" / f"{name}_0000.nii.gz")
        assert image.dtype == lab[1][name][0].dtype
        np.testing.assert_array_equal(image, lab[1][name][0])
        oblique = name in ("P_1_two_image", "P3", "P4")
        np.testing.assert_allclose(affine, oblique_affine if oblique else AFFINE, atol=1e-5)


def test_labels_are_numbered_and_lie_on_their_images_to_the_last_bit(lab, written):
    folder, told = written()
    assert dict(told.labels) == {"background": 0, "SOL": 1, "GM": 2}
    assert sorted(path.name for path in folder.glob("labels*/*")) == [
        "P3.nii.gz", "P_1_one_image.nii.gz", "P_1_two_image.nii.gz", "P_2.nii.gz",
    ]  # fmt: skip
    for path in folder.glob("labels*/*"):
        name, part = path.name.removesuffix(".nii.gz"), path.parent.name.removeprefix("labels")
        labels, affine = read(path)
        truth = lab[1][name][1]
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, np.select([truth == 100, truth > 100], [1, 2], 0))
        image_path = folder / f"images{part}" / f"{name}_0000.nii.gz"
        assert np.array_equal(affine, read(image_path)[1])
        both = [sitk.ReadImage(str(held)) for held in (path, image_path)]
        for fact in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
            assert getattr(both[0], fact)() == getattr(both[1], fact)()


def test_dataset_json_and_the_files_beside_it(lab, written):
    folder, _ = written(channel="CT", licence="CC BY 4.0")
    facts = json.loads((folder / "dataset.json").read_text())
    assert facts["channel_names"] == {"0": "CT"}
    assert facts["labels"] == {"background": 0, "SOL": 1, "GM": 2}
    assert (facts["numTraining"], facts["file_ending"], facts["name"]) == (3, ".nii.gz", "Dataset501_Legs")
    assert (facts["description"], facts["licence"]) == ("5 volumes of 4 subjects", "CC BY 4.0")
    assert "overwrite_image_reader_writer" not in facts
    splits = json.loads((folder / "splits_final.json").read_text())
    assert splits == [{"train": ["P_1_one_image", "P_1_two_image"], "val": ["P_2"]}]
    with open(folder / "cases.csv", newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(PARTS)
    assert rows["P_2"]["subject"] == "P/2"
    assert rows["P_2"]["labels"] == str(lab[0].parent / "three_labels.nrrd")
    assert rows["P4"]["labels"] == ""


def test_slices_without_a_label_are_not_known_in_sparse_ones(lab, written):
    folder, told = written(sparse=True)
    assert dict(told.labels) == {"background": 0, "SOL": 1, "GM": 2, "ignore": 3}
    labels, _ = read(folder / "labelsTr" / "P_2.nii.gz")
    truth = lab[1]["P_2"][1]
    empty = ~truth.any(axis=(1, 2))
    assert np.flatnonzero(empty).tolist() == [0, 13]
    assert (labels[empty] == 3).all()
    assert (labels[~empty] < 3).all()
    np.testing.assert_array_equal(labels[~empty] > 0, truth[~empty] > 0)


def test_sheared_axes_are_left_to_nibabel(tmp_path):
    affine = AFFINE.copy()
    affine[0, 2] = 0.3
    image, labels = volume(1)
    for name, array in (("a", image), ("a_labels", labels)):
        nibabel.Nifti1Image(stored(array), affine).to_filename(tmp_path / f"{name}.nii.gz")
    folder = tmp_path / "out"
    folder.mkdir()
    write_dataset(folder, read_dataset(tmp_path), names={})
    assert json.loads((folder / "dataset.json").read_text())["overwrite_image_reader_writer"] == "NibabelIO"
    np.testing.assert_allclose(read(folder / "labelsTr" / "a.nii.gz")[1], affine, atol=1e-6)


def test_names_of_segments_count_before_codes(tmp_path, write_stored):
    for seed, (name, names) in enumerate({"a": {1: "GM", 2: "SOL"}, "b": {1: "SOL", 2: "GM"}}.items()):
        image, labels = volume(seed, codes=(1, 2))
        held = Volume.from_array(image, (1.5, 0.3, 0.2))
        write_stored(tmp_path / f"{name}.mha", stored(image), np.diag([-0.2, -0.3, 1.5, 1]))
        write_labels(tmp_path / f"{name}.seg.nrrd", labels, held, names)
    folder = tmp_path / "out"
    folder.mkdir()
    told = write_dataset(folder, read_dataset(tmp_path), names={})
    assert dict(told.labels) == {"background": 0, "GM": 1, "SOL": 2}
    np.testing.assert_array_equal(read(folder / "labelsTr" / "a.nii.gz")[0], volume(0, codes=(1, 2))[1])
    np.testing.assert_array_equal(read(folder / "labelsTr" / "b.nii.gz")[0], volume(1, codes=(2, 1))[1])


def test_labels_of_leg_3d_us_have_their_names(tmp_path, write_stored):
    leg_3d_us(write_stored, tmp_path / "legs", (1, 2))
    folder = tmp_path / "out"
    folder.mkdir()
    told = write_dataset(folder, read_dataset(tmp_path / "legs"), names={})
    assert dict(told.labels) == {"background": 0, "SOL": 1, "GM": 2}
    assert not (folder / "splits_final.json").exists()
    assert not (folder / "imagesTs").exists()


def test_names_of_members_differ_on_every_file_system():
    cases = [Case(subject, Path("x.mha")) for subject in ("a b", "A_B", "a/b", "é")]
    cases += [Case("P1", Path(name)) for name in ("left.nii.gz", "right.seg.nrrd")]
    found = [member.name for member in members_of(Dataset(Path("legs"), tuple(cases)))]
    assert found == ["a_b", "A_B_2", "a_b_3", "case", "P1_left", "P1_right"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("legs", "no name of a data set of nnU-Net"),
        ("Dataset1_Legs", "no name of a data set"),
        ("Dataset5011_Legs", "no name of a data set"),
        ("Dataset501_", "no name of a data set"),
        ("Dataset502_There", "is there already"),
        ("Dataset502_Other", "Dataset502_There has the number 502 already"),
    ],
)
def test_places_that_are_refused(tmp_path, name, said):
    (tmp_path / "Dataset502_There").mkdir()
    check_dataset_place(tmp_path / "Dataset503_Legs-2")
    with pytest.raises(InputError, match=said):
        check_dataset_place(tmp_path / name)


def spoilt(what, tmp_path, write_stored):
    """A data set of one volume with a fault."""
    image, labels = write_pair(write_stored, tmp_path / "a.nii.gz", tmp_path / "a_labels.nii.gz", 1)
    if what == "grid":
        write_stored(tmp_path / "a_labels.nii.gz", stored(labels), AFFINE + np.diag([0, 0, 0.1, 0]))
    elif what == "nan":
        image = image.astype(np.float32)
        image[3, 4, 5] = np.nan
        write_stored(tmp_path / "a.nii.gz", stored(image), AFFINE)
    elif what == "empty":
        write_stored(tmp_path / "a_labels.nii.gz", stored(labels * 0), AFFINE)
    return read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("what", "choices", "error", "said"),
    [
        ("grid", {}, GeometryError, "a_labels.nii.gz lies on another grid"),
        ("nan", {}, InputError, "a.nii.gz holds values that are no numbers"),
        ("empty", {}, InputError, "has 0 labels"),
        ("empty", {"sparse": True}, InputError, "a_labels.nii.gz holds no label"),
        ("nothing", {"names": {9: "GL"}}, InputError, "has no label 9"),
        ("nothing", {"max_gb": 1e-6}, InputError, "needs .* GB of memory"),
    ],
)
def test_what_nnunet_would_not_take_is_refused(what, choices, error, said, tmp_path, write_stored):
    dataset = spoilt(what, tmp_path, write_stored)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(error, match=said):
        write_dataset(folder, dataset, **({"names": {}} | choices))


def test_a_data_set_of_tests_alone_is_refused(tmp_path):
    dataset = Dataset(tmp_path, (Case("a", tmp_path / "a.mha", tmp_path / "a_labels.mha", "test"),))
    with pytest.raises(InputError, match="no annotated volume outside of test"):
        write_dataset(tmp_path, dataset, names={})
