"""A network taught the look of one volume, from the volume's own references."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ifss_keras.core.progress import Progress, silent
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.pipeline import dataset_of, stack_clips
from ifss_keras.training.examples.pseudo_clips import PseudoSpan, draw_pseudo_clip
from ifss_keras.training.examples.reference_clips import AnnotatedVolume, ReferenceClipSettings, draw_reference_clip


@dataclass(frozen=True)
class Adaptation:
    """How long and how fast a network is adapted.

    Attributes:
        steps: for a volume of one label; n labels, which share them, have n^0.6 times as many.
        batch: clips in a step.
        learning_rate: the highest, of Muon; it falls to a hundredth along a cosine.
        pseudo: share of the clips that ask for the network's own sure masks between the references, which keeps it
            from forgetting what it knew.
        seed: same seed, same weights.
        clips: which clips of references are drawn.
        smooth, cross_entropy: of the loss, as in the recipes of the presets.
        warmup: steps.
    """

    steps: int = 60
    batch: int = 8
    learning_rate: float = 2e-3
    pseudo: float = 0.5
    seed: int = 1
    clips: ReferenceClipSettings = field(default_factory=ReferenceClipSettings)
    smooth: float = 100.0
    cross_entropy: float = 1.0
    warmup: int = 10

    def steps_for(self, labels: int) -> int:
        """The steps for a volume of that many labels."""
        return round(self.steps * labels**0.6)


class VolumeTrainer:
    """A copy of a network, trained on the references of one volume, as often as `train` is called.

    Each reference is hidden in turn and asked for from its neighbours, see `draw_reference_clip`. `network` has the
    mean of the copy's and the network's weights (Wortsman et al., CVPR 2022): a few references are soon overfitted, and
    half of the way has most of the gain.

    Args:
        network: an `IFSSNet`; it is left as it is.
        propagation: how the volume is shown.
        adaptation: the batch, the learning rate and the seed.
        steps: of all calls of `train` together.
        into: a network of the same kind that is to take the weights; None: a new one.
    """

    def __init__(self, network, propagation: PropagationSettings, adaptation: Adaptation, steps: int, into=None):
        import keras

        from ifss_keras.training.muon import Muon
        from ifss_keras.training.trainer import PropagationTrainer

        self.propagation, self.adaptation = propagation, adaptation
        self.steps, self.done = steps, 0
        with _seeded(adaptation.seed):
            first, copy = (type(network).from_config(network.get_config()) for _ in range(2))
        self.network = first if into is None else into
        self._before = network.get_weights()
        for held in (self.network, copy):
            held.set_weights(self._before)
        self._trainer = PropagationTrainer(
            copy,
            windows=1,
            recurrent=propagation.recurrent,
            smooth=adaptation.smooth,
            cross_entropy=adaptation.cross_entropy,
        )
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0,
            max(steps - adaptation.warmup, 1),
            alpha=0.01,
            warmup_target=adaptation.learning_rate,
            warmup_steps=adaptation.warmup,
        )
        self._trainer.compile(Muon(schedule, global_clipnorm=1.0))
        self._trainer.build()

    def train(
        self,
        volume: AnnotatedVolume,
        spans: Sequence[PseudoSpan],
        steps: int,
        progress: Progress = silent,
    ) -> None:
        """That many more steps on all references of the volume.

        Args:
            volume: a label in it needs two references, one of which holds it.
            spans: between references of the volume, what the network predicted there.
            steps: of this call.
            progress: told of "adaptation", the steps done and the steps of all calls.
        """
        import keras

        batch, first = self.adaptation.batch, self.done
        spans = [span for span in spans if span.windows(self.propagation.window)]

        def draw_one(rng):
            if spans and rng.random() < self.adaptation.pseudo:
                return draw_pseudo_clip(rng, volume, spans[int(rng.integers(len(spans)))], self.propagation)
            return draw_reference_clip(rng, volume, self.propagation, self.adaptation.clips)

        def draw(number):
            rng = np.random.default_rng([self.adaptation.seed, number])
            return stack_clips([draw_one(rng) for _ in range(batch)])

        numbers = range(first, first + steps)
        dataset = dataset_of(draw, numbers, self.propagation, batch=batch)
        shown = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda index, logs: progress("adaptation", first + index + 1, self.steps)
        )
        self._trainer.fit(dataset, callbacks=[shown], verbose=0, shuffle=False)
        self.done += steps
        after = self._trainer.network.get_weights()
        self.network.set_weights([(a + b) / 2 for a, b in zip(self._before, after, strict=True)])


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The seeds that layers draw for themselves, of dropout as an example, are the same; the caller's are untouched."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
