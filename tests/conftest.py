"""Fixtures shared by all tests."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real volumes: `IFSS_TEST_DATA`, or `shared/data` beside the checkout; else skips."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("IFSS_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real volumes: {folder} is absent (set IFSS_TEST_DATA)")
    return folder


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
