"""How much memory there is to work with, and the refusal of what needs more."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ifss_keras.core.errors import InputError

GB = 1e9
_UNKNOWN_BYTES = 8 * 10**9  # taken to be there where the system does not say
_CGROUPS = (
    tuple(f"/sys/fs/cgroup/memory.{name}" for name in ("max", "current", "stat")),
    tuple(f"/sys/fs/cgroup/memory/memory.{name}" for name in ("limit_in_bytes", "usage_in_bytes", "stat")),
)
_CACHE = ("inactive_file", "active_file")  # pages of files, which a container counts as used and gives up when asked


def free_bytes() -> int:
    """What this process can still take: what the system has free, within the limits of its container.

    Where a system tells only how much memory it has, that; where it tells nothing, 8 GB.
    """
    rooms = [_available_bytes()]
    for limit, usage, stat in _CGROUPS:
        limit_bytes, used_bytes = _number(limit), _number(usage)
        if limit_bytes is not None and used_bytes is not None:
            rooms.append(max(limit_bytes - max(used_bytes - _cached_bytes(stat), 0), 0))
    return min(rooms)


def check_memory(needed_bytes: float, name: str, max_gb: float | None = None, *, settable: bool = False) -> None:
    """Refuses what would need more memory than is allowed.

    Args:
        needed_bytes: by what is about to be made, at least.
        name: what it is, as the beginning of a sentence.
        max_gb: how much is allowed, in 10^9 bytes; None for what is free.
        settable: whether whoever asked can give `max_gb`.

    Raises:
        InputError: too much, with what is needed and what is allowed; or a limit that is none.
    """
    if max_gb is not None and not (max_gb > 0 and math.isfinite(max_gb)):
        raise InputError(
            f"A limit of {max_gb} GB is none: expected a number above 0.", setting="max_gb" if settable else None
        )
    allowed_bytes = free_bytes() if max_gb is None else max_gb * GB
    if needed_bytes > allowed_bytes:
        which, mend = ("free", "close other programs") if max_gb is None else ("allowed", "raise the limit")
        raise InputError(
            f"{name} needs {_gb(needed_bytes)} GB of memory or more: expected at most the {_gb(allowed_bytes)} GB that "
            f"are {which}; take a smaller one, or {mend}.",
            setting="max_gb" if settable else None,
        )


def _available_bytes() -> int:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return _UNKNOWN_BYTES


def _cached_bytes(path: str) -> int:
    """Pages of files in a container; 0 where it does not say."""
    try:
        held = dict(line.split() for line in Path(path).read_text("ascii").splitlines())
        return sum(int(held.get(f"total_{name}", held.get(name, 0))) for name in _CACHE)
    except (OSError, ValueError):
        return 0


def _number(path: str) -> int | None:
    """The number in a file, None where there is none ("max" is no limit)."""
    try:
        return int(Path(path).read_text("ascii"))
    except (OSError, ValueError):
        return None


def _gb(size: float) -> str:
    return f"{size / GB:.3g}" if size < 1e12 else f"{size / GB:.0f}"
