"""Segmentations of 3D Slicer: names, layers, and Slicer's own reader on what is written."""

import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.core.colours import PALETTE
from ifss_keras.core.errors import InputError
from ifss_keras.volumes import io
from ifss_keras.volumes.io import read_labels, write_labels
from ifss_keras.volumes.volume import Volume

SHAPE = (5, 7, 11)  # as stored: i, j, k


def layered(path, layers, segments, value_and_layer=True):
    """Writes (layer, slice, row, column) as Slicer does; segments are (name, value, layer)."""
    array = np.moveaxis(np.asarray(layers, np.uint8), 0, -1)
    image = sitk.GetImageFromArray(array, isVector=True)
    for index, (name, value, layer) in enumerate(segments):
        image.SetMetaData(f"Segment{index}_ID", f"Segment_{index}")
        image.SetMetaData(f"Segment{index}_Name", name)
        if value_and_layer:
            image.SetMetaData(f"Segment{index}_LabelValue", str(value))
            image.SetMetaData(f"Segment{index}_Layer", str(layer))
    sitk.WriteImage(image, str(path))


def test_segment_names_come_back(tmp_path):
    labels = np.random.default_rng(0).choice([0, 100, 200], (2, 3, 5))
    like = Volume.from_array(np.zeros((2, 3, 5), np.uint8), (1, 1, 1))
    write_labels(tmp_path / "m.seg.nrrd", labels, like, {100: "Soléaire", 200: "GL", 150: "GM"})
    again = read_labels(tmp_path / "m.seg.nrrd")
    assert again.source.names == {100: "Soléaire", 150: "GM", 200: "GL"}
    np.testing.assert_array_equal(again.array, labels)


def test_layers_are_merged_and_keep_values_that_differ(tmp_path):
    layers = np.zeros((2, 2, 3, 5))
    layers[0, 0, 0], layers[0, 1, 1], layers[1, 1, 2] = 1, 2, 3
    layered(tmp_path / "m.seg.nrrd", layers, [("a", 1, 0), ("b", 2, 0), ("c", 3, 1)])
    volume = read_labels(tmp_path / "m.seg.nrrd")
    assert volume.source.names == {1: "a", 2: "b", 3: "c"}
    np.testing.assert_array_equal(volume.array, layers.sum(0))


@pytest.mark.parametrize("value_and_layer", [True, False])
def test_layers_with_the_same_value_are_numbered(tmp_path, value_and_layer):
    layers = np.zeros((2, 2, 3, 5))
    layers[0, 0, 0], layers[1, 1, 2] = 1, 1
    layered(tmp_path / "m.seg.nrrd", layers, [("a", 1, 0), ("b", 1, 1)], value_and_layer)
    volume = read_labels(tmp_path / "m.seg.nrrd")
    assert volume.source.names == {1: "a", 2: "b"}
    np.testing.assert_array_equal(volume.array, layers[0] + 2 * layers[1])


def test_segments_that_cannot_be_one_label_volume_are_refused(tmp_path):
    layers = np.zeros((2, 2, 3, 5))
    layers[0, 0, 0], layers[1, 0, 0, 3:] = 1, 2
    layered(tmp_path / "m.seg.nrrd", layers, [("a", 1, 0), ("b", 2, 1)])
    with pytest.raises(InputError, match=r"overlapping segments, a and b: .* 2 voxels"):
        read_labels(tmp_path / "m.seg.nrrd")
    layers[1, 0, 0] = 0
    layers[1, 1, 0] = 5
    layered(tmp_path / "m.seg.nrrd", layers, [("a", 1, 0), ("b", 2, 1)])
    with pytest.raises(InputError, match="belong to none"):
        read_labels(tmp_path / "m.seg.nrrd")
    layered(tmp_path / "m.seg.nrrd", layers, [("a", 1, 0), ("b", 2, 7)])
    with pytest.raises(InputError, match="layer below 2"):
        read_labels(tmp_path / "m.seg.nrrd")


def test_slicers_own_reader_finds_names_colours_and_voxels(tmp_path, oblique_affine):
    slicerio = pytest.importorskip("slicerio")
    like = Volume.from_stored(np.zeros(SHAPE, np.uint8), oblique_affine, io.Source(axis=1))
    labels = np.random.default_rng(0).choice([0, 100, 200], like.array.shape)
    write_labels(tmp_path / "m.seg.nrrd", labels, like, {100: "SOL", 200: "GL"})
    found = slicerio.read_segmentation(str(tmp_path / "m.seg.nrrd"))
    assert [(s["name"], s["labelValue"], s["layer"]) for s in found["segments"]] == [
        ("SOL", 100, 0),
        ("GL", 200, 0),
    ]
    colours = [tuple(segment["color"]) for segment in found["segments"]]
    assert len(set(colours)) == 2
    assert all(0 <= channel <= 1 for colour in colours for channel in colour)
    np.testing.assert_array_equal(np.einsum("ijk->jki", found["voxels"]), labels)
    lps = np.diag([-1, -1, 1, 1]) @ oblique_affine
    np.testing.assert_allclose(found["ijkToLPS"], lps, atol=1e-6)


@pytest.mark.parametrize(
    ("written", "name"), [("Sol\neus", "Sol eus"), ("Ga\tst\x1b[31mroc", "Ga st[31mroc"), ("   ", "Segment_0")]
)
def test_names_are_one_line_of_what_can_be_printed(tmp_path, written, name):
    layers = np.zeros((2, 2, 3, 5))
    layers[0, 0, 0], layers[1, 1, 2] = 1, 2
    layered(tmp_path / "m.seg.nrrd", layers, [(written, 1, 0), ("b", 2, 1)])
    assert read_labels(tmp_path / "m.seg.nrrd").source.names[1] == name


@pytest.mark.parametrize(
    ("written", "found"),
    [("1 0 0.501961", (255, 0, 128)), ("0.1 0.2", None), ("red", None), ("2 0 0", None), ("nan 0 0", None)],
)
def test_colours_are_kept_where_the_file_gives_them(tmp_path, written, found):
    image = sitk.GetImageFromArray(np.full((2, 3, 5), 4, np.uint8))
    for key, value in (("ID", "a"), ("LabelValue", "4"), ("Layer", "0"), ("Color", written)):
        image.SetMetaData(f"Segment0_{key}", value)
    sitk.WriteImage(image, str(tmp_path / "m.seg.nrrd"))
    labels = read_labels(tmp_path / "m.seg.nrrd")
    assert labels.source.colours == ({} if found is None else {4: found})
    write_labels(tmp_path / "n.seg.nrrd", labels.array, labels, {4: "a", 7: "b"}, labels.source.colours)
    again = read_labels(tmp_path / "n.seg.nrrd").source.colours
    assert again == {4: found or PALETTE[0], 7: PALETTE[1]}
