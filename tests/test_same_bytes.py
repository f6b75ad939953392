"""The same input gives the same masks, byte by byte, and millilitres, as they are written down in same_bytes.json.

python tests/test_same_bytes.py     # writes them down anew, after a change that is meant to change them
"""

import gzip
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

KNOWN = Path(__file__).with_name("same_bytes.json")
VOLUMES = ("volume_ml", "volume_ml_low", "volume_ml_high", "curve_volume_ml")
SMALL = ("--slices", "48", "--size", "64", "--ends", "blunt")


@dataclass(frozen=True)
class Case:
    """A prediction: a phantom (options of `ifss phantom`) or a real volume, which slices are annotated, and options."""

    source: tuple[str, ...] | str
    annotate: str
    options: tuple[str, ...] = ()


MUSCLES = ("--label", "100=SOL", "--label", "150=GM", "--label", "200=GL")
QUICK = {
    "three slices": Case(("--seed", "900001", *SMALL), "three"),
    "labels that meet": Case(("--seed", "900002", *SMALL), "every 18", ("--complete", *MUSCLES)),
    **{
        method: Case(("--seed", "900002", *SMALL), "every 18", ("--method", method))
        for method in ("shape", "watershed", "random-walker", "morphological", "growcut")
    },
}
SLOW = {
    "demo": Case(("--seed", "910000", "--ends", "blunt"), "demo", ("--complete", *MUSCLES)),
    "lower_leg_us": Case("lower_leg_us", "every 10"),
    "spleen_ct": Case("spleen_ct", "every 10"),
}


def annotated_slices(labels: np.ndarray, how: str) -> list[int]:
    """Where the whole annotation is kept; labels (slice, row, column)."""
    held = [np.flatnonzero((labels == code).any(axis=(1, 2))) for code in np.unique(labels[labels > 0])]
    if how == "three":
        first = int(np.median([slices[len(slices) // 3] for slices in held]))
        return [first, first + 1, first + 2]
    ends = sorted({int(end) for slices in held for end in slices[[0, -1]]})
    if how == "demo":
        while len(ends) < 8:
            widest = int(np.argmax(np.diff(ends)))
            ends.insert(widest + 1, sum(ends[widest : widest + 2]) // 2)
        return ends
    step = int(how.split()[1])
    return sorted({*range(ends[0], ends[-1], step), *ends})


def ifss(*arguments) -> None:
    """Runs the command in this process."""
    from ifss_keras.cli.main import main

    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert not stop.value.code


def prepared(case: Case, folder: Path, real: Path | None) -> tuple[Path, Path]:
    """The image and the annotated slices as files."""
    import nibabel

    if isinstance(case.source, str):
        image, truth = (real / case.source / f"{name}.nii.gz" for name in ("image", "label"))
    else:
        image, truth = folder / "image.nii.gz", folder / "truth.nii.gz"
        ifss("phantom", image, "--labels", truth, *case.source)
    held = nibabel.load(truth)
    labels = np.asarray(held.dataobj).astype(np.uint8)
    kept = np.zeros_like(labels)
    for index in annotated_slices(labels.transpose(2, 1, 0), case.annotate):
        kept[..., index] = labels[..., index]
    nibabel.Nifti1Image(kept, held.affine).to_filename(folder / "reference.nii.gz")
    return image, folder / "reference.nii.gz"


def outcome(case: Case, folder: Path, real: Path | None, capture) -> dict:
    """SHA-256 of the mask as written, header included and unpacked, and by label all millilitres in the JSON."""
    image, reference = prepared(case, folder, real)
    mask = folder / "mask.nii.gz"
    capture()
    ifss("predict", image, "--reference", reference, "-o", mask, "--json", *case.options)
    labels = json.loads(capture())["labels"]
    volumes = {label["name"]: [label[name] for name in VOLUMES] for label in labels}
    return {"mask": hashlib.sha256(gzip.decompress(mask.read_bytes())).hexdigest(), "volumes": volumes}


def processor() -> str:
    """What decides the order in which a network's sums are added up: the widest vectors that the processor has."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return sys.platform
    return next((name for name in ("avx512f", "avx2") if name in flags), "")


def check(name: str, case: Case, tmp_path, capfd, real=None) -> None:
    if case.options[-1:] in (("morphological",), ("growcut",)):
        pytest.importorskip("itk", reason="the extra itk is not installed")
    known = json.loads(KNOWN.read_text())
    if "--method" not in case.options and known["processor"] != processor():
        pytest.skip(f"written down on a processor with {known['processor']}, this one has {processor()}")
    found, expected = outcome(case, tmp_path, real, lambda: capfd.readouterr().out), known["cases"][name]
    assert found["mask"] == expected["mask"]
    assert found["volumes"].keys() == expected["volumes"].keys()
    for label, values in found["volumes"].items():  # the last digits of intervals and curves differ between processors
        known_ml = expected["volumes"][label]
        assert [value is None for value in values] == [value is None for value in known_ml]
        assert [value or 0.0 for value in values] == pytest.approx([value or 0.0 for value in known_ml], rel=1e-6)


@pytest.mark.parametrize("name", QUICK)
def test_small_volumes(name, tmp_path, capfd):
    check(name, QUICK[name], tmp_path, capfd)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_whole_volumes(name, tmp_path, capfd, request):
    case = SLOW[name]
    real = request.getfixturevalue("test_data") if isinstance(case.source, str) else None
    check(name, case, tmp_path, capfd, real)


def _write_down() -> None:
    real = Path(os.environ.get("IFSS_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    known = {"processor": processor(), "cases": {}}
    for name, case in {**QUICK, **SLOW}.items():
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as out:
            kept = os.dup(1)
            os.dup2(out.fileno(), 1)

            def capture(out=out):
                sys.stdout.flush()
                out.seek(0)
                text = out.read()
                out.seek(0)
                out.truncate()
                return text

            try:
                known["cases"][name] = outcome(case, Path(folder), real, capture)
            finally:
                sys.stdout.flush()
                os.dup2(kept, 1)
        print(name, known["cases"][name], flush=True)
    KNOWN.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    _write_down()
