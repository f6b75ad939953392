"""Bad input: one sentence on stderr, exit code 2, and not a file written or changed."""

import gzip
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import nibabel
import numpy as np
import pytest

from ifss_keras.volumes.formats.registry import FORMATS
from ifss_keras.volumes.io import read_labels, write_labels
from ifss_keras.zoo.presets import DEFAULT_PRESET
from tests.cli.sentences import one_sentence, truncated


def nifti(path, array, affine=None):
    nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine).to_filename(path)


def changed(path, change):
    """Writes a NIfTI file anew with its array and affine changed."""
    image = nibabel.load(path)
    nifti(path, *change(np.asanyarray(image.dataobj).copy(), image.affine.copy()))


def shifted(array, affine):
    affine[:3, 3] += affine[:3, 0] * 0.5
    return array, affine


# name: (what is done to the case, what the sentence says)
BAD_FILES = {
    "missing image": (lambda case: case.image.unlink(), ["image.nii.gz", "does not exist"]),
    "missing reference": (lambda case: case.reference.unlink(), ["reference.nii.gz", "does not exist"]),
    "not an image": (lambda case: case.image.write_text("a shopping list\n"), ["image.nii.gz", "not a NIfTI image"]),
    "not a reference": (lambda case: case.reference.write_text("x" * 999), ["reference.nii.gz", "not a NIfTI image"]),
    "gzip of text": (lambda case: case.image.write_bytes(gzip.compress(b"x" * 999)), ["not a NIfTI image"]),
    "truncated gzip": (lambda case: truncated(case.image), ["image.nii.gz", "truncated"]),
    "truncated reference": (lambda case: truncated(case.reference), ["reference.nii.gz", "truncated"]),
    "empty file": (lambda case: case.image.write_bytes(b""), ["image.nii.gz", "empty", "0 bytes"]),
    "2D image": (lambda case: nifti(case.image, np.ones((20, 24), np.uint8)), ["2D image", "20 x 24"]),
    "one slice": (lambda case: changed(case.image, lambda a, m: (a[:, :, :1], m)), ["2D image", "received 1 slice of"]),
    "time series": (lambda case: changed(case.image, lambda a, m: (np.stack([a, a], -1), m)), ["4 axes"]),
    "no finite voxel": (
        lambda case: changed(case.image, lambda a, m: (np.full(a.shape, np.nan, np.float32), m)),
        ["image.nii.gz", "no finite voxel"],
    ),
    "constant image": (
        lambda case: changed(case.image, lambda a, m: (np.full_like(a, 7), m)),
        ["image.nii.gz", "the value 7 in every voxel", "export it again"],
    ),
    "constant but for what is no number": (
        lambda case: changed(case.image, lambda a, m: (np.where(a == a.flat[0], np.nan, np.float32(7)), m)),
        ["image.nii.gz", "the value 7.0 in every voxel", "export it again"],
    ),
    "reference on another grid": (lambda case: changed(case.reference, shifted), ["reference.nii.gz", "another grid"]),
    "reference with other spacing": (
        lambda case: changed(case.reference, lambda a, m: (a, m @ np.diag([1, 1, 2, 1]))),
        ["another grid", "spacing"],
    ),
    "no annotated slice": (lambda case: changed(case.reference, lambda a, m: (0 * a, m)), ["no annotated slice"]),
    "reference is an image": (
        lambda case: changed(case.reference, lambda a, m: (a + np.float32(0.5), m)),
        ["not whole numbers"],
    ),
    "reference is another image": (
        lambda case: changed(
            case.reference, lambda a, m: (np.random.default_rng(0).integers(0, 255, a.shape, np.uint8), m)
        ),
        ["reference.nii.gz", "looks like an image", "255 different values", "pass the segmentation"],
    ),
    "reference is the image": (
        lambda case: shutil.copy(case.image, case.reference),
        ["reference.nii.gz", "looks like an image", "pass the segmentation"],
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_in_one_sentence(name, case, ifss, tiny_preset, snapshot):
    spoil, said = BAD_FILES[name]
    spoil(case)
    before = snapshot(case.folder)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--report", case.folder / "r")
    outcome = ifss(*arguments, "--preset", tiny_preset, "--json")
    message = one_sentence(outcome)
    assert outcome.out == ""
    for words in said:
        assert words in message
    assert snapshot(case.folder) == before


# name: (more arguments, what the sentence says); a later -o or --preset overrides the first
BAD_OPTIONS = {
    "label absent": (["--label", "9=SOL"], ["label 9", "3, 7", "(option --label CODE=NAME)"]),
    "label syntax": (["--label", "SOL"], ["CODE=NAME", "'SOL'", "100=SOL"]),
    "label code no number": (["--label", "²=SOL"], ["CODE=NAME", "'²=SOL'"]),
    "label of 5,000 digits": (["--label", "9" * 5000 + "=SOL"], ["CODE=NAME", "100=SOL"]),
    "label without name": (["--label", "7="], ["CODE=NAME", "'7='"]),
    "label of two lines": (["--label", "7=A\nB"], ["one line of text", "100=SOL"]),
    "label code twice": (["--label", "7=A", "--label", "7=B"], ["once", "7=A, 7=B"]),
    "label name twice": (["--label", "7=A", "--label", "3=A"], ["once", "7=A, 3=A"]),
    "unknown preset": (["--preset", "ifss_synthetic_v9"], ["ifss_synthetic_v9", "did you mean"]),
    "network as preset": (["--preset", "UNet3D"], ["'UNet3D' is a network and no preset", "(option --preset)"]),
    "axis out of range": (["--axis", "3"], ["--axis", "3", "0<=x<=2"]),
    "axis no number": (["--axis", "k"], ["--axis", "'k'"]),
    "preset without a network": (
        ["--preset", DEFAULT_PRESET, "--method", "shape"],
        ["The method shape uses no network", "leave out the preset", "(option --preset)"],
    ),
    "spacing of two": (["--spacing-mm", "1,2"], ["SLICE,ROW,COLUMN", "'1,2'"]),
    "spacing of words": (["--spacing-mm", "a,b,c"], ["SLICE,ROW,COLUMN", "'a,b,c'"]),
    "spacing of zero": (["--spacing-mm", "0,1,1"], ["from 0.001 to 50", "SLICE,ROW,COLUMN"]),
    "spacing beyond 50 mm": (["--spacing-mm", "1,1e300,1"], ["1e+300", "to 50"]),
    "spacing negative": (["--spacing-mm", "-1,1,1"], ["from 0.001 to 50", "SLICE,ROW,COLUMN"]),
    "frame step of zero": (["--frame-step-mm", "0"], ["a frame step of 0.0 mm", "--frame-step-mm"]),
    "frame step not finite": (["--frame-step-mm", "nan"], ["a frame step of nan mm", "--frame-step-mm"]),
    "two steps": (["--frame-step-mm", "1", "--spacing-mm", "1,1,1"], ["one of them", "--frame-step-mm"]),
    "spacing not finite": (["--spacing-mm", "nan,1,1"], ["nan", "from 0.001 to 50"]),
    "unknown method": (["--method", "magic"], ["magic", "network", "shape"]),
    "unknown option": (["--refrence", "x"], ["--refrence"]),
    "weights": (["--weights", "best.weights.h5"], ["No such option '--weights'"]),
    "missing preset": (["--preset", "nowhere/run"], ["no preset and no folder 'nowhere/run'", DEFAULT_PRESET]),
    "preset is a file": (
        ["--preset", "image.nii.gz"],
        ["image.nii.gz is a file", "expected a preset's name, or the folder of one"],
    ),
    "preset is another folder": (["--preset", "folder.mha"], ["folder.mha holds no preset", "config.json"]),
    "output in no folder": (["-o", "nowhere/mask.nii.gz"], ["nowhere", "cannot be written"]),
    "output of unknown format": (["-o", "mask.png"], ["mask.png", "unknown extension", ".nii.gz"]),
    "output without extension": (["-o", "mask"], ["mask", "unknown extension"]),
    "output is a folder": (["-o", "folder.mha"], ["folder.mha", "is a folder"]),
    "output is the image": (["-o", "image.nii.gz"], ["would overwrite", "image.nii.gz"]),
    "output is the reference": (["-o", "reference.nii.gz"], ["would overwrite", "reference.nii.gz"]),
    "output is a link to the image": (["-o", "link.nii.gz"], ["would overwrite", "image.nii.gz"]),
    "report is a file": (["--report", "image.nii.gz"], ["folder image.nii.gz", "is a file"]),
    "report is the output": (["-o", "new.nii.gz", "--report", "new.nii.gz"], ["report", "mask", "another name"]),
    "report in no folder": (["--report", "nowhere/report"], ["folder nowhere/report", "missing or protected"]),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options_are_refused_in_one_sentence(name, case, ifss, tiny_preset, snapshot, monkeypatch):
    more, said = BAD_OPTIONS[name]
    monkeypatch.chdir(case.folder)
    (case.folder / "folder.mha").mkdir()
    (case.folder / "link.nii.gz").symlink_to(case.image)
    before = snapshot(case.folder)
    preset = [] if "--method" in more else ["--preset", tiny_preset]
    outcome = ifss("predict", case.image, "--reference", case.reference, "-o", case.output, *preset, *more)
    message = one_sentence(outcome)
    for words in said:
        assert words in message
    assert snapshot(case.folder) == before


@pytest.mark.parametrize("method", ["shape", "watershed"])
def test_nothing_between_annotated_slices_is_refused_where_nothing_else_is_filled(method, make_case, ifss, snapshot):
    case = make_case(annotated=(6,))
    before = snapshot(case.folder)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", method)
    message = one_sentence(ifss(*arguments, "--label", "7=SOL", "--label", "3=GM"))
    for words in (method, "two or more", "GM, SOL", "annotate another", "(option --method)"):
        assert words in message
    assert snapshot(case.folder) == before


@pytest.mark.parametrize("more", [(), ("--complete",), ("--method", "shape", "--complete")])
def test_one_annotated_slice_has_no_two_ends(more, make_case, ifss, tiny_preset, snapshot):
    case = make_case(annotated=(6,))
    before = snapshot(case.folder)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--ends-annotated")
    message = one_sentence(ifss(*arguments, *more, *(() if "--method" in more else ("--preset", tiny_preset))))
    assert "expected two or more of each label, received one of 3, 7" in message
    assert message.endswith("annotate another. (option --ends-annotated)\n")
    assert snapshot(case.folder) == before


@pytest.mark.parametrize("names", [("GM", "GM"), ("7", "7"), ("GM", "7")])
def test_two_labels_of_one_name_are_refused(names, make_case, ifss, snapshot):
    case = make_case(".seg.nrrd")
    written = read_labels(case.reference)
    write_labels(case.reference, written.array, written, dict(zip((3, 7), names, strict=True)))
    before = snapshot(case.folder)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape")
    if names[0] != names[1]:
        arguments += ("--label", "7=GM")
    name = names[0]
    message = one_sentence(ifss(*arguments))
    assert f"the labels 3 and 7, both named {name}: expected a name for each; name one of them otherwise" in message
    assert message.endswith("(option --label CODE=NAME)\n")
    assert snapshot(case.folder) == before
    assert ifss(*arguments[:8], "--label", "3=A", "--label", "7=B").code == 0


@pytest.mark.parametrize("extension", [".mhd", ".nhdr"])
@pytest.mark.parametrize("shared", ["image", "reference"])
def test_voxels_that_an_input_keeps_in_a_second_file_are_not_replaced(extension, shared, make_case, ifss, snapshot):
    case = make_case(extension)
    inputs = {"image": case.image, "reference": case.reference}
    output = inputs[shared]
    inputs[shared] = case.folder / f"other{extension}"
    shutil.copy(output, inputs[shared])  # names the same voxels
    before = snapshot(case.folder)
    arguments = ("predict", inputs["image"], "--reference", inputs["reference"], "--method", "shape", "-o", output)
    message = one_sentence(ifss(*arguments))
    assert f"would overwrite the input {case.folder / shared}." in message
    assert "raw" in message
    assert snapshot(case.folder) == before


@pytest.mark.parametrize("place", ["image", "output", "report"])
def test_names_that_are_too_long_are_refused(place, case, ifss, snapshot):
    before, long = snapshot(case.folder), "a" * 300
    places = {"image": case.image, "output": case.output, "report": case.folder / "r"}
    places[place] = case.folder / (long + ".nii.gz")
    arguments = ("predict", places["image"], "--reference", case.reference, "-o", places["output"])
    message = one_sentence(ifss(*arguments, "--report", places["report"], "--method", "shape"))
    assert "File name too long" in message
    assert snapshot(case.folder) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_output_that_cannot_be_written_is_one_sentence():
    with open("/dev/full", "w") as full:
        ended = subprocess.run([sys.executable, "-m", "ifss_keras.cli.main", "models", "list"], stdout=full,
                               stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr == (
        "Error: The output of this command cannot be read or written: No space left on device; check name, permission "
        "and space.\n"
    )


def test_a_terminal_that_lacks_letters_shows_others(make_case):
    case = make_case()
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "watershed")
    command = [
        sys.executable,
        "-m",
        "ifss_keras.cli.main",
        *map(str, arguments),
        "--label",
        "3=Größe",
        "--ends-annotated",
    ]
    ended = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"Gr??e" in ended.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_protected_folder_is_refused(case, ifss, tmp_path):
    folder = tmp_path / "protected"
    folder.mkdir(mode=0o500)
    arguments = ("predict", case.image, "--reference", case.reference, "--method", "shape", "-o")
    assert "cannot be written" in one_sentence(ifss(*arguments, folder / "mask.nii.gz"))


@pytest.mark.parametrize("missing", ["image", "--reference", "--output"])
def test_missing_arguments_are_named(missing, case, ifss):
    given = {"image": [case.image], "--reference": ["--reference", case.reference], "--output": ["-o", case.output]}
    del given[missing]
    message = one_sentence(ifss("predict", *(item for items in given.values() for item in items)))
    assert missing.upper() in message.upper()


@pytest.mark.parametrize("extension", [".nii.gz", ".mha"])
def test_a_failure_while_writing_leaves_the_older_mask(extension, make_case, ifss, monkeypatch, snapshot):
    case = make_case(extension)
    case.output.write_bytes(b"an older mask")
    before = snapshot(case.folder)

    def full_disk(path, *rest):
        path.write_bytes(b"half a mask")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(FORMATS, extension, replace(FORMATS[extension], write=full_disk))
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape")
    assert f"mask{extension} cannot be written: No space left" in one_sentence(ifss(*arguments, "--force"))
    assert snapshot(case.folder) == before


def test_an_interrupted_prediction_writes_nothing(case, ifss, monkeypatch, snapshot):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("ifss_keras.inference.interpolation.predict_by_shape", interrupt)
    before = snapshot(case.folder)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape")
    outcome = ifss(*arguments)
    assert outcome.code == 130
    assert outcome.err.strip() == "Interrupted; nothing was half-written."
    assert snapshot(case.folder) == before
