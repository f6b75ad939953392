"""How much memory there is: what systems say, and what is refused."""

from pathlib import Path

import pytest

from ifss_keras.core import memory
from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory, free_bytes


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A function that makes a system with files of these contents, and so much memory."""

    def make(pages=None, **files):
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        groups = tuple(tuple(str(tmp_path / f"{name}{n}") for name in ("limit", "usage", "stat")) for n in (1, 2))
        monkeypatch.setattr(memory, "_CGROUPS", groups)
        real = Path
        monkeypatch.setattr(memory, "Path", lambda name: real(str(name).replace("/proc", str(tmp_path))))
        if pages is None:
            monkeypatch.delattr(memory.os, "sysconf")
        else:
            monkeypatch.setattr(memory.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": pages}.__getitem__)

    return make


MEMINFO = "MemTotal: 900 kB\nMemAvailable:    700 kB\n"
CACHED = "anon 3\ninactive_file 1000\nactive_file 500\n"


@pytest.mark.parametrize(
    ("pages", "files", "expected"),
    [
        (3, {"meminfo": MEMINFO}, 700 * 1024),
        (3, {"meminfo": MEMINFO, "limit1": "max\n", "usage1": "5\n"}, 700 * 1024),
        (3, {"meminfo": MEMINFO, "limit1": "5000\n", "usage1": "2000\n"}, 3000),
        (3, {"meminfo": MEMINFO, "limit2": "5000\n", "usage2": "6000\n"}, 0),
        (3, {"meminfo": MEMINFO, "limit1": "5000", "usage1": "4900", "stat1": CACHED}, 1600),
        (3, {"meminfo": MEMINFO, "limit2": "5000", "usage2": "4900", "stat2": f"{CACHED}total_active_file 7\n"}, 1107),
        (3, {"meminfo": MEMINFO, "limit1": "5000", "usage1": "4900", "stat1": "odd"}, 100),
        (3, {}, 3 * 4096),
        (3, {"meminfo": "MemTotal: 900 kB\n"}, 3 * 4096),
        (None, {}, 8 * 10**9),
    ],
)
def test_what_is_free_is_what_the_system_says(system, pages, files, expected):
    system(pages, **files)
    assert free_bytes() == expected


def test_here_there_is_some():
    assert 10**7 < free_bytes() < 10**15


def test_what_needs_more_than_is_allowed_is_refused():
    check_memory(2 * 10**9, "the scan", 2.0)
    with pytest.raises(
        InputError, match=r"the scan needs 2.5 GB of memory or more: .* 2 GB that are allowed"
    ) as caught:
        check_memory(25 * 10**8, "the scan", 2.0, settable=True)
    assert caught.value.setting == "max_gb"


def test_what_needs_more_than_is_free_is_refused(system):
    system(3, meminfo=MEMINFO)
    check_memory(700 * 1024, "the scan", None)
    with pytest.raises(InputError, match="that are free"):
        check_memory(700 * 1024 + 1, "the scan", None)
    check_memory(10**9, "the scan", 1.0)  # a limit that is given comes first


@pytest.mark.parametrize("limit", [0, -1.0, float("nan"), float("inf")])
def test_limits_that_are_none_are_refused(limit):
    with pytest.raises(InputError, match="expected a number above 0"):
        check_memory(1, "the scan", limit)
