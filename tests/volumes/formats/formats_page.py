"""The table of docs/formats.md: each format beside another program that reads or writes it, on an oblique grid.

python -m tests.volumes.formats.formats_page --write
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import tifffile
from PIL import Image
from scipy.io import loadmat, savemat

from ifss_keras.volumes.formats.registry import ALL
from ifss_keras.volumes.io import read_volume, write_labels
from ifss_keras.volumes.volume import Source, Volume
from tests.volumes import sequences
from tests.volumes.formats import dicom_files, matlab_files

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"
LPS_TO_RAS = np.diag([-1.0, -1, 1, 1])
SHAPE = (7, 6, 5)  # i, j, k
GREY = np.random.default_rng(3).integers(0, 200, SHAPE).astype(np.uint8)
CODES = np.random.default_rng(4).integers(0, 3, SHAPE).astype(np.uint8)
NAMES = {1: "SOL", 2: "GM"}


def oblique():
    """(4, 4) from (i, j, k, 1) to RAS mm: turned, one axis flipped, 0.5 x 0.8 x 2.5 mm."""
    turn = np.linalg.qr(np.array([[1.0, 0.4, -0.7], [-0.3, 1, 0.5], [0.6, -0.4, 1]]))[0]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn @ np.diag([0.5, -0.8, 2.5]), (-31.5, 12.25, 101.0)
    return affine


AFFINE = oblique()
ALONG = LPS_TO_RAS @ np.diag([0.5, 0.8, 2.5, 1])  # of what knows no body
SPACING_MM = (2.5, 0.8, 0.5)


def itk_image(array, affine):
    lps = LPS_TO_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(array.transpose(2, 1, 0))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    return image


def by_itk(image):
    """Voxels (i, j, k) and affine, as SimpleITK reads them."""
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0), LPS_TO_RAS @ lps


def ours(volume):
    return volume.to_stored(volume.array), volume.stored_affine


def itk_reads(folder, suffix):
    like = Volume.from_stored(GREY, AFFINE, Source())
    write_labels(folder / f"mask{suffix}", CODES.transpose(2, 1, 0), like, NAMES)
    return by_itk(sitk.ReadImage(str(folder / f"mask{suffix}"))), (CODES, AFFINE)


def itk_writes(folder, suffix):
    sitk.WriteImage(itk_image(GREY, AFFINE), str(folder / f"scan{suffix}"))
    return ours(read_volume(folder / f"scan{suffix}")), (GREY, AFFINE)


def gdcm_reads(folder, suffix):
    series = dicom_files.write_series(folder / "series", dicom_files.slices(GREY, AFFINE))
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(series))
    return by_itk(sitk.ReadImage(files)), ours(read_volume(series))


def highdicom_reads(folder, suffix):
    from highdicom.seg import segread

    image = read_volume(dicom_files.write_series(folder / "series", dicom_files.slices(GREY, AFFINE)))
    write_labels(folder / "mask.seg.dcm", CODES.transpose(2, 1, 0), image, NAMES)
    held = segread(folder / "mask.seg.dcm").get_volume(combine_segments=True)
    array, affine = held.array.transpose(2, 1, 0), LPS_TO_RAS @ held.affine[:, [2, 1, 0, 3]]
    if affine[:3, 2] @ image.stored_affine[:3, 2] < 0:  # it counts slices from the other side
        array, affine = array[:, :, ::-1], affine @ [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, SHAPE[2] - 1], [0, 0, 0, 1]]
    return (array, affine), (CODES, image.stored_affine)


def scipy_reads(folder, suffix):
    write_labels(folder / "mask.mat", CODES.transpose(2, 1, 0), Volume.from_stored(GREY, AFFINE, Source()), NAMES)
    held = loadmat(folder / "mask.mat")
    return (held["labels"].transpose(1, 0, 2), held["affine"][:, [1, 0, 2, 3]]), (CODES, AFFINE)


def scipy_writes(folder, suffix):
    held = {"scan": GREY.transpose(1, 0, 2), "spacing_mm": [0.8, 0.5, 2.5]}
    savemat(folder / "scan.mat", held)
    return ours(read_volume(folder / "scan.mat")), (GREY, ALONG)


def h5py_writes(folder, suffix):
    held = {"scan": GREY.transpose(1, 0, 2), "spacing_mm": np.array([[0.8, 0.5, 2.5]])}
    return ours(read_volume(matlab_files.write_v73(folder / "scan.mat", held))), (GREY, ALONG)


def tifffile_writes(folder, suffix):
    tifffile.imwrite(folder / "scan.tif", GREY.transpose(2, 1, 0))
    return ours(read_volume(folder / "scan.tif", spacing_mm=SPACING_MM)), (GREY, ALONG)


def pillow_writes(folder, suffix):
    (folder / "frames").mkdir()
    for k in range(SHAPE[2]):
        Image.fromarray(GREY[:, :, k].T).save(folder / "frames" / f"frame{k + 8}.png")
    return ours(read_volume(folder / "frames", spacing_mm=SPACING_MM)), (GREY, ALONG)


def itk_reads_sequence(folder, suffix):
    path = sequences.write_mha(folder / "scan.igs.mha", GREY.transpose(2, 1, 0), sequences.calibrated(SHAPE[2]))
    image = sitk.ReadImage(str(path))
    read = read_volume(path)
    probe, leg = sequences.tracked(SHAPE[2])
    expected = np.linalg.inv(leg) @ probe @ sequences.IMAGE_TO_PROBE
    corner = (0, 5, 6, 1)  # x, row, column
    told = expected @ [6, 5, 0, 1]
    return (sitk.GetArrayFromImage(image).transpose(2, 1, 0), told), (ours(read)[0], read.sweep.poses @ corner)


CHECKS = (
    ("NIfTI", ".nii.gz", "SimpleITK reads it", itk_reads),
    ("NIfTI", ".nii", "SimpleITK writes it", itk_writes),
    ("MetaImage", ".mha", "SimpleITK writes it", itk_writes),
    ("MetaImage", ".mhd", "SimpleITK writes it", itk_writes),
    ("NRRD", ".nrrd", "SimpleITK writes it", itk_writes),
    ("NRRD", ".nhdr", "SimpleITK writes it", itk_writes),
    ("3D Slicer segmentation", ".seg.nrrd", "SimpleITK reads it, as does 3D Slicer: `make test-slicer`", itk_reads),
    ("DICOM series", "a folder", "GDCM reads it", gdcm_reads),
    ("DICOM segmentation", ".seg.dcm", "highdicom reads it", highdicom_reads),
    ("MATLAB version 7", ".mat", "SciPy reads it", scipy_reads),
    ("MATLAB version 7", ".mat", "SciPy writes it", scipy_writes),
    ("MATLAB version 7.3", ".mat", "h5py writes it", h5py_writes),
    ("TIFF", ".tif", "tifffile writes it", tifffile_writes),
    ("frames", "a folder", "Pillow writes it", pillow_writes),
    ("PLUS sequence", ".igs.mha", "SimpleITK reads it; poses by NumPy", itk_reads_sequence),
)  # fmt: skip


def agreement(check, suffix):
    """How far voxels (values), places (mm) and millilitres (relative) differ."""
    with tempfile.TemporaryDirectory() as folder:
        (found, placed), (expected, meant) = check(Path(folder), suffix)
    values = np.abs(found.astype(int) - expected.astype(int)).max()
    if placed.shape == (4, 4):
        corners = np.array([[i, j, k, 1] for i in (0, 6) for j in (0, 5) for k in (0, 4)]).T
        ml = [np.count_nonzero(array) * abs(np.linalg.det(affine[:3, :3])) / 1000
              for array, affine in ((found, placed), (expected, meant))]  # fmt: skip
        return values, np.abs((placed - meant) @ corners).max(), abs(ml[0] / ml[1] - 1)
    return values, np.abs(placed - meant).max(), 0.0


def page():
    """The whole text of docs/formats.md."""
    lines = [
        "# Formats",
        "",
        "Which there are, and what each was checked against: the same voxels (7 x 6 x 5 on an oblique, flipped,",
        "anisotropic grid, or along the axes where a format knows no other) read or written by another program. This",
        "page is made by `python -m tests.volumes.formats.formats_page --write`; a test fails where it is not true.",
        "",
        "| format | files | images | labels | written | names and colours |",
        "|---|---|---|---|---|---|",
    ]
    for held in ALL:
        suffixes = ", ".join(f"`{suffix}`" for suffix in held.suffixes)
        written = "yes" if held.write else "no"
        named = "yes" if held.names_segments else "no"
        files = " or ".join(filter(None, [suffixes, "a folder" if held.takes else ""]))
        lines.append(f"| {held.name} | {files} | yes | yes | {written} | {named} |")
    lines += [
        "",
        "PLUS and 3D Slicer sequences are MetaImage and NRRD files with transforms for each frame, see",
        "[sweeps.md](sweeps.md). More: [dicom.md](dicom.md), [matlab_and_frames.md](matlab_and_frames.md).",
        "Surfaces and data sets for nnU-Net: [export.md](export.md).",
        "",
        "| format | file | checked by | voxels differ | places differ, mm | millilitres differ |",
        "|---|---|---|---|---|---|",
    ]
    for name, suffix, by, check in CHECKS:
        values, mm, ml = agreement(check, suffix)
        told = [f"{value:.0e}" if value > 1e-9 else "0" for value in (mm, ml)]
        lines.append(f"| {name} | {suffix} | {by} | {values} | {told[0]} | {told[1]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(page(), encoding="utf-8")
