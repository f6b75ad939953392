"""The frames of a DICOM file as a `tf.data.Dataset`: decoded in its graph by tensorflow-io where that loads."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

_AS_STORED = {  # what tensorflow-io gives as it is stored; other values it shifts, scales or turns over
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "PixelRepresentation": 0,
    "RescaleSlope": 1,
    "RescaleIntercept": 0,
}


def dicom_frames(path: str | Path):
    """A dataset of the frames of a file in their order, each (row, column, 1), float32, the values as stored.

    Where tensorflow-io is installed and loads (0.37.1 beside TensorFlow 2.16 alone) and reads the file as it is stored,
    its frames are decoded within the graph; elsewhere the readers of `volumes.formats` do, which is said once.

    Raises:
        InputError: the file cannot be read; while the dataset is gone through.
    """
    import tensorflow as tf

    decode = _decoder()
    if decode is None or not _as_stored(path):
        shape = tf.TensorSpec((None, None, 1), tf.float32)
        return tf.data.Dataset.from_generator(lambda: _read_frames(path), output_signature=shape)

    def frames(name):
        stored = decode(tf.io.read_file(name), color_dim=False, on_error="strict", scale="preserve", dtype=tf.uint16)
        return tf.ensure_shape(tf.cast(stored, tf.float32), (None, None, None, 1))

    return tf.data.Dataset.from_tensors(str(path)).map(frames).unbatch()


@cache
def _decoder():
    """tensorflow-io's decoder of DICOM; None where it does not load, which is said."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells of each of its libraries
            import tensorflow_io

            tensorflow_io.image.decode_dicom_image(b"", on_error="skip")  # loads the library
    except (ImportError, NotImplementedError) as error:
        reason = "is not installed" if isinstance(error, ImportError) else "does not load beside this TensorFlow"
        warnings.warn(f"tensorflow-io {reason}: frames are read by ifss_keras instead.", stacklevel=3)
        return None
    return tensorflow_io.image.decode_dicom_image


def _as_stored(path: str | Path) -> bool:
    """Whether tensorflow-io gives the values that are stored; False for what is no DICOM file."""
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_AS_STORED))
    except (OSError, pydicom.errors.InvalidDicomError):
        return False
    return all(header.get(name, value) == value for name, value in _AS_STORED.items())


def _read_frames(path: str | Path):
    """The frames of a file of any format that is read; where they lie does not matter here."""
    import numpy as np

    from ifss_keras.volumes.formats.registry import format_of
    from ifss_keras.volumes.formats.stored import grey

    path = Path(path)
    for frame in grey(format_of(path).read(path, None).array, path).transpose(2, 1, 0):
        yield frame[..., None].astype(np.float32)
