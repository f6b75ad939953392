"""A command waits for no library that it has no use for; each in a process of its own."""

import subprocess
import sys

import pytest

from ifss_keras.synthetic import calf
from ifss_keras.volumes.io import write_labels, write_volume
from ifss_keras.volumes.volume import Volume

NETWORKS = {"tensorflow", "keras", "jax", "torch"}
DICOM = {"pydicom", "highdicom"}
FORMATS = {"nibabel", "SimpleITK", "tifffile", "imagecodecs", "h5py", "PIL", *DICOM}
REPORT = {"matplotlib", "jinja2", "openpyxl", "skimage", "contourpy"}
FETCHING = {"requests", "pooch", "pydantic", "platformdirs", "yaml"}
LATE = {*NETWORKS, *FORMATS, *REPORT, *FETCHING, "scipy.stats", "scipy.optimize", "trimesh", "threadpoolctl"}

SCRIPT = """
import contextlib, io, sys
from ifss_keras.cli.main import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main(sys.argv[1:])
print(*sys.modules)
"""


def imported(*arguments) -> set[str]:
    """The modules, and packages of modules, that a command has imported when it is done."""
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Error" not in done.stderr
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small volume and its references, in some formats each."""
    folder = tmp_path_factory.mktemp("volumes")
    phantom = calf(900_001, slices=48, size=64, ends="blunt")
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    references = phantom.labels.copy()
    for index in range(len(references)):
        references[index] *= index % 15 == 8
    for suffix in (".mha", ".nrrd", ".nii.gz"):
        write_volume(folder / f"image{suffix}", phantom.image, volume)
        write_labels(folder / f"references{suffix}", references, volume)
    return folder


def predict(folder, suffix, *more):
    found = imported(
        *("predict", folder / f"image{suffix}", "--reference", folder / f"references{suffix}", "--method", "shape"),
        *("-o", folder / f"mask{suffix}", "--force", *more),
    )
    assert (folder / f"mask{suffix}").is_file()
    return found


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_waits_for_nothing_but_click(arguments):
    assert imported(*arguments).isdisjoint({"numpy", "scipy", "rich", *LATE})


def test_the_list_of_networks_waits_for_no_numbers():
    found = imported("models", "list")
    assert found.isdisjoint({"numpy", "scipy", *LATE} - FETCHING)
    assert "rich" in found


@pytest.mark.parametrize("suffix", [".mha", ".nrrd"])
def test_a_prediction_without_a_network_waits_for_its_own_format_alone(folder, suffix):
    assert predict(folder, suffix).isdisjoint(LATE)


def test_nifti_needs_nibabel_and_no_other_format(folder):
    found = predict(folder, ".nii.gz")
    assert "nibabel" in found
    assert found.isdisjoint(LATE - {"nibabel", *DICOM, "requests", "PIL"})  # what nibabel itself imports
    assert "highdicom" not in found


def test_pictures_are_drawn_where_a_report_is_written_alone(folder):
    found = predict(folder, ".mha", "--report", folder / "report")
    assert {"matplotlib", "jinja2", "openpyxl"} <= found
    assert found.isdisjoint(FORMATS - {"PIL"} | NETWORKS)
