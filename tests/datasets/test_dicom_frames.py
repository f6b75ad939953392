"""Frames of DICOM as a dataset: by tensorflow-io in its own environment, by the package's reader elsewhere."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.core.errors import InputError
from ifss_keras.datasets import dicom_frames as module
from ifss_keras.datasets.dicom_frames import dicom_frames
from ifss_keras.volumes.formats.registry import format_of

FRAMES = {
    "all of 8 bits": np.arange(256, dtype=np.uint8).reshape(4, 8, 8),
    "an odd number of bytes": np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8),
    "16 bits": np.random.default_rng(1).integers(0, 65_536, (3, 7, 5), dtype=np.uint16),
    "one frame": np.random.default_rng(2).integers(0, 256, (1, 2, 5), dtype=np.uint8),
}


@pytest.fixture
def write_dicom(tmp_path):
    """A function that writes an ultrasound multi-frame file of frames (frame, row, column) by pydicom."""
    pydicom = pytest.importorskip("pydicom")

    def written(frames, compress=False, **more):
        data, meta = pydicom.Dataset(), pydicom.dataset.FileMetaDataset()
        data.file_meta, data.Modality, data.SamplesPerPixel = meta, "US", 1
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = data.SOPClassUID = pydicom.uid.UltrasoundMultiFrameImageStorage
        meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = pydicom.uid.generate_uid()
        data.NumberOfFrames, data.Rows, data.Columns = frames.shape
        data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME2", 0
        data.PixelSpacing = [0.5, 0.25]
        data.BitsAllocated = data.BitsStored = 8 * frames.dtype.itemsize
        data.HighBit = data.BitsStored - 1
        data.PixelData = frames.tobytes() + bytes(frames.nbytes % 2)
        for name, value in more.items():
            setattr(data, name, value)
        if compress:
            data.compress(pydicom.uid.RLELossless)
        data.save_as(tmp_path / "frames.dcm", enforce_file_format=True)
        return tmp_path / "frames.dcm"

    return written


def pixels(path):
    """By pydicom alone, with the frames in front."""
    import pydicom

    data = pydicom.dcmread(path)
    return data.pixel_array.reshape(int(data.NumberOfFrames), data.Rows, data.Columns)


@pytest.mark.tfio
@pytest.mark.parametrize("compress", [False, True], ids=["plain", "RLE"])
@pytest.mark.parametrize("name", FRAMES)
def test_tensorflow_io_decodes_in_the_graph_what_pydicom_does(name, compress, write_dicom, monkeypatch):
    path, expected = write_dicom(FRAMES[name], compress), FRAMES[name]
    decode, kinds = module._decoder(), []

    def watched(*arguments, **more):
        decoded = decode(*arguments, **more)
        kinds.append(decoded.op.type)  # a tensor that has been computed has no op
        return decoded

    monkeypatch.setattr(module, "_decoder", lambda: watched)
    monkeypatch.setattr(module, "_read_frames", None)  # which is not to be used
    np.testing.assert_array_equal(pixels(path), expected)
    found = np.stack(list(dicom_frames(path).as_numpy_iterator()))
    assert (found.dtype, found.shape) == (np.float32, (*expected.shape, 1))
    assert found[..., 0].astype(expected.dtype).tobytes() == expected.tobytes()
    np.testing.assert_array_equal(found[..., 0], expected)
    assert kinds == ["IO>DecodeDICOMImage"]


@pytest.mark.tfio
@pytest.mark.parametrize(
    "change",
    [
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PixelRepresentation": 1},
        {"RescaleSlope": 2, "RescaleIntercept": -10},
    ],
    ids=["inverted", "signed", "scaled"],
)
def test_what_tensorflow_io_changes_is_not_left_to_it(change, write_dicom, monkeypatch):
    frames = FRAMES["16 bits"].astype(np.int16) if "PixelRepresentation" in change else FRAMES["all of 8 bits"]
    path = write_dicom(frames, **change)
    decode = module._decoder()
    changed = decode(tf.io.read_file(str(path)), color_dim=False, scale="preserve", dtype=tf.uint16).numpy()[..., 0]
    assert not np.array_equal(changed, frames)
    monkeypatch.setattr(module, "_read_frames", lambda path: iter(np.ones((2, 3, 5, 1), np.float32)))
    assert [frame.shape for frame in dicom_frames(path)] == [(3, 5, 1)] * 2


@pytest.mark.tfio
def test_a_network_is_trained_on_the_frames(write_dicom):
    import keras

    keras.utils.set_random_seed(0)
    frames = dicom_frames(write_dicom(FRAMES["all of 8 bits"])).map(lambda frame: (frame / 255, frame / 255))
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3, padding="same")])
    network.compile("adam", "mse")
    before = network.get_weights()[0].copy()
    losses = network.fit(frames.batch(2), epochs=3, verbose=0).history["loss"]
    assert losses[0] > losses[1] > losses[2] > 0
    assert not np.array_equal(network.get_weights()[0], before)


@pytest.fixture
def without_tensorflow_io(monkeypatch):
    """As where it is not installed, and nobody was told yet."""
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    module._decoder.cache_clear()
    yield
    module._decoder.cache_clear()


def test_elsewhere_the_reader_reads_and_this_is_said_once(without_tensorflow_io, tmp_path, write_stored):
    stored = np.random.default_rng(3).integers(0, 256, (5, 3, 2), dtype=np.uint8)  # i, j, k
    path = write_stored(tmp_path / "volume.nii.gz", stored, np.diag([0.5, 0.8, 2.5, 1.0]))
    with pytest.warns(
        UserWarning, match="tensorflow-io is not installed: frames are read by ifss_keras instead"
    ) as said:
        found = list(dicom_frames(path).as_numpy_iterator())
    assert len(said) == 1
    assert said[0].filename == __file__
    np.testing.assert_array_equal(np.stack(found)[..., 0], stored.transpose(2, 1, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batch = next(iter(dicom_frames(path).batch(2)))
    assert (batch.shape, batch.dtype) == ((2, 3, 5, 1), tf.float32)


@pytest.mark.parametrize("name", FRAMES)
def test_elsewhere_a_dicom_file_gives_the_same(name, without_tensorflow_io, write_dicom):
    path = write_dicom(FRAMES[name])
    try:
        format_of(path)
    except InputError:
        pytest.skip("no reader of DICOM is there")
    with pytest.warns(UserWarning, match="tensorflow-io is not installed"):
        found = np.stack(list(dicom_frames(path).as_numpy_iterator()))
    np.testing.assert_array_equal(found[..., 0], pixels(path))


def test_it_imports_nothing_before_it_is_called():
    script = "import sys; import ifss_keras.datasets.dicom_frames; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
