"""Networks that stay loaded from one job to the next."""

from __future__ import annotations

from typing import Any

from ifss_keras.core.backend import start_backend
from ifss_keras.core.records import sha256_of
from ifss_keras.jobs.job import Job


class Networks:
    """Those of one process, each loaded when a job first needs it; again only where its weights have changed."""

    def __init__(self):
        self._held: dict[tuple[str, str, str], Any] = {}

    def predictor(self, job: Job):
        """A `Predictor` of the job's preset.

        Raises:
            InputError, PresetError, ChecksumError: see `Predictor.from_preset`.
        """
        from ifss_keras.inference.predictor import Predictor

        return self._once(Predictor, job)

    def segmenter(self, job: Job):
        """A `Segmenter` of the job's preset, whose names are the job's own to change.

        Raises:
            InputError, PresetError, ChecksumError: see `Segmenter.from_preset`.
        """
        start_backend()
        from ifss_keras.inference.segmenter import Segmenter

        held = self._once(Segmenter, job)
        return Segmenter(held.network, held.names, held.slices, held.size)

    def _once(self, kind: type, job: Job):
        key = kind.__name__, job.preset_or_default, sha256_of(job.found_preset().path)
        if key not in self._held:
            self._held[key] = kind.from_preset(job.preset_or_default)
        return self._held[key]
