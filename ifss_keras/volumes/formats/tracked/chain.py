"""The way from pixels to the space of a sweep, through transforms that are known by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.tracked.plus import Frames, Transforms

IMAGE = "Image"
_SPACES = ("Reference", "World", "Tracker")  # where sweeps are at home, the best first


def image_poses(
    transforms: Transforms, calibration: Mapping[Frames, np.ndarray], space: str | None, path: Path
) -> tuple[np.ndarray, str]:
    """(frame, 4, 4) from the pixels of every frame to a space, NaN where a frame has no image or was not tracked.

    Args:
        transforms: of the sequence.
        calibration: more transforms that hold for all frames; before the file's static ones, behind those of frames.
        space: name of the space; None for Reference, World or Tracker, whichever is reached, or the only one.
        path: for texts.

    Returns:
        the matrices, and the name of the space.

    Raises:
        InputError: nothing leads from the image, or not to that space, or to several.
    """
    known: dict[Frames, np.ndarray] = {**transforms.static, **calibration, **transforms.of_frames}
    ways = _ways_from_image(known)
    if not known:
        raise InputError(
            f"{path} is a tracked sweep of which no frame was tracked: expected transforms that are OK, received none; "
            "record it again.",
        )
    if len(ways) == 1:
        raise InputError(
            f"{path} is a tracked sweep that does not say where its images lie on the probe: expected a transform from "
            f"Image, received {_listed(known)}; give the calibration of the probe.",
            setting="calibration",
        )
    moving = [name for name, way in ways.items() if any(between in transforms.of_frames for between, _ in way)]
    name = space or _the_space(moving, path)
    if name not in ways or name == IMAGE:
        raise InputError(
            f"{path} has no transforms from its images to {name}: expected one of {', '.join(moving) or 'none'}, "
            f"received {_listed(known)}; name another space.",
            setting="space",
        )
    poses = np.broadcast_to(np.eye(4), (len(transforms.images), 4, 4))
    for between, backwards in ways[name]:
        poses = (_inverse(known[between]) if backwards else known[between]) @ poses
    poses = np.array(poses)
    poses[~transforms.images] = np.nan
    return poses, name


def _ways_from_image(known: Iterable[Frames]) -> dict[str, list[tuple[Frames, bool]]]:
    """The shortest way from the image to each coordinate frame: transforms, and whether each is taken backwards."""
    ways: dict[str, list[tuple[Frames, bool]]] = {IMAGE: []}
    ahead = [IMAGE]
    for name in ahead:  # grows meanwhile
        for between in known:
            for start, end, backwards in ((*between, False), (*between[::-1], True)):
                if start == name and end not in ways:
                    ways[end] = [*ways[name], (between, backwards)]
                    ahead.append(end)
    return ways


def _the_space(moving: list[str], path: Path) -> str:
    for name in _SPACES:
        if name in moving:
            return name
    if len(moving) == 1:
        return moving[0]
    raise InputError(
        f"{path} has transforms from its images to {', '.join(moving) or 'nothing that moves'}: expected Reference, "
        "World or Tracker among these, or one alone; name the space.",
        setting="space",
    )


def _inverse(matrices: np.ndarray) -> np.ndarray:
    """Of one or many (4, 4), NaN for those that have none."""
    inverted = np.full_like(matrices, np.nan)
    usable = np.isfinite(matrices).all(axis=(-2, -1))
    usable &= np.abs(np.linalg.det(np.where(usable[..., None, None], matrices, np.eye(4)))) > np.finfo(float).tiny
    inverted[usable] = np.linalg.inv(matrices[usable])
    return inverted


def _listed(known: Iterable[Frames]) -> str:
    return ", ".join("To".join(between) for between in known)
