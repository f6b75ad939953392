"""Layers of napari: where they lie, by scale, translation, rotation, affine and units; what volume they show."""

import numpy as np
import pytest

pytest.importorskip("napari", reason="napari is not installed: make test-napari")
from napari.layers import Image, Labels, Layer

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.napari_plugin import layers
from ifss_keras.volumes.volume import Volume

pytestmark = pytest.mark.napari
SHAPE = (5, 7, 11)
SPACING_MM = (2.5, 0.8, 0.5)


@pytest.fixture
def volume():
    return Volume.from_array(np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE), SPACING_MM)


@pytest.fixture
def image(volume):
    return Layer.create(*layers.image_layer(volume, "calf"))


def turned(angle):
    """About the first axis."""
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return affine


def test_a_volume_comes_back_from_its_layer(image, volume):
    np.testing.assert_allclose(layers.matrix_of(image), np.diag([*SPACING_MM, 1]))
    assert layers.volume_of(image) is volume


def test_scale_translation_and_affine_all_count():
    layer = Image(np.zeros(SHAPE), scale=(2, 0.5, 0.5), translate=(3, 4, 5), affine=turned(0.3) @ np.diag([1, 2, 1, 1]))
    expected = turned(0.3) @ np.diag([1, 2, 1, 1])
    expected[:3, 3] = expected[:3, :3] @ (3, 4, 5)
    expected[:3, :3] = expected[:3, :3] @ np.diag([2, 0.5, 0.5])
    np.testing.assert_allclose(layers.matrix_of(layer), expected)
    assert layers.volume_of(layer).voxel_volume_ml == pytest.approx(2 * 0.5 * 0.5 * 2 / 1000)


@pytest.mark.parametrize(("units", "mm"), [("pixel", 1), ("millimeter", 1), ("cm", 10), ("um", 0.001)])
def test_units_of_length_become_millimetres(units, mm):
    scale = np.array(SPACING_MM) / mm
    layer = Image(np.zeros(SHAPE), scale=scale, units=units)
    assert layers.volume_of(layer).spacing_mm == pytest.approx(SPACING_MM)


def test_a_layer_that_is_stretched_has_other_millilitres_and_still_its_own_grid(image, volume):
    image.scale = (5.0, 0.8, 0.5)
    stretched = layers.volume_of(image)
    assert stretched.voxel_volume_ml == pytest.approx(2 * volume.voxel_volume_ml)
    np.testing.assert_array_equal(stretched.affine, volume.affine)
    assert not layers.same_volume(stretched, volume)
    image.scale = SPACING_MM
    assert layers.same_volume(layers.volume_of(image), volume)


def test_other_voxels_in_the_layer_are_what_is_looked_at(image, volume):
    image.data = 255 - image.data
    found = layers.volume_of(image)
    np.testing.assert_array_equal(found.array, 255 - volume.array)
    np.testing.assert_array_equal(found.affine, volume.affine)


@pytest.mark.parametrize(
    "layer",
    [
        Image(np.zeros((7, 11))),
        Image(np.zeros((2, *SHAPE))),
        Image(np.zeros((*SHAPE, 3), np.uint8), rgb=True),
        Image([np.zeros((8, 8, 8)), np.zeros((4, 4, 4))], multiscale=True),
    ],
    ids=["2D", "4D", "colours", "several scales"],
)
def test_what_is_no_single_volume_is_refused(layer):
    with pytest.raises(InputError, match="not one volume of grey values"):
        layers.volume_of(layer)


def test_what_is_read_piece_by_piece_is_refused():
    import dask.array

    with pytest.raises(InputError, match="expected a volume in memory"):
        layers.volume_of(Image(dask.array.zeros(SHAPE), scale=SPACING_MM))


def test_labels_over_an_image_lie_on_it_wherever_it_is(image):
    image.affine, image.translate = turned(0.4), (1, 2, 3)
    labels = Layer.create(*layers.labels_over(image, np.zeros(SHAPE, np.uint8), {3: "SOL"}, "muscles"))
    np.testing.assert_allclose(layers.matrix_of(labels), layers.matrix_of(image))
    layers.check_over(labels, image)
    assert (layers.names_of(labels), labels.units) == ({3: "SOL"}, image.units)
    assert layers.names_of(Labels(np.zeros(SHAPE, int))) == {}


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (Labels(np.zeros((5, 7, 10), int), scale=SPACING_MM), "has shape"),
        (Labels(np.zeros(SHAPE, int)), "lies elsewhere"),
        (Labels(np.zeros(SHAPE, int), scale=SPACING_MM, translate=(2.5, 0, 0)), "lies elsewhere"),
    ],
)
def test_labels_that_lie_elsewhere_are_refused(labels, told, image):
    with pytest.raises(GeometryError, match=told):
        layers.check_over(labels, image)


def test_labels_that_cannot_be_written_to_are_refused(image):
    array = np.zeros(SHAPE, int)
    array.flags.writeable = False
    with pytest.raises(InputError, match="cannot be written to"):
        layers.check_over(Labels(array, scale=SPACING_MM), image)


@pytest.mark.parametrize("index", range(SHAPE[0]))
def test_slices_are_found_in_the_world_and_back(index, image):
    image.affine = turned(0.2) @ np.diag([-1, 1, 1, 1])
    image.translate = (4, 5, 6)
    world = layers.world_of_slice(image, index)
    assert world == pytest.approx(-(4 + 2.5 * index))
    assert layers.slice_at(image, (world + 1.2, 30.0, -2.0)) == index
    assert layers.slice_at(image, (9.0, 0.0, world - 1.2, 3.0, 4.0)[-3:]) == index
    assert layers.slice_at(image, (1000.0, 0.0, 0.0)) == 0
