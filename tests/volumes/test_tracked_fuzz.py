"""Damaged sweeps: refused in one sentence, or read with the poses that their fields say."""

import io
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import IFSSError
from ifss_keras.volumes.io import read_volume
from ifss_keras.volumes.tracking import Tracking
from tests.volumes.formats.mutations import Files, mutated
from tests.volumes.sequences import calibrated, frames_of, text_of, tracked, write_mha, write_nrrd

FRAMES, ROWS, COLUMNS = 4, 6, 5
ARRAY = frames_of((FRAMES, ROWS, COLUMNS))
FIELD = re.compile(r"^[ \t]*(\w+)[ \t]*(?::=|=)([^\n]*)$", re.MULTILINE)
DATA = re.compile(r"^ElementDataFile", re.MULTILINE)
FUZZ = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
SW = f"""RES_BUF_FRAMES {FRAMES}
RES_BUF_WIDTH {COLUMNS}
RES_BUF_HEIGHT {ROWS}
RES_BUF_RF false
RES_POS_REC true
RES_XTRANS 0.5
RES_ROLL 30
RES_XSCALE 0.02
RES_YSCALE 0.03
IM 0 1 2 3 4 5 6
IM 1 1 2 4 4 5 6
IM 2 1 2 5 4 5 6
IM 3 1 2 6 4 5 7
"""
POSES = tracked(FRAMES)[0] @ np.diag([0.2, 0.3, 1, 1])


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("valid")
    fields = calibrated(FRAMES, lost=(1,))
    made = []
    for name, compressed in (("a.igs.mha", False), ("b.mha", True), ("c.igs.mhd", False)):
        made.append(write_mha(folder / name, ARRAY, fields, compressed=compressed))
    for name, kinds in (("d.seq.nrrd", "list domain domain"), ("e.igs.nrrd", "domain domain domain list")):
        made.append(write_nrrd(folder / name, ARRAY, fields, kinds, compressed=name[0] == "e"))
    parts = [[path, *path.parent.glob(f"{path.name}.raw")] for path in made]
    stradwin = Files("f.sw", {"f.sw": SW.encode(), "f.sxi": ARRAY.tobytes()})
    return [*(Files(paths[0].name, {path.name: path.read_bytes() for path in paths}) for paths in parts), stradwin]


def attempt(path, **more):
    """A volume, or None after a look at the sentence that refuses it."""
    try:
        return read_volume(path, **more)
    except IFSSError as error:
        said = str(error)
    assert said.isprintable()
    assert said.endswith(".")
    return None


def said_pose(fields, frame):
    """What the fields of a header say of a frame, None where one of them is missing or not OK."""
    number = f"Seq_Frame{frame:04d}_"
    if fields.get(f"{number}ImageStatus", "OK") != "OK":
        return None
    matrices = []
    for name in ("ReferenceToTracker", "ProbeToTracker"):
        if fields.get(f"{number}{name}TransformStatus", "OK") != "OK" or f"{number}{name}Transform" not in fields:
            return None
        matrices.append(np.array(fields[f"{number}{name}Transform"].split(), float).reshape(4, 4))
    calibration = np.array(fields["ImageToProbeTransform"].split(), float).reshape(4, 4)
    return np.linalg.solve(matrices[0], matrices[1] @ calibration)


def check(files):
    with tempfile.TemporaryDirectory() as folder:
        volume = attempt(files.write(Path(folder)))
    if volume is None:
        return "refused"
    if volume.sweep is None:
        return "plain"  # no field of a transform is left
    text = files.content[files.first].decode("latin1")
    header = text.split("\n\n")[0] if text.startswith("NRRD") else DATA.split(text)[0]
    fields = {key: value.strip() for key, value in FIELD.findall(header)}
    if volume.sweep.space == "Reference" and fields.get("UltrasoundImageOrientation", "MFA") == "MFA":
        for frame, pose in enumerate(volume.sweep.poses):
            expected = said_pose(fields, frame)
            assert np.isfinite(pose).all() == (expected is not None)
            if expected is not None:
                scale = np.abs(expected).max()
                np.testing.assert_allclose(pose[:3, [2, 1, 3]], expected[:3, [0, 1, 3]], atol=1e-6 * scale)
    return "read"


def test_undamaged_sweeps_are_read(valid):
    assert [check(files) for files in valid] == ["read"] * len(valid)


@settings(max_examples=150, **FUZZ)
@given(st.data())
def test_damaged_sweeps_are_refused_or_read_as_they_say(valid, data):
    check(data.draw(mutated(valid)))


@pytest.mark.slow
@settings(max_examples=3000, **FUZZ)
@given(st.data())
def test_3000_damaged_sweeps_are_refused_or_read_as_they_say(valid, data):
    check(data.draw(mutated(valid)))


def _csv():
    rows = [",".join(map(repr, [k, *pose.ravel().tolist(), 1.0, 1.0])) for k, pose in enumerate(POSES)]
    return "\n".join(rows).encode()


def _npz():
    file = io.BytesIO()
    np.savez_compressed(file, poses=POSES, pixel_mm=np.ones(2))
    return file.getvalue()


def _xml():
    fields = "".join(
        f'<Transform From="{a}" To="{b}" Matrix="{text_of(np.eye(4))}"/>' for a, b in (("Image", "Probe"), ("A", "B"))
    )
    return f"<P><C>{fields}</C></P>".encode()


BESIDE = {"poses.csv": _csv(), "poses.npz": _npz(), "calibration.xml": _xml(), "calibration.txt": b"1 0 0 0 " * 4}


@settings(max_examples=200, **FUZZ)
@given(st.data())
def test_damaged_files_beside_are_refused_or_read(valid, data):
    name = data.draw(st.sampled_from(sorted(BESIDE)))
    content = BESIDE[name]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        more = data.draw(
            st.sampled_from((b"", b"\0", b"nan", b"inf", b"1e400", b",", b"\n", b"-", b"\xff", b"<", b"'"))
        )
        content = content[:place] + more + content[place + data.draw(st.integers(0, 3)) :]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        path = valid[0].write(Path(folder))
        volume = attempt(path, tracking=Tracking(**{name.split(".")[0]: Path(folder) / name}))
    if volume is not None:
        known = volume.sweep.poses[volume.sweep.tracked]
        np.testing.assert_allclose(np.linalg.norm(known[:, :3, 0], axis=1), 1)
