"""A phantom in files: its image and its labels."""

from __future__ import annotations

from pathlib import Path

from ifss_keras.jobs.call import Call
from ifss_keras.jobs.outputs import check_output, publish_volume, volume_outputs
from ifss_keras.jobs.provenance import Provenance
from ifss_keras.synthetic.phantom import Phantom
from ifss_keras.volumes.io import write_labels, write_volume
from ifss_keras.volumes.volume import Volume


def check_phantom_places(image: Path, labels: Path, *, force: bool = False) -> None:
    """Refuses files that cannot be written, or, without `force`, any that are no earlier phantom, untouched since.

    Raises:
        InputError: naming the file.
    """
    for path in (image, labels):
        check_output(path)
        volume_outputs(path, {}, force=force).check_replaceable()


def save_phantom(phantom: Phantom, image: Path, labels: Path, call: Call, *, force: bool = False) -> None:
    """Writes both, in the formats of their suffixes."""
    volume, provenance = Volume.from_array(phantom.image, phantom.spacing_mm), Provenance.now(call, None, {})
    for path, write in (
        (image, lambda path: write_volume(path, phantom.image, volume)),
        (labels, lambda path: write_labels(path, phantom.labels, volume, phantom.names)),
    ):
        publish_volume(path, volume_outputs(path, {}, force=force), provenance, write)
