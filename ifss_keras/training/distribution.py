"""Training on several GPUs and machines: the losses and the weights of one device, by `tf.distribute`.

Every device has an equal part of each batch. Losses divide by the weights of the whole batch (`losses.replicas`), and
gradients are added before they are clipped; Keras clips each device's by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ifss_keras.core.errors import InputError
from ifss_keras.core.quiet import quiet_stderr
from ifss_keras.training.recipe import Recipe


@dataclass(frozen=True)
class Devices:
    """What a training runs on.

    Attributes:
        strategy: a `tf.distribute.Strategy`; None for one device.
        worker: number of this process, 0 for the one that writes the folder.
        workers: number of processes.
    """

    strategy: Any = None
    worker: int = 0
    workers: int = 1

    @property
    def replicas(self) -> int:
        """Devices of all processes."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    def scope(self):
        """Where the trainer is made and trained."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def check(self, recipe: Recipe) -> None:
        """Refuses a recipe that would not give what it gives on one device.

        Raises:
            InputError: naming the key.
        """
        if self.replicas == 1:
            return
        if recipe.batch % self.replicas:
            raise InputError(
                f"batch: expected a multiple of the {self.replicas} devices, received {recipe.batch}; mend the recipe, "
                f"or show fewer devices (CUDA_VISIBLE_DEVICES)."
            )
        for key in _of_one_device(recipe):
            raise InputError(
                f"{key}: expected one device, received {self.replicas}; mend the recipe, or show fewer devices "
                f"(CUDA_VISIBLE_DEVICES)."
            )
        if recipe.optimizer.accumulate > 1:
            raise InputError(
                f"optimizer.accumulate: expected 1 on {self.replicas} devices, received "
                f"{recipe.optimizer.accumulate}; raise batch instead, which they share."
            )
        if recipe.precision == "mixed_float16":
            raise InputError(
                f"precision: expected float32 or mixed_bfloat16 on {self.replicas} devices, received mixed_float16, "
                f"whose loss is scaled; mend the recipe."
            )

    def shared_out(self, dataset):
        """A dataset of whole batches as one whose devices get equal parts of each, in order; itself for one device."""
        if not self.strategy:
            return dataset

        def parts(context):
            of_worker = self.replicas // self.workers
            own = slice(self.worker * of_worker, (self.worker + 1) * of_worker)
            plain = type(dataset.element_spec) is tuple  # TensorFlow hands over the parts of these, named ones whole
            sliced = dataset.flat_map(lambda *batch: _sliced(batch if plain else batch[0], self.replicas, own))
            return sliced.prefetch(2 * of_worker)

        return self.strategy.distribute_datasets_from_function(parts)

    def prepare(self, trainer) -> None:
        """Gives a trainer its steps, whose logs are of all devices, where Keras' own are means of their means.

        Its batch normalisation takes the statistics of the whole batch.
        """
        if self.strategy:
            import keras

            for layer in trainer.network._flatten_layers():
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized = True
            with self.scope():
                trainer.optimizer.build(trainer.trainable_variables)
            # all is built; Keras would build it again from the mean of the devices' inputs, which not all inputs have
            trainer._maybe_symbolic_build = lambda **_: None
            trainer.train_function = _steps(trainer, self.strategy, trainer.train_step)
            trainer.test_function = _steps(trainer, self.strategy, trainer.test_step)


def _of_one_device(recipe: Recipe) -> list[str]:
    """The keys of a recipe that only one device does as they say."""
    reconstruction, pseudo_labels = (getattr(recipe, name, None) for name in ("reconstruction", "pseudo_labels"))
    asked = {
        "reconstruction.alternate": reconstruction and reconstruction.alternate,
        "passes": getattr(recipe, "passes", None),
        "pseudo_labels.teacher": pseudo_labels and pseudo_labels.teacher,
    }
    return [key for key, value in asked.items() if value]


def find_devices() -> Devices:
    """All GPUs that TensorFlow sees, or all logical CPUs if there are more than one; several processes by `TF_CONFIG`.

    Comes before the first use of TensorFlow where there are several processes. Other backends use one device.

    Raises:
        InputError: a `TF_CONFIG` that cannot be used.
    """
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return Devices()
    cluster = _cluster()
    if cluster is None:
        return _of_one_process()
    worker, workers = cluster
    with quiet_stderr():
        import tensorflow as tf

        try:
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"TF_CONFIG cannot be used: {' '.join(str(error).split())[:200].rstrip('.')}; mend or unset it."
            ) from error
    return Devices(strategy, worker, workers)


def _of_one_process() -> Devices:
    with quiet_stderr():
        import tensorflow as tf

        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        if len(found) == 1:
            return Devices()
        return Devices(tf.distribute.MirroredStrategy([device.name for device in found]))


def _cluster() -> tuple[int, int] | None:
    """(number of this process, number of processes) by `TF_CONFIG`; None for one alone."""
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return None
    try:
        held = json.loads(text)
        workers, task = held["cluster"]["worker"], held["task"]
        if task["type"] != "worker" or not 0 <= int(task["index"]) < len(workers):
            raise ValueError(f"expected a task of type worker, its index below {len(workers)}, received {task}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            'TF_CONFIG cannot be used: expected {"cluster": {"worker": [host:port, ...]}, "task": {"type": "worker", '
            f'"index": number}}}}, received {text[:200]!r} ({error}); mend or unset it.'
        ) from error
    return (int(task["index"]), len(workers)) if len(workers) > 1 else None


def _sliced(batch, replicas: int, own: slice):
    """A dataset of the parts of one batch that are for some of the devices."""
    import tensorflow as tf

    def split(part):
        size = tf.shape(part)[0] // replicas
        cut = tf.reshape(part, tf.concat([[replicas, size], tf.shape(part)[1:]], axis=0))
        each = None if part.shape[0] is None else part.shape[0] // replicas
        cut.set_shape([replicas, each, *part.shape[1:]])
        return cut[own]

    return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(split, batch))


def _steps(trainer, strategy, step: Callable):
    """What `fit` calls for every step: from an iterator to the logs."""
    import tensorflow as tf

    def run(data):
        strategy.run(step, args=(data,))

    run = run if trainer.run_eagerly else tf.function(run, reduce_retracing=True)

    def function(iterator):
        run(next(iterator))
        return trainer.get_metrics_result()

    return function


def across_replicas(kind: type) -> type:
    """An optimizer's class that adds the gradients of all devices before it clips them."""

    class AcrossReplicas(kind):
        def _clip_gradients(self, grads):
            import tensorflow as tf

            context = tf.distribute.get_replica_context()
            return super()._clip_gradients(context.all_reduce(tf.distribute.ReduceOp.SUM, grads))

        def _all_reduce_sum_gradients(self, grads_and_vars):
            return grads_and_vars  # they are

    return AcrossReplicas


def on_several_devices() -> bool:
    """Whether what is made now is made for several devices, in the scope of `Devices`."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync > 1
