"""Folders of frames: in the order of their numbers, of every kind of picture, refused where a slice may be missing."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.annotation import read_annotation
from ifss_keras.volumes.formats.frames import frame_files
from ifss_keras.volumes.formats.registry import files_of, voxels_in
from ifss_keras.volumes.io import read_labels, read_volume
from ifss_keras.volumes.volume import Volume

SHAPE = (11, 5, 7)  # frames, rows, columns
SPACING_MM = (2.5, 0.5, 0.8)


@pytest.fixture
def frames():
    return np.random.default_rng(3).integers(0, 200, SHAPE, np.uint8)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scan").mkdir()
    return tmp_path / "scan"


def save(folder, frames, name="frame{}.png", first=1, **options):
    for number, frame in enumerate(frames, first):
        picture = frame if isinstance(frame, Image.Image) else Image.fromarray(frame)
        picture.save(folder / name.format(number), **options)


def read(folder, reader=read_volume, **more):
    return reader(folder, spacing_mm=SPACING_MM, **more)


@pytest.mark.parametrize("name", ["frame{}.png", "IMG-{:04d}.BMP", "a 2 b{}.tif", "x{:03d}.tiff"])
def test_frames_are_slices_in_the_order_of_their_numbers(folder, frames, name):
    save(folder, frames, name)
    for other in ("notes.txt", "poses.csv", "Thumbs.db", ".DS_Store", ".frame3.png"):
        (folder / other).write_bytes(b"x")
    volume = read(folder)
    np.testing.assert_array_equal(volume.array, frames)
    assert (volume.spacing_mm, volume.source.format) == (SPACING_MM, "frames")
    np.testing.assert_array_equal(volume.affine, Volume.from_array(frames, SPACING_MM).affine)
    assert [path.name for path in files_of(folder)] == [name.format(number) for number in range(1, 12)]
    assert voxels_in(folder) == frames.size
    with pytest.raises(InputError, match="does not say how far its voxels lie apart") as caught:
        read_volume(folder)
    assert caught.value.setting == "spacing_mm"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_another_axis(folder, frames, axis):
    save(folder, frames)
    to_array = [(2, 0, 1), (1, 0, 2), (0, 1, 2)][axis]
    volume = read_volume(folder, axis=axis, spacing_mm=SPACING_MM)
    np.testing.assert_array_equal(volume.array, frames.transpose(to_array))
    assert volume.spacing_mm == SPACING_MM
    np.testing.assert_allclose(np.linalg.norm(volume.affine[:3, :3], axis=0), SPACING_MM)


def test_every_kind_of_grey_picture(folder, frames):
    kinds = {
        "alpha": [Image.fromarray(np.stack([frame, frame // 2], -1), "LA") for frame in frames],
        "equal colours": [Image.fromarray(np.stack([frame] * 3, -1)) for frame in frames],
        "opacity": [Image.fromarray(np.stack([frame] * 3 + [frame // 3], -1)) for frame in frames],
        "deep": list(frames.astype(np.uint16) * 300),
        "bits": [Image.fromarray(frame > 90) for frame in frames],
    }
    for kind, pictures in kinds.items():
        (folder / kind).mkdir()
        save(folder / kind, pictures)
        found = read(folder / kind).array
        expected = {"deep": frames.astype(int) * 300, "bits": frames > 90}.get(kind, frames)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == (np.uint16 if kind == "deep" else np.uint8)
        if kind != "deep":
            (folder / kind / "labels").mkdir()
            codes = [np.asarray(picture.convert("L")) // 64 for picture in pictures]
            save(folder / kind / "labels", codes)
            np.testing.assert_array_equal(read(folder / kind / "labels", read_labels).array, codes)


def test_colours_are_grey_as_viewers_show_them(folder):
    colours = np.random.default_rng(3).integers(0, 255, (*SHAPE, 3), np.uint8)
    save(folder, colours)
    expected = np.rint(colours @ [0.299, 0.587, 0.114])
    assert np.abs(read(folder).array - expected).max() <= 0.5
    with pytest.raises(InputError, match="holds colours"):
        read(folder, read_labels)


def test_jpeg_is_an_image_as_it_lies_and_never_labels(folder):
    smooth = (np.add.outer(np.add.outer(np.arange(3) * 9, np.arange(40)), np.arange(24) * 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a viewer
    save(folder, smooth, "a{}.jpg", exif=exif, quality=95)
    assert np.abs(read(folder).array.astype(int) - smooth).max() <= 3
    with pytest.raises(InputError, match="JPEG changes values"):
        read(folder, read_labels)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_indices_are_codes_and_its_colours_the_image(folder, bits):
    codes = (np.random.default_rng(3).integers(0, 2**bits, SHAPE) % 16).astype(np.uint8)
    pictures = [Image.fromarray(plane, "P") for plane in codes]
    for picture in pictures:
        picture.putpalette([channel for level in range(2**bits) for channel in (level % 16 * 10,) * 3])
    save(folder, pictures, bits=bits)
    np.testing.assert_array_equal(read(folder, read_labels).array, codes)
    np.testing.assert_array_equal(read(folder).array, codes * 10)


def test_grey_of_few_bits_keeps_the_codes(folder):
    codes = np.random.default_rng(3).integers(0, 4, SHAPE, np.uint8)
    for number, plane in enumerate(codes):
        (folder / f"a{number}.png").write_bytes(two_bit_png(plane))
    np.testing.assert_array_equal(read(folder, read_labels).array, codes)
    np.testing.assert_array_equal(read(folder).array, codes * 85)


def two_bit_png(plane):
    """A grey PNG of 2 bits a pixel, which Pillow does not write."""
    import struct
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows, columns = plane.shape
    padded = np.pad(plane, ((0, 0), (0, -columns % 4))).reshape(rows, -1, 4)
    packed = (padded << np.array([6, 4, 2, 0])).sum(axis=2).astype(np.uint8)
    lines = b"".join(b"\0" + line.tobytes() for line in packed)
    header = struct.pack(">IIBBBBB", columns, rows, 2, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def test_a_mask_of_a_few_frames_annotates_the_folder(tmp_path, folder, frames):
    save(folder, frames)
    labels = np.zeros_like(frames)
    labels[[2, 8], 1:4, 2:6] = 3
    (tmp_path / "labels").mkdir()
    save(tmp_path / "labels", labels)
    annotation = read_annotation(tmp_path / "labels", read(folder))
    assert annotation.slices.tolist() == [2, 8]
    np.testing.assert_array_equal(annotation.masks, labels[[2, 8]])


@pytest.mark.parametrize(("axis", "to_array"), [(2, (0, 1, 2)), (0, (2, 0, 1))])
def test_only_the_frames_that_are_annotated_need_to_be_there(tmp_path, folder, frames, axis, to_array):
    save(folder, frames, "frame{}.bmp")
    (tmp_path / "labels").mkdir()
    labels = np.zeros_like(frames)
    labels[[2, 8, 9], 1:4, 2:6] = np.array([3, 3, 7], np.uint8)[:, None, None]
    for place in (2, 8, 9):  # frame3, frame9, frame10
        Image.fromarray(labels[place]).save(tmp_path / "labels" / f"mask{place + 1:03d}.png")
    image = read_volume(folder, axis=axis, spacing_mm=SPACING_MM)
    annotation = read_annotation(tmp_path / "labels", image)
    found = np.zeros(image.array.shape, np.uint8)
    found[annotation.slices] = annotation.masks
    np.testing.assert_array_equal(found, labels.transpose(to_array))
    refuse(tmp_path / "labels", r"holds mask003\.png and then mask009\.png")  # alone they are no volume
    Image.fromarray(labels[0]).save(tmp_path / "labels" / "mask012.png")
    with pytest.raises(InputError, match=r"mask012\.png belongs to no frame of the image"):
        read_annotation(tmp_path / "labels", image)
    (tmp_path / "labels" / "mask012.png").unlink()
    Image.fromarray(labels[0, 1:]).save(tmp_path / "labels" / "mask001.png")
    with pytest.raises(InputError, match="frames that differ"):
        read_annotation(tmp_path / "labels", image)


def refuse(folder, word, **more):
    with pytest.raises(InputError, match=word) as caught:
        read(folder, **more)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text


def test_frames_of_two_schemes_or_sizes_or_types_or_one_alone_are_refused(tmp_path, frames):
    def fill(name, *pictures):
        (tmp_path / name).mkdir()
        for file, array in pictures:
            Image.fromarray(array).save(tmp_path / name / file)
        return tmp_path / name

    one, two = frames[:2]
    refuse(fill("schemes", ("a1.png", one), ("b2.png", two)), "named in 2 ways, such as a1.png and b2.png")
    refuse(fill("ours", ("a1.png", one), ("a2.png", two), ("overlay.png", two)), "such as a1.png and overlay.png")
    refuse(fill("suffixes", ("a1.png", one), ("a2.bmp", two)), "named in 2 ways")
    refuse(fill("sizes", ("a1.png", one), ("a2.png", two[:4])), "received 4 x 7 of uint8 in a2.png")
    refuse(fill("types", ("a1.png", one), ("a2.png", two.astype(np.uint16))), "received 5 x 7 of uint16 in a2.png")
    refuse(fill("one", ("a1.png", one)), "holds one frame, a1.png")
    refuse(fill("twice", ("a1.png", one), ("a01.png", two)), "a01.png and a1.png, which have the same number")
    (tmp_path / "none").mkdir()
    refuse(tmp_path / "none", "is a folder")


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (("a1", "a2", "a3", "a5"), "holds a3.png and then a5.png: expected numbers without gaps"),
        (("a0", "a10", "a20", "a40"), "holds a20.png and then a40.png"),
        (("a0", "a10", "a20", "a30"), None),
        (("9_a7", "9_a8", "9_a9", "9_a10"), None),
        (("a_100_33", "a_101_66", "a_102_99"), None),
        (("t0033", "t0066", "t0100", "t0133"), None),
    ],
)
def test_numbers_that_are_left_out_are_refused(folder, names, word):
    for name in names:
        Image.new("L", (7, 5)).save(folder / f"{name}.png")
    if word:
        refuse(folder, word)
    else:
        assert [path.stem for path in frame_files(folder)] == list(names)


def test_pictures_that_cannot_be_read_are_refused(folder, frames, monkeypatch):
    save(folder, frames[:3])
    good = (folder / "frame2.png").read_bytes()
    for content in (b"", b"no picture", good[: len(good) // 2], good[:40]):
        (folder / "frame2.png").write_bytes(content)
        refuse(folder, r"frame2\.png is no picture, or damaged")
    (folder / "frame2.png").write_bytes(good)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 34)
    refuse(folder, r"frame1\.png says that it has more than 34 pixels")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    refuse(folder, r"frame1\.png says that it has more than 10 pixels")


def test_animations_and_deep_colours_and_files_of_several_pages_are_refused(folder, frames):
    import imagecodecs

    save(folder, [Image.fromarray(frame) for frame in frames[:2]], append_images=[Image.fromarray(frames[3])],
         save_all=True)  # fmt: skip
    refuse(folder, "of the kind animated")
    deep = np.random.default_rng(3).integers(0, 65535, (2, 5, 7, 3), np.uint16)
    for number in (1, 2):
        (folder / f"frame{number}.png").write_bytes(imagecodecs.png_encode(deep[number - 1]))
    refuse(folder, "of the kind RGB;16B")
    for number in (1, 2):
        (folder / f"frame{number}.png").unlink()
        tifffile.imwrite(folder / f"frame{number}.tif", frames[:3], photometric="minisblack")
    refuse(folder, r"frame1\.tif has 3 pages: expected one")


def test_the_memory_that_is_allowed_is_kept_to_before_anything_is_decoded(folder):
    for number in range(3):
        Image.new("L", (5000, 4000)).save(folder / f"a{number}.png")
        content = (folder / f"a{number}.png").read_bytes()
        (folder / f"a{number}.png").write_bytes(content[:60])  # what is behind the header is not looked at
    refuse(folder, r"needs 0\.22 GB of memory", max_gb=0.21)
