"""A real sweep put together by PLUS and by us."""

import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.sweeps.compound import Compounding, compound
from ifss_keras.volumes.io import read_volume
from ifss_keras.volumes.tracking import Tracking

# Of this probe, in PLUS's example PlusDeviceSet_VolumeReconstructionOnly_SpinePhantom_NN_MAXI.xml, with a clip
# rectangle of the whole frame and 0.5 mm.
IMAGE_TO_PROBE = """
    -0.00157821  0.0785919  -0.00803285  15.3978
    -0.0839128   0.00372697  0.0153803   49.5705
     0.0159024   0.00714276  0.0803604   -8.63446
     0           0           0            1
"""


@pytest.fixture(scope="module")
def folder(test_data):
    return test_data / "tracked_sweeps"


@pytest.fixture(scope="module")
def sweep(folder, tmp_path_factory):
    calibration = tmp_path_factory.mktemp("calibration") / "ImageToProbe.txt"
    calibration.write_text(IMAGE_TO_PROBE)
    return read_volume(folder / "SpinePhantomFreehand.igs.mha", tracking=Tracking(calibration=calibration))


def test_the_frames_are_those_that_itk_reads(sweep, folder):
    frames = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "SpinePhantomFreehand.igs.mha")))
    np.testing.assert_array_equal(sweep.array, frames)
    assert (sweep.array.shape, sweep.sweep.space, sweep.sweep.tracked.all()) == ((21, 616, 820), "Reference", True)
    assert sweep.spacing_mm == pytest.approx((1.597, 0.0790, 0.0854), abs=1e-3)


@pytest.mark.parametrize("weighting", ["linear", "nearest"])
def test_ours_is_theirs(sweep, folder, weighting):
    theirs = sitk.ReadImage(str(folder / "SpinePhantomFreehandReconstructed.mha"))
    values = sitk.GetArrayFromImage(theirs)
    slices, rows, columns = values.shape
    seen = {}
    for fill_mm in (0, None):
        made = compound(sweep, Compounding(0.5, weighting, fill_mm)).volume
        place = np.diag([-1, -1, 1, 1]) @ made.affine[:, 3]
        np.testing.assert_allclose(place[:3], theirs.GetOrigin(), atol=1e-3)  # by the extreme pixels of the sweep
        ours = made.array[:slices, :rows, :columns]
        both = (ours > 0) & (values > 0)
        assert np.corrcoef(ours[both], values[both])[0, 1] > 0.98
        seen[fill_mm] = np.count_nonzero(both) / np.count_nonzero(values)
    assert seen[0] < 0.8 < 0.95 < seen[None]
