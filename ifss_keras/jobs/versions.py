"""The versions that a report names."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from ifss_keras import __version__


def package_versions() -> dict[str, str]:
    """Of Python and of the packages that decide a result."""
    packages = ("keras", "tensorflow", "numpy", "scipy", "nibabel", "SimpleITK", "scikit-image")
    installed = {name: version(name) for name in packages}
    for name in ("itk-growcut", "itk-morphologicalcontourinterpolation"):
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    return {"ifss_keras": __version__, "python": platform.python_version()} | installed
