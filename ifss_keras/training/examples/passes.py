"""Whole passes through volumes, from annotated slices on, cut into clips of which each goes on where the last ended."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.propagation.evidence import Evidence, gather_evidence
from ifss_keras.propagation.exemplars import gather_exemplars
from ifss_keras.propagation.region import region_around, to_working
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.augmentation import augment_intensity, flip, jitter_region
from ifss_keras.training.examples.clips import Clip, stack_clips
from ifss_keras.training.examples.corpus import TrainingVolume


class PassPlan:
    """How volumes are passed through.

    Args:
        volumes: one after the other, in this order, again and again.
        propagation: how they are shown.
        windows: of each clip.
        updates: of the weights in each pass; its clips are as many for each.
        slices: of a pass, at most; None: as many as there are from the first or last annotated slice of a muscle to the
            other end of its volume, where that is the least.

    Attributes:
        clips: in each pass.
        interval: clips from one update to the next.

    Raises:
        InputError: volumes too short for that many updates of clips of that many windows.
    """

    def __init__(
        self,
        volumes: Sequence[TrainingVolume],
        propagation: PropagationSettings,
        *,
        windows: int,
        updates: int,
        slices: int | None,
    ):
        self.volumes, self.propagation, self.windows = volumes, propagation, windows
        extents = [(len(volume.image), *extent) for volume in volumes for extent in volume.extents.values()]
        room = min(min(count - low, high + 1) for count, low, high in extents)
        longest = room if slices is None else min(slices, room)
        self.interval = (longest - propagation.window + 1) // (windows * updates)
        if not self.interval:
            raise InputError(
                f"passes: expected {windows * updates + propagation.window - 1} slices or more for {updates} updates "
                f"after {windows} windows each, received {longest} from an annotated slice on; lower passes.windows."
            )
        self.clips = self.interval * updates
        self.slices = self.clips * windows + propagation.window - 1

    def clip(self, whole: Clip, number: int) -> Clip:
        """Clip `number` of a pass, or of a batch of passes, counted from 0."""
        first = number * self.windows
        part = (slice(None), slice(first, first + self.windows + self.propagation.window - 1))
        evidence = Evidence(*(values[part] for values in whole.evidence))
        goes_on = np.full_like(whole.has_start, number > 0)
        return whole._replace(evidence=evidence, has_start=goes_on, truth=whole.truth[part], weight=whole.weight[part])


def draw_pass(rng: np.random.Generator, volume: TrainingVolume, plan: PassPlan) -> Clip:
    """A whole pass of one muscle as one clip: references on its first slices alone, annotated slices as targets.

    The region holds all annotated masks of the pass.

    Args:
        rng: decides everything that is random.
        volume: see `PassPlan`.
        plan: how it is passed through.
    """
    code, upside_down = int(rng.choice(sorted(volume.extents))), bool(rng.random() < 0.5)
    image, labels, certain, held = (
        array[::-1] if upside_down else array
        for array in (volume.image, volume.labels, volume.known(code), volume.held(code))
    )
    settings, spacing_mm = plan.propagation, volume.spacing_mm[1:]
    there = np.flatnonzero(held)
    first = int(rng.choice(there[there <= len(image) - plan.slices]))
    part = slice(first, first + plan.slices)
    references = [first]
    while len(references) < settings.window and references[-1] + 1 in there:
        references.append(references[-1] + 1)
    masks = {int(index): labels[index] == code for index in there if part.start <= index < part.stop}
    region = region_around([*masks.values()], spacing_mm, settings.margin, least_share=settings.least_share)
    region = jitter_region(rng, region, 0.06, (0.9, 1.25))
    nothing = np.zeros(image.shape[1:], bool)
    truth = np.stack([masks.get(index, nothing) for index in range(part.start, part.stop)])
    images, truth = (
        to_working(values, region, spacing_mm, settings.size) for values in (volume.intensity.apply(image[part]), truth)
    )
    shown = {index: masks[index] for index in references}
    exemplars = gather_exemplars(image, volume.intensity, shown, region, spacing_mm, settings.size, centred=False)
    together = augment_intensity(rng, np.concatenate([images, exemplars.image[..., 0]]))
    exemplars = exemplars._replace(image=together[plan.slices :, ..., None])
    known = {index: to_working(mask[None], region, spacing_mm, settings.size)[0] for index, mask in shown.items()}
    evidence = gather_evidence(together[: plan.slices], known, first, settings.softness)
    start = np.zeros((settings.window - 1, settings.size, settings.size, 1), np.float32)
    weight = certain[part] * (1 - evidence.is_reference[:, 0, 0, 0])
    truth = (truth > 0.5).astype(np.float32)[..., None]
    clip = Clip(evidence, start, np.zeros((1, 1, 1, 1), np.float32), truth, weight.astype(np.float32), exemplars)
    return flip(rng, clip)


def batches_of_passes(plan: PassPlan, batch: int, seed: int):
    """A function from a number to the batch of clips of that number: of consecutive passes, clip after clip.

    Pass by pass each example has the next volume; the same arguments give the same batches.
    """

    @lru_cache(maxsize=2)
    def whole(number):
        drawn = []
        for place in range(batch):
            volume = plan.volumes[(number * batch + place) % len(plan.volumes)]
            drawn.append(draw_pass(np.random.default_rng((seed, number, place)), volume, plan))
        return stack_clips(drawn)

    def of_number(number: int) -> Clip:
        return plan.clip(whole(number // plan.clips), number % plan.clips)

    return of_number
