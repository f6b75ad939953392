"""What a result depends on beside its input: the machine and the versions of packages."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from ifss_keras import __version__

_PACKAGES = ("keras", "tensorflow", "openvino", "numpy", "scipy", "nibabel", "SimpleITK", "scikit-image", "trimesh")
_OPTIONAL = ("itk-growcut", "itk-morphologicalcontourinterpolation")


@cache
def machine() -> str:
    """System, processor and cores in one line."""
    processor = platform.processor() or platform.machine()
    with suppress(OSError, StopIteration), open("/proc/cpuinfo", encoding="utf-8") as lines:
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{platform.system()} {platform.release()}, {processor}, {os.cpu_count()} cores"


def package_versions(packages: Sequence[str] = (*_PACKAGES, *_OPTIONAL)) -> dict[str, str]:
    """Of this package, of Python, and of those of some packages that are installed."""
    installed = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    return {"ifss_keras": __version__, "python": platform.python_version()} | installed
