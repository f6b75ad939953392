"""Keras optimizers from a recipe's settings: their rates over time, and the penalty on the weights."""

from __future__ import annotations

import keras
from keras import ops

from ifss_keras.losses.replicas import share_of_replica
from ifss_keras.training.distribution import across_replicas, on_several_devices
from ifss_keras.training.muon import Muon
from ifss_keras.training.parts import Optimizer

_LEAST = 0.01  # share of the learning rate that the cosine ends at


@keras.saving.register_keras_serializable("ifss_keras")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises from 0 in equal steps, stays, and is multiplied by `factor` from each step of `drops` on.

    TMI 2021, section III-F, divides it by ten for the last two epochs.

    Args:
        rate: after the warm-up.
        warmup_steps: number of the first step at the whole rate.
        drops: numbers of steps, counted from 0.
        factor: of every drop.
    """

    def __init__(self, rate, warmup_steps=0, drops=(), factor=0.1):
        super().__init__()
        self.rate, self.warmup_steps, self.drops, self.factor = rate, warmup_steps, tuple(drops), factor

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = self.rate * ops.minimum(step / self.warmup_steps, 1.0) if self.warmup_steps else self.rate * ops.ones(())
        for drop in self.drops:
            rate = rate * ops.where(step >= drop, self.factor, 1.0)
        return rate

    def get_config(self):
        return {name: getattr(self, name) for name in ("rate", "warmup_steps", "drops", "factor")}


@keras.saving.register_keras_serializable("ifss_keras")
class EveryFewBatches(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule in steps of the weights; Keras asks for the rate of a batch, of which `accumulate` make one step."""

    def __init__(self, schedule, accumulate):
        super().__init__()
        self.schedule, self.accumulate = schedule, accumulate

    def __call__(self, step):
        return self.schedule(ops.floor_divide(step, self.accumulate))

    def get_config(self):
        return {"schedule": keras.optimizers.schedules.serialize(self.schedule), "accumulate": self.accumulate}

    @classmethod
    def from_config(cls, config):
        schedule = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(schedule, config["accumulate"])


def optimizer_of(settings: Optimizer, epochs: int, steps_per_epoch: int):
    """The Keras optimizer of a recipe's settings.

    Args:
        settings: of the recipe.
        epochs: of the whole training.
        steps_per_epoch: in batches; `settings.accumulate` of them make one step of the weights, also across epochs.
    """
    schedule = schedule_of(settings, epochs, steps_per_epoch)
    if settings.accumulate > 1:
        schedule = EveryFewBatches(schedule, settings.accumulate)
    return _kind_of(settings.kind)(
        schedule,
        **({"momentum": 0.9, "nesterov": True} if settings.kind == "sgd" else {}),
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm,
        gradient_accumulation_steps=settings.accumulate if settings.accumulate > 1 else None,
    )


def schedule_of(settings: Optimizer, epochs: int, steps_per_epoch: int):
    """The learning rate as a function of the number of steps that the weights have made.

    Without a warm-up the first step has the whole rate, else it has none.

    Args:
        settings, epochs, steps_per_epoch: as in `optimizer_of`.
    """
    rate, warmup = settings.learning_rate, settings.warmup_steps
    if settings.schedule == "cosine":
        steps = max(epochs * steps_per_epoch // settings.accumulate - warmup, 1)
        cosine = keras.optimizers.schedules.CosineDecay
        if not warmup:
            return cosine(rate, steps, alpha=_LEAST)
        return cosine(0.0, steps, alpha=_LEAST, warmup_target=rate, warmup_steps=warmup)
    drops = settings.drops if settings.schedule == "steps" else ()
    # the first step that ends in that epoch
    starts = tuple((epoch - 1) * steps_per_epoch // settings.accumulate for epoch in drops)
    return StepDecay(rate, warmup, starts, settings.factor)


def _kind_of(kind: str) -> type:
    optimizers = keras.optimizers
    kinds = {"muon": Muon, "adamw": optimizers.AdamW, "adam": optimizers.Adam, "sgd": optimizers.SGD}
    return across_replicas(kinds[kind]) if on_several_devices() else kinds[kind]


def l2_penalty(network):
    """The sum of squares of all kernels that are trained, a scalar (TMI 2021, section III-F).

    Kernels are what is multiplied with the layers' inputs; biases, norms and learned slopes are none.

    Args:
        network: whose `trainable_weights` are looked through.
    """
    kernels = [weight for weight in network.trainable_weights if is_kernel(weight)]
    total = ops.zeros((), "float32")
    for kernel in kernels:
        total = total + ops.sum(ops.square(ops.cast(kernel, "float32")))
    return share_of_replica(total)


def is_kernel(weight) -> bool:
    """Whether a weight is a kernel, by its name, such as "kernel", "depthwise_kernel" or "recurrent_kernel"."""
    return weight.path.rpartition("/")[2].endswith("kernel")
