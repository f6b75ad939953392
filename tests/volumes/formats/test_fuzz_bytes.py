"""Damaged MAT-files, TIFF files and folders of frames: read, or refused in one sentence, in little memory and time."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.volumes.formats.mutated_bytes import KINDS, MOST_GB, read

CHECKOUT = Path(__file__).resolve().parents[3]
MOST_MORE_MB = 1000 * MOST_GB + 150  # codecs are loaded meanwhile
SLOWEST_S = 30  # none hangs


def fuzzed(kind, count, folder):
    command = [sys.executable, "-m", "tests.volumes.formats.mutated_bytes", kind, str(count), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, timeout=1200, check=False)
    lines = done.stderr.splitlines()
    assert done.returncode == 0, f"seed {lines[-1:]}, exit code {done.returncode}: {done.stderr[-2000:]}"
    assert [line for line in lines if not line.isdigit()] == []  # nothing was printed
    read_count, refused, more_mb, slowest = map(float, done.stdout.split())
    assert read_count + refused == count
    assert min(read_count, refused) > 0
    assert more_mb < MOST_MORE_MB
    assert slowest < SLOWEST_S


@pytest.mark.parametrize("kind", KINDS)
def test_undamaged_files_are_read(kind, tmp_path):
    import numpy as np

    for seed in range(8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (path, *others) = KINDS[kind](folder, np.random.default_rng(seed))
        assert read(folder if others else path) == "read"


def test_50_damaged_files(tmp_path):
    fuzzed("mat_v73", 50, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_1000_damaged_files(kind, tmp_path):
    fuzzed(kind, 1000, tmp_path)
