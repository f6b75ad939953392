"""The calf of `ifss demo` as layers of napari."""

from __future__ import annotations

import numpy as np

from ifss_keras.jobs.demo import DEMO_SEED, annotated_slices
from ifss_keras.napari_plugin.layers import LayerData, image_layer, labels_layer
from ifss_keras.synthetic import calf
from ifss_keras.volumes.volume import Volume


def demo_calf(**size) -> list[LayerData]:
    """The image, and the muscles on the slices that the demo annotates; arguments are those of `calf`, if any."""
    phantom = calf(DEMO_SEED, **size)
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    slices = annotated_slices(phantom.labels)
    references = np.zeros_like(phantom.labels)
    references[slices] = phantom.labels[slices]
    return [image_layer(volume, "calf"), labels_layer(references, phantom.names, volume, "muscles")]
