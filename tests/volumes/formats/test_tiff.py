"""TIFF files of several pages: the right pixel on the right page, as displayed, and ImageJ's spacing."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.io import read_labels, read_volume, write_labels
from ifss_keras.volumes.volume import Volume

SHAPE = (11, 5, 7)  # pages, rows, columns
SPACING_MM = (2.5, 0.5, 0.8)


@pytest.fixture
def pages():
    return np.random.default_rng(3).integers(0, 200, SHAPE, np.uint8)


def imagej(path, pages, unit="mm", scale=1.0, **more):
    """As ImageJ saves a stack whose pixels are 0.8 x 0.5 mm and whose slices are 2.5 mm apart."""
    metadata = {"unit": unit, "axes": "ZYX"} | more
    tifffile.imwrite(path, pages, imagej=True, resolution=(scale / 0.8, scale / 0.5), metadata=metadata)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_pages_are_slices(tmp_path, pages, compression, dtype, bigtiff):
    pages = pages.astype(dtype) * (200 if dtype == "uint16" else 1)
    tifffile.imwrite(
        tmp_path / "a.tif", pages, compression=compression, bigtiff=bigtiff, photometric="minisblack", rowsperstrip=2
    )
    volume = read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM)
    np.testing.assert_array_equal(volume.array, pages)
    assert volume.array.dtype == dtype
    assert (volume.spacing_mm, volume.source.format, volume.source.oriented) == (SPACING_MM, "tiff", False)
    np.testing.assert_array_equal(volume.affine, Volume.from_array(pages, SPACING_MM).affine)
    with pytest.raises(InputError, match="does not say how far its voxels lie apart") as caught:
        read_volume(tmp_path / "a.tif")
    assert caught.value.setting == "spacing_mm"


@pytest.mark.parametrize("writer", ["pillow", "pages without description", "big-endian", "tiles"])
def test_files_of_other_writers(tmp_path, pages, writer):
    path = tmp_path / "a.tiff"
    if writer == "pillow":
        first, *others = map(Image.fromarray, pages)
        first.save(path, save_all=True, append_images=others, compression="tiff_lzw")
    elif writer == "big-endian":
        tifffile.imwrite(path, pages.astype(np.uint16), byteorder=">", photometric="minisblack", metadata=None)
    elif writer == "tiles":
        tifffile.imwrite(path, pages, tile=(16, 16), photometric="minisblack", metadata=None)
    else:
        tifffile.imwrite(path, pages, photometric="minisblack", metadata=None)
    volume = read_volume(path, spacing_mm=SPACING_MM)
    np.testing.assert_array_equal(volume.array, pages)


@pytest.mark.parametrize(
    ("unit", "scale"), [("mm", 1), ("millimeter", 1), ("cm", 10), ("micron", 0.001), ("um", 0.001), ("\\u00B5m", 0.001)]
)
def test_the_spacing_of_imagej(tmp_path, pages, unit, scale):
    imagej(tmp_path / "a.tif", pages, unit, scale, spacing=2.5 / scale)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.spacing_mm == pytest.approx(SPACING_MM)
    np.testing.assert_allclose(volume.affine, Volume.from_array(pages, SPACING_MM).affine)
    np.testing.assert_array_equal(volume.array, pages)


@pytest.mark.parametrize("more", [{}, {"spacing": 2.5, "unit": "pixel"}, {"spacing": 0}])
def test_a_spacing_that_imagej_does_not_say_is_asked_for(tmp_path, pages, more):
    imagej(tmp_path / "a.tif", pages, **more)
    with pytest.raises(InputError, match="does not say how far"):
        read_volume(tmp_path / "a.tif")


def test_a_stack_of_imagej_that_is_written_as_one_page(tmp_path, pages):
    tifffile.imwrite(tmp_path / "a.tif", pages, imagej=True, truncate=True, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM).array, pages)
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-80])
    with pytest.raises(InputError, match="no TIFF file, or damaged"):
        read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_become_grey_without_opacity(tmp_path, planar, channels):
    colours = np.random.default_rng(3).integers(0, 255, (11, 5, 7, channels), np.uint8)
    stored = colours if planar == "contig" else np.moveaxis(colours, -1, 1)
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar,
        extrasamples=["unassalpha"] if channels == 4 else None,
    )  # fmt: skip
    expected = [np.asarray(Image.fromarray(plane[..., :3]).convert("L")) for plane in colours]
    found = read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM).array
    assert np.abs(found.astype(int) - np.array(expected)).max() <= 1  # Pillow rounds otherwise
    with pytest.raises(InputError, match="holds colours"):
        read_labels(tmp_path / "a.tif", spacing_mm=SPACING_MM)


def test_palettes_are_shown_and_their_indices_are_codes(tmp_path):
    codes = np.zeros(SHAPE, np.uint8)
    codes[3, 1:4, 2:5], codes[9, :2, :3] = 2, 7
    palette = np.zeros((3, 256), np.uint16)
    palette[:, 2], palette[:, 7] = (65535, 0, 0), (100 << 8, 100 << 8, 100 << 8)
    tifffile.imwrite(tmp_path / "a.tif", codes, photometric="palette", colormap=palette)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif", spacing_mm=SPACING_MM).array, codes)
    shown = read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM).array
    np.testing.assert_array_equal(shown, np.choose((codes > 0) + (codes == 7).astype(int), [0, 76, 100]))


@pytest.mark.parametrize(("dtype", "most"), [("uint8", 255), ("uint16", 65535), ("bool", 1)])
def test_white_that_is_0_is_turned_around_but_for_labels(tmp_path, pages, dtype, most):
    pages = (pages > 99) if dtype == "bool" else pages.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="miniswhite")
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM).array, most - pages * 1)
    if dtype == "bool":
        np.testing.assert_array_equal(read_labels(tmp_path / "a.tif", spacing_mm=SPACING_MM).array, pages)


@pytest.mark.parametrize(
    ("shape", "options", "word"),
    [
        ((5, 7), {}, "fewer than 2 slices"),
        ((4, 11, 5, 7), {"metadata": {"axes": "TZYX"}}, "has the axes TZYX of sizes 4 x 11 x 5 x 7"),
        ((2, 5, 7), {"metadata": {"axes": "CYX"}}, "has the axes CYX"),
    ],
)
def test_what_is_no_stack_is_refused(tmp_path, shape, options, word):
    tifffile.imwrite(tmp_path / "a.tif", np.ones(shape, np.uint8), photometric="minisblack", **options)
    with pytest.raises(InputError, match=word):
        read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM)


def test_pages_of_two_sizes_are_refused(tmp_path, pages):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(pages[0], photometric="minisblack", metadata=None)
        file.write(pages[1][:3], photometric="minisblack", metadata=None)
    with pytest.raises(InputError, match="2 series of pages that differ"):
        read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused_quietly(tmp_path, pages, capfd, compression, kept):
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack", compression=compression, metadata=None)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match="no TIFF file, or damaged") as caught:
        read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_the_memory_that_is_allowed_is_kept_to(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((100, 100, 100), np.uint16), compression="zlib")
    with pytest.raises(InputError, match=r"needs 0\.002 GB of memory") as caught:
        read_volume(tmp_path / "a.tif", spacing_mm=(1, 1, 1), max_gb=0.0019)
    assert caught.value.setting == "max_gb"
    assert read_volume(tmp_path / "a.tif", spacing_mm=(1, 1, 1), max_gb=0.0021).array.shape == (100, 100, 100)


def test_a_mask_has_the_spacing_that_was_given(tmp_path, pages, read_stored):
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    image = read_volume(tmp_path / "a.tif", spacing_mm=SPACING_MM)
    for name in ("mask.nii.gz", "mask.mha", "mask.seg.nrrd"):
        write_labels(tmp_path / name, pages % 3, image)
        stored, affine = read_stored(tmp_path / name)
        np.testing.assert_array_equal(stored.transpose(2, 1, 0), pages % 3)
        np.testing.assert_allclose(affine, np.diag([-0.8, -0.5, 2.5, 1]), atol=1e-6)
