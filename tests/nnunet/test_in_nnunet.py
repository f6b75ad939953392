"""Data sets that nnU-Net itself takes: its integrity check, its fingerprint and its plan.

nnU-Net is in an environment of its own: `make test-nnunet`.
"""

import json
import os
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pytest

from ifss_keras.jobs.export import export_nnunet
from tests.datasets.lab import AFFINE, SPACING_MM, stored, volume

pytestmark = pytest.mark.slow
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def nnunet(tmp_path):
    """A function that gives what nnU-Net takes a data set for, after its integrity check."""
    python = Path(os.environ.get("IFSS_NNUNET_PYTHON", CHECKOUT / ".venv-nnunet" / "bin" / "python"))
    if not python.is_file():
        pytest.skip(f"no nnU-Net: {python} is absent (make test-nnunet, or set IFSS_NNUNET_PYTHON)")

    def run(number):
        places = {f"nnUNet_{place}": str(tmp_path / place) for place in ("raw", "preprocessed", "results")}
        bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        script = Path(__file__).with_name("in_nnunet.py")
        arguments = [str(python), str(script), str(number)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=bare | places)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "verify_dataset_integrity Done" in done.stdout
        assert "mismatch" not in done.stdout.lower()
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    for place in ("raw", "preprocessed", "results"):
        (tmp_path / place).mkdir()
    return run


@pytest.fixture
def legs(tmp_path):
    """A function that writes four volumes, 100 and 150 on grids with this affine, with splits; the CSV of them."""

    def write(affine):
        rows = ["subject,image,labels,split"]
        for seed, split in enumerate(("train", "train", "val", "test")):
            for name, array in zip(("image", "labels"), volume(seed, slices=12 + seed), strict=True):
                nibabel.Nifti1Image(stored(array), affine).to_filename(tmp_path / f"{seed}_{name}.nii.gz")
            rows.append(f"P{seed},{seed}_image.nii.gz,{seed}_labels.nii.gz,{split}")
        (tmp_path / "legs.csv").write_text("\n".join(rows))
        return tmp_path / "legs.csv"

    return write


def turned():
    """The lab's voxels on axes that are turned about all three."""
    turn, _ = np.linalg.qr(np.array([[3.0, 1, 2], [-1, 4, 1], [2, -1, 5]]))
    affine = AFFINE.copy()
    affine[:3, :3] = turn @ AFFINE[:3, :3]
    return affine


def tilted():
    """Each slice displaced by 0.3 mm against the one before."""
    affine = AFFINE.copy()
    affine[0, 2] = 0.3
    return affine


@pytest.mark.parametrize(
    ("affine", "sparse", "reader"),
    [(turned(), False, "SimpleITKIO"), (turned(), True, "SimpleITKIO"), (tilted(), False, "NibabelIO")],
    ids=["dense", "sparse", "sheared"],
)
def test_nnunet_takes_it(affine, sparse, reader, legs, nnunet, tmp_path):
    export_nnunet(legs(affine), tmp_path / "raw" / "Dataset501_Legs", sparse=sparse, labels={100: "SOL", 150: "GM"})
    told = nnunet(501)
    assert told["cases"] == ["P0", "P1", "P2"]
    assert (told["labels"], told["ignore"]) == ([1, 2], 3 if sparse else None)
    assert told["reader"] == reader
    assert told["splits"] == [{"train": ["P0", "P1"], "val": ["P2"]}]
    spacing_mm = SPACING_MM if reader == "SimpleITKIO" else np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    np.testing.assert_allclose(told["spacings_mm"], [spacing_mm] * 3, rtol=1e-5)
