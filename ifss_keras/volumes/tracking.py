"""Where the frames of a sweep lie, from its own file and from what is given beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.stored import Stored
from ifss_keras.volumes.formats.tracked.chain import image_poses
from ifss_keras.volumes.formats.tracked.plus import ORIENTATION, is_tracked, sequence_transforms, to_marked_far
from ifss_keras.volumes.formats.tracked.poses import read_calibration, read_poses
from ifss_keras.volumes.sweep import Sweep
from ifss_keras.volumes.volume import stored_order


@dataclass(frozen=True)
class Tracking:
    """What is said beside the file of a sweep.

    Attributes:
        poses: a `.csv` or `.npz` with a matrix for each frame, see `read_poses`.
        calibration: a configuration of PLUS or a matrix, for a file that does not say where images lie on the probe,
            see `read_calibration`.
        space: the coordinate frame of the file in which the sweep lies; None for Reference, World or Tracker.
    """

    poses: Path | None = None
    calibration: Path | None = None
    space: str | None = None

    @property
    def files(self) -> dict[str, Path]:
        """Those that are given, by what they are."""
        return {name: path for name in ("poses", "calibration") if (path := getattr(self, name)) is not None}


UNTRACKED = Tracking()


FRAME_AXIS = 2  # stored, of a file that is a sweep by itself


def sweep_of(stored: Stored, axis: int, tracking: Tracking, path: Path) -> Sweep | None:
    """Where the frames lie; None for a file without tracking, if nothing is given beside it.

    Args:
        stored: what the file holds.
        axis: the stored axis that is taken as that of the frames.
        tracking: what is given beside it.
        path: of the file, for texts.

    Raises:
        InputError: what is given does not fit, or does not suffice.
    """
    frames, rows, columns = (stored.array.shape[index] for index in stored_order(axis))
    sequence = stored.sweep is None and is_tracked(stored.metadata)
    for name in ("calibration", "space"):
        if getattr(tracking, name) is not None and (tracking.poses or not sequence):
            why = "the poses say where its frames lie" if tracking.poses else "it holds no transforms by name"
            raise InputError(f"{path} takes no {name}, as {why}: leave it out.", setting=name)
    if tracking.poses:
        return Sweep.of_planes(read_poses(tracking.poses, frames))
    if not sequence and stored.sweep is None:
        return None
    if axis != FRAME_AXIS:
        raise InputError(
            f"{path} is a tracked sweep with its frames along axis {FRAME_AXIS}: expected that, received axis {axis}.",
            setting="axis",
        )
    if not sequence:
        return stored.sweep
    transforms = sequence_transforms(stored.metadata, frames, path)
    calibration = read_calibration(tracking.calibration) if tracking.calibration else {}
    poses, space = image_poses(transforms, calibration, tracking.space, path)
    turned = to_marked_far(stored.metadata.get(ORIENTATION), rows, columns, path)
    return Sweep.of_planes(poses @ turned, timestamps_s=transforms.timestamps_s, space=space)
