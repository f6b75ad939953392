"""Fixtures shared by all tests."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as `start_backend` has it

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests interrupt themselves and what they start


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real volumes: `IFSS_TEST_DATA`, or `shared/data` beside the checkout; else skips."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("IFSS_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real volumes: {folder} is absent (set IFSS_TEST_DATA)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _nobodys_presets(tmp_path_factory):
    """The presets, hosts and settings of whoever runs the tests are left alone: an empty cache, and no host."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IFSS_WEIGHTS_URL", "IFSS_OFFLINE"):
            patch.delenv(name, raising=False)
        patch.setenv("IFSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session")
def oblique_affine() -> np.ndarray:
    """(4, 4) from stored indices to RAS mm: turned about three axes, one flipped, 0.5 x 0.8 x 2.5 mm."""
    turn = np.eye(3)
    for first, second, angle in ((0, 1, 0.4), (0, 2, -0.7), (1, 2, 1.1)):
        step = np.eye(3)
        step[[first, second], [first, second]] = np.cos(angle)
        step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
        turn = turn @ step
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.5, -0.8, 2.5])
    affine[:3, 3] = (-31.5, 12.25, 101.0)
    return affine


@pytest.fixture(scope="session")
def write_stored() -> Callable[[Path, np.ndarray, np.ndarray], Path]:
    """A function that writes an array (i, j, k) with an affine to RAS mm by nibabel or SimpleITK alone."""
    import nibabel
    import SimpleITK as sitk

    def write(path: Path, stored: np.ndarray, affine: np.ndarray) -> Path:
        if path.name.endswith((".nii", ".nii.gz")):
            nibabel.Nifti1Image(stored, affine, dtype=stored.dtype).to_filename(path)
            return path
        image = sitk.GetImageFromArray(stored.transpose(2, 1, 0))
        lps = np.diag([-1, -1, 1, 1]) @ affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        sitk.WriteImage(image, str(path))
        return path

    return write


@pytest.fixture(scope="session")
def read_stored() -> Callable[[Path], tuple[np.ndarray, np.ndarray]]:
    """A function that reads (i, j, k) and the affine to RAS mm by nibabel or SimpleITK alone."""
    import nibabel
    import SimpleITK as sitk

    def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
        if path.name.endswith((".nii", ".nii.gz")):
            image = nibabel.load(path)
            return np.asanyarray(image.dataobj), image.affine
        image = sitk.ReadImage(str(path))
        affine = np.eye(4)
        for axis in range(3):
            unit = np.eye(3, dtype=int)[axis].tolist()
            ends = [np.array(image.TransformIndexToPhysicalPoint(index)) for index in (unit, [0, 0, 0])]
            affine[:3, axis] = ends[0] - ends[1]
        affine[:3, 3] = image.GetOrigin()
        return sitk.GetArrayFromImage(image).transpose(2, 1, 0), np.diag([-1, -1, 1, 1]) @ affine

    return read


@pytest.fixture(scope="session")
def tiny_preset(tmp_path_factory) -> Path:
    """The folder of a tiny network, untrained, as `ifss train` leaves it."""
    import keras

    from ifss_keras.propagation.settings import PropagationSettings
    from ifss_keras.zoo import IFSSNet
    from ifss_keras.zoo.presets import save_preset

    keras.utils.set_random_seed(5)
    tiny = IFSSNet(
        name="ifss_net",
        image_size=(16, 16),
        widths=(4, 6),
        rates=(1, 2),
        first_depth_multiplier=2,
        encoder_depth_kernel=1,
        matching_kernel=3,
        head_width=4,
    )
    # An untrained network says 0.5 almost everywhere: with a steep head, every pixel is one or the other.
    head = tiny.get_layer("head")
    head.set_weights([50 * weight for weight in head.get_weights()])
    folder = tmp_path_factory.mktemp("tiny")
    save_preset(tiny, tiny.described(folder, weights="best.weights.h5", propagation=PropagationSettings(size=16)))
    return folder


@pytest.fixture(scope="session")
def tiny_weights(tiny_preset) -> Path:
    """The weights file in it."""
    return tiny_preset / "best.weights.h5"


@pytest.fixture(scope="session")
def two_muscles() -> tuple[np.ndarray, np.ndarray]:
    """(image, labels), each (13, 20, 24) uint8: muscles 3 and 7 that move, grow and shrink, in speckle."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:20, :24]
    labels = np.zeros((13, 20, 24), np.uint8)
    for index in range(1, 12):
        swell = 1 + 0.4 * np.sin(np.pi * index / 12)
        labels[index][((rows - 6) / 3) ** 2 + ((columns - 6 - 0.2 * index) / 4) ** 2 < swell] = 7
        labels[index][((rows - 14) / 3) ** 2 + ((columns - 16) / 4.5) ** 2 < swell] = 3
    grey = np.choose((labels > 0).astype(int) + (labels == 7), [60, 120, 180])
    return (grey * rng.rayleigh(0.8, labels.shape)).clip(0, 255).astype(np.uint8), labels
