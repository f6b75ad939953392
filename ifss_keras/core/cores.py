"""How many cores there are to work with."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_QUOTAS = (  # of a container: microseconds of all cores together in each period, and the period
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


def usable_cores() -> int:
    """The cores that this process may keep busy, 1 or more.

    Those that it is bound to, as by a cluster or by `taskset`; no more than its container's share of time, and than
    OMP_NUM_THREADS says where that is set.
    """
    return max(1, min([_bound_cores(), *_shares_of_containers(), *_asked_for()]))


def _bound_cores() -> int:
    with suppress(AttributeError, OSError):  # macOS and Windows bind no process
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _shares_of_containers() -> list[int]:
    found = []
    for files in _QUOTAS:
        with suppress(OSError, ValueError, ZeroDivisionError):  # "max" is no limit, and neither is -1
            quota, period = (int(number) for file in files for number in Path(file).read_text("ascii").split())
            found += [round(quota / period) or 1] if quota > 0 else []
    return found


def _asked_for() -> list[int]:
    with suppress(ValueError):
        asked = int(os.environ.get("OMP_NUM_THREADS", "").partition(",")[0])  # of nested levels the outermost counts
        return [asked] if asked > 0 else []
    return []
