"""How many cores there are: what binds a process, containers, and what is asked for."""

import os
import subprocess
import sys

import pytest

from ifss_keras.core import cores
from ifss_keras.core.cores import usable_cores


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A function that makes a machine of so many cores with files of these contents."""

    def make(count, **files):
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        monkeypatch.setattr(
            cores, "_QUOTAS", ((str(tmp_path / "max"),), tuple(str(tmp_path / name) for name in ("quota", "period")))
        )
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(count)), raising=False)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    return make


@pytest.mark.parametrize(
    ("files", "asked", "expected"),
    [
        ({}, None, 12),
        ({"max": "max 100000\n"}, None, 12),
        ({"max": "300000 100000\n"}, None, 3),
        ({"max": "250000 100000\n"}, None, 2),
        ({"max": "20000 100000\n"}, None, 1),
        ({"max": "odd"}, None, 12),
        ({"quota": "-1\n", "period": "100000\n"}, None, 12),
        ({"quota": "500000\n", "period": "100000\n"}, None, 5),
        ({"quota": "500000\n"}, None, 12),
        ({}, "4", 4),
        ({}, "4,2", 4),
        ({}, "64", 12),
        ({"max": "300000 100000\n"}, "2", 2),
        ({}, "0", 12),
        ({}, "many", 12),
    ],
)
def test_the_smallest_limit_counts(files, asked, expected, machine, monkeypatch):
    machine(12, **files)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert usable_cores() == expected


def test_without_a_way_to_bind_processes_it_is_the_machines_number(machine, monkeypatch):
    machine(12)
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cores() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound here")
def test_a_process_that_is_bound_to_one_core_has_one():
    core = min(os.sched_getaffinity(0))
    code = "from ifss_keras.core.cores import usable_cores; print(usable_cores())"
    bound = f"import os; os.sched_setaffinity(0, [{core}]); {code}"
    done = subprocess.run([sys.executable, "-c", bound], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
