"""The job that writes nothing: which slices to annotate next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ifss_keras.core.errors import InputError
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.methods import NETWORK
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.suggest import Suggestion, suggest
from ifss_keras.jobs.job import Job
from ifss_keras.jobs.networks import Networks
from ifss_keras.jobs.predict import annotation_of, image_of, predicted
from ifss_keras.jobs.refusals import refuse_a_constant_image, refuse_what_does_not_go_together
from ifss_keras.zoo.presets import verify


@dataclass(frozen=True, eq=False)
class Suggested:
    """What is to be annotated next.

    Attributes:
        prediction: from what is annotated.
        suggestions: best first.
    """

    prediction: Prediction
    suggestions: tuple[Suggestion, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        names = self.prediction.names
        held = [
            {"slice": found.slice, "label": found.code, "name": names[found.code], "gain_ml": found.gain}
            for found in self.suggestions
        ]
        return {"suggestions": held, "warnings": list(self.prediction.warnings)}


def suggest_slices(
    job: Job, count: int = 3, progress: Progress = silent, networks: Networks | None = None
) -> Suggested:
    """The slices of a job's image to annotate next; nothing is written.

    Args:
        job: what `run_job` would do; its output and report do not count.
        count: how many slices.
        progress: as in `run_job`.
        networks: that are loaded already, and stay loaded.

    Raises:
        IFSSError: in one sentence, for anything that the user can mend.
    """
    if job.reference is None:
        raise InputError(
            "There is no reference: expected a file with one annotated slice or more; annotate a thick part.",
            setting="reference",
        )
    if job.method == NETWORK:
        job.found_preset(progress)
    refuse_what_does_not_go_together(job)
    if job.method == NETWORK:
        verify(job.found_preset())
    volume = image_of(job)
    refuse_a_constant_image(job, volume)
    annotation = annotation_of(job, volume)
    prediction = predicted(job, volume, annotation, None, progress, networks or Networks())
    return Suggested(prediction, tuple(suggest(prediction, count)))
