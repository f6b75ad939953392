"""`ifss` as a process: closed streams, odd names, signals, limits; one sentence, the right exit code, nothing left."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

IFSS = [sys.executable, "-m", "ifss_keras.cli.main"]
STOPPED = "Interrupted; nothing was half-written.\n"


def by_watershed(case, *more):
    return ["predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "watershed",
            "--ends-annotated", *more]  # fmt: skip


def run(arguments, **options):
    return subprocess.run([*IFSS, *arguments], capture_output=True, check=False, **options)


def refused(done, *said):
    told = done.stderr.decode()
    assert (done.returncode, told.count("\n")) == (2, 1)
    assert told.startswith("Error: ")
    for words in said:
        assert words in told


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_closed_streams_are_nothing_to_fail_for(closed, case):
    command = " ".join(f"'{part}'" for part in [*IFSS, *by_watershed(case, "--report", case.folder / "report")])
    done = subprocess.run(["sh", "-c", f"{command} {closed}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert case.output.read_bytes()[:2] == b"\x1f\x8b"  # and nothing was printed into it
    assert (case.folder / "report" / "report.html").exists()


@pytest.mark.parametrize("extension", [".nii.gz", ".mha"])
def test_names_that_are_no_text(extension, make_case):
    case = make_case(extension)
    odd = os.fsencode(case.folder) + b"/\xff\xfe" + extension.encode()
    os.rename(case.image, odd)
    given = by_watershed(case, "--json", "--report", case.folder / "r")
    arguments = [odd if part == case.image else part for part in given]
    done = run(arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\udcff\\udcfe" + extension.encode() in done.stdout
    assert f"/??{extension}" in (case.folder / "r" / "report.html").read_text()
    assert b"/??" + extension.encode() in run(["evaluate", odd, odd + b"no"]).stderr


@pytest.mark.parametrize(
    ("backend", "said"),
    [("foo", "KERAS_BACKEND is 'foo': expected one of tensorflow, jax, torch")],
)
def test_a_backend_that_there_is_not(backend, said, case, tiny_preset):
    arguments = ["predict", case.image, "--reference", case.reference, "-o", case.output, "--preset", tiny_preset]
    refused(run(arguments, env=os.environ | {"KERAS_BACKEND": backend}), "KERAS_BACKEND", said)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit there")
def test_too_little_address_space(case, tiny_preset):
    import resource

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))

    arguments = ["predict", case.image, "--reference", case.reference, "-o", case.output, "--preset", tiny_preset]
    refused(run(arguments, preexec_fn=limited), "2.0 GB of address space only", "ulimit -v unlimited")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_one_line_at_any_moment(number, case, snapshot):
    before = snapshot(case.folder)
    script = "from ifss_keras.cli.main import main; print(1, flush=True); main()"
    # after the command's first line
    for seconds in (0.02, random.uniform(0.02, 2))[: 2 if number == signal.SIGTERM else 1]:
        command = [sys.executable, "-c", script, *map(str, by_watershed(case))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(number)
        _, told = process.communicate()
        if process.returncode == 0:  # it was faster
            continue
        assert (process.returncode, told.decode()) == (128 + number, STOPPED)
        assert not list(case.folder.glob(".ifss-*"))
        if not case.output.exists():
            assert snapshot(case.folder) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["by atexit", "after it"])
def test_a_signal_that_comes_when_all_is_done_changes_nothing(moment, number, case):
    late = f"os.kill(os.getpid(), {int(number)})"
    meanwhile = {
        "by atexit": f"atexit.register(lambda: {late})",
        "after it": f"class Last:\n    def __del__(self, os=os):\n        {late}\nlast = Last()",
    }
    script = f"import atexit, os\nfrom ifss_keras.cli.main import main\n{meanwhile[moment]}\nmain()"
    for arguments, code in ((by_watershed(case), 0), (["evaluate", case.output, case.folder / "no"], 2)):
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert done.stderr.count("\n") == (code == 2)
    assert case.output.exists()


def test_what_a_signal_ends_while_it_writes_leaves_nothing(case, snapshot):
    before = snapshot(case.folder)
    script = f"""
import os, signal
from ifss_keras.cli.main import main
from ifss_keras.inference.prediction import Prediction
def save(self, path):
    path.write_bytes(b"half a mask")
    os.kill(os.getpid(), signal.SIGTERM)
Prediction.save = save
main({[str(part) for part in by_watershed(case)]})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (143, STOPPED)
    assert snapshot(case.folder) == before


def test_tensorflow_adds_no_line_to_a_refusal(case):
    case.image.write_text("a shopping list\n")
    arguments = ["predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape"]
    command = [sys.executable, "-m", "ifss_keras.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
