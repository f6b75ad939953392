"""From a recipe to a compiled trainer: its network, its loss, its optimizer."""

from __future__ import annotations

from ifss_keras.core.backend import start_backend
from ifss_keras.core.errors import InputError
from ifss_keras.training.recipe import Recipe, SegmentationRecipe
from ifss_keras.training.transfer import freeze
from ifss_keras.zoo.catalogue import build_network


def network_of(recipe: Recipe):
    """The network of a recipe, its weights newly drawn, its layers' numbers of the recipe's precision.

    The precision is no argument of the network's: its preset predicts in float32, with the weights that are kept so.

    Raises:
        InputError: no such network, or one that cannot be built, such as rows that do not divide.
    """
    start_backend()
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    try:
        return build_network(recipe.model, network_arguments(recipe))
    finally:
        keras.config.set_dtype_policy(before)


def network_arguments(recipe: Recipe) -> dict:
    """The arguments of a recipe's network, with those that follow from the rest of the recipe."""
    if isinstance(recipe, SegmentationRecipe):
        return recipe.network | {"slices": recipe.slices, "classes": len(recipe.labels) + 1}
    return dict(recipe.network)


def build_trainer(recipe: Recipe):
    """A compiled trainer for a recipe's network, its weights drawn under the recipe's seed.

    Raises:
        InputError: see `network_of` and `start_backend`; or a precision that the machine is not for.
    """
    start_backend()
    _refuse_16_bits_on_a_processor(recipe)
    import keras

    from ifss_keras.losses.named import NamedLoss
    from ifss_keras.training.propagation_trainer import PropagationTrainer
    from ifss_keras.training.trainer import SegmentationTrainer

    keras.utils.set_random_seed(recipe.seed)
    network = network_of(recipe)
    freeze(network, recipe.freeze)
    loss = NamedLoss(**recipe.loss.model_dump(), name="loss", dtype="float32")
    if isinstance(recipe, SegmentationRecipe):
        kind = _alternating(recipe, network) if recipe.reconstruction.alternate else SegmentationTrainer
        trainer = kind(
            network,
            loss,
            l2=recipe.optimizer.l2,
            negatives=recipe.negatives,
            reconstruction=recipe.reconstruction.weight,
        )
    else:
        recipe.settings(network.window)  # a window of one slice is refused
        teacher = network_of(recipe) if recipe.pseudo_labels and recipe.pseudo_labels.teacher else None
        trainer = PropagationTrainer(
            network,
            loss,
            l2=recipe.optimizer.l2,
            windows=recipe.windows,
            flow=recipe.propagation.flow,
            pseudo_labels=recipe.pseudo_labels,
            teacher=teacher,
            passing=recipe.batch if recipe.passes else None,
        )
    compile_trainer(trainer, recipe)
    trainer.build()
    return trainer


def _refuse_16_bits_on_a_processor(recipe: Recipe) -> None:
    if recipe.precision != "float32" and start_backend() == "tensorflow" and not has_accelerator():
        raise InputError(
            f"precision: expected float32 where TensorFlow has no GPU, received {recipe.precision}: on a processor its "
            "gradients of 3D convolutions in bfloat16 are not always numbers, and it pools nothing in float16; mend "
            "the recipe."
        )


def has_accelerator() -> bool:
    """Whether TensorFlow has a GPU."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _alternating(recipe: SegmentationRecipe, network) -> type:
    """The trainer with two optimizers.

    Raises:
        InputError: a network, a backend or a precision that it is not for.
    """
    reason = None
    if "reconstruction" not in network.output:
        reason = f"a network that reconstructs, received {recipe.model} without a reconstruction"
    elif start_backend() != "tensorflow":
        reason = f"the backend tensorflow, received {start_backend()}"
    elif recipe.precision == "mixed_float16" or recipe.optimizer.accumulate > 1:
        reason = "neither mixed_float16 nor optimizer.accumulate"
    if reason:
        raise InputError(f"reconstruction.alternate: expected {reason}; mend the recipe.")
    from ifss_keras.training.alternating import AlternatingTrainer

    return AlternatingTrainer


def compile_trainer(trainer, recipe: Recipe, interval: int | None = None) -> None:
    """Gives a trainer the recipe's optimizer.

    Args:
        trainer, recipe: as in `build_trainer`.
        interval: batches from one update to the next, where volumes are passed through; None: the recipe's own.
    """
    from ifss_keras.training.optimizers import optimizer_of

    settings = recipe.optimizer if interval is None else recipe.optimizer.model_copy(update={"accumulate": interval})
    trainer.compile(optimizer_of(settings, recipe.epochs, recipe.steps_per_epoch))
