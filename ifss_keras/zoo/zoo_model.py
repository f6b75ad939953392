"""What every network of the zoo has in common."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import keras
from keras import ops

from ifss_keras.core.checks import as_tuples, known_names, require
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.zoo.catalogue import keyword_arguments, network_class
from ifss_keras.zoo.preset import Preset
from ifss_keras.zoo.presets import find_preset, load_network, released_presets, save_preset

KERAS_ARGUMENTS = ("name", "trainable", "dtype")


def _under_policy(init):
    """The constructor with `dtype` as the policy of every layer that it makes; Keras' own is for layers, not models."""

    @functools.wraps(init)
    def wrapped(self, *, dtype=None, **kwargs):
        if dtype is None:
            init(self, **kwargs)
            policy = None
        else:
            before = keras.config.dtype_policy()
            keras.config.set_dtype_policy(dtype)
            try:
                init(self, **kwargs)
            finally:
                keras.config.set_dtype_policy(before)
            policy = keras.dtype_policies.get(dtype).name
        self._policy = policy

    return wrapped


class _Released:
    """A read-only property of a class: name to `Preset`, of those that are released of it."""

    def __get__(self, instance, owner):
        held = released_presets()
        return {name: preset for name, preset in held.items() if issubclass(network_class(preset.architecture), owner)}


class ZooModel(keras.Model):
    """A functional network that knows its own arguments, so that it can be saved, copied and described.

    A subclass has keyword-only arguments, each of which becomes an attribute. It begins its `__init__` with
    `arguments = arguments_of(Subclass, locals())`, builds its graph, calls
    `super().__init__(inputs=..., outputs=..., arguments=arguments, multiples=..., **kwargs)` and needs no `get_config`.
    Beside its own it takes `name`, `trainable` and `dtype`, the policy of all its layers.

    Attributes:
        presets: name to `Preset`, of those that are released of this class.
        needs_reference: it carries annotated slices on; otherwise it finds the muscles by itself.
        multiples: (slice, row, column), what the sizes of its input must be multiples of.
        preset: the `Preset` that its weights were loaded from; None if from none.
    """

    presets = _Released()
    needs_reference = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _under_policy(cls.__init__)

    def __init__(self, *, arguments, multiples, **kwargs):
        super().__init__(**kwargs)
        self.multiples = tuple(multiples)
        self.preset = None
        self._argument_names = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)

    def get_config(self):
        arguments = {name: getattr(self, name) for name in self._argument_names}
        policy = {"dtype": self._policy} if self._policy else {}
        return {"name": self.name, "trainable": self.trainable, **policy, **arguments}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{name: as_tuples(value) for name, value in config.items()})

    @classmethod
    def from_preset(cls, preset):
        """The network of a preset with its weights, verified by SHA-256 and loaded strictly.

        Args:
            preset: a released one's name, or the folder of one, such as `ifss train` or `save_to_preset` writes.

        Raises:
            PresetError: an unknown name, a preset of another network, or weights that do not fit.
            ChecksumError: weights that are not the preset's.
        """
        return load_network(find_preset(preset), cls)

    def save_to_preset(self, folder, **facts):
        """Writes the network into a folder that `from_preset` takes: config.json, weights and card.md.

        Args:
            folder: made if absent; its name is the preset's.
            facts: `propagation` (`PropagationSettings`), for a network that carries annotated slices on, else `labels`
                (code to name); `summary`, `licence`, `data`, see `Preset`; `card`, a text in Markdown. What is not
                given of the first two is that of the preset which the network was loaded from, or the default.

        Returns:
            The `Preset`.

        Raises:
            PresetError: the folder cannot be written.
        """
        card = facts.pop("card", None)
        return save_preset(self, self.described(folder, **facts), card)

    def described(self, folder, **facts):
        """The `Preset` of this network in a folder, to which nothing is written yet; arguments as `save_to_preset`."""
        arguments = {name: getattr(self, name) for name in self._argument_names}
        known = {"architecture": type(self).__name__, "arguments": arguments, "parameters": self.count_params()}
        for name in ("propagation", "labels"):
            known[name] = self.preset and getattr(self.preset, name)
        return Preset(Path(folder), **known | facts)


class Halves(NamedTuple):
    """A network in two parts, so that a slice is looked at once however many windows hold it; without dropout.

    Attributes:
        look: from {"image": (batch, 1, row, column, 1)} and what `remember` returned to {name: (batch, 1, ...)}: what
            the image of one slice tells.
        carry: from that for a window, {name: (batch, window, ...)}, and image, mask and memory as the network takes
            them, to what the network returns; of the probabilities the muscle's alone.
    """

    look: keras.Model
    carry: keras.Model


class PropagatingModel(ZooModel):
    """A network that carries a mask from window to window of a volume, from annotated slices on.

    It is called with a dict of image and mask, both (batch, window, row, column, 1), the memory of the windows before
    and whatever `remember` returned, and returns a dict of probabilities (batch, window, row, column, 2), float32,
    channel 0 the muscle, and the memory for the next window at stride 1, under the same names.

    Args:
        memory: {name: shape without the batch} of what is handed from window to window; empty for a network whose only
            recurrence is the mask that is fed back.
    """

    needs_reference = True

    def __init__(self, *, memory, **kwargs):
        super().__init__(**kwargs)
        self._memory_shapes = dict(memory)

    def initial_memory(self, batch_size):
        """{name: zeros with the batch in front}: the memory at a reference."""
        return {name: ops.zeros((batch_size, *shape)) for name, shape in self._memory_shapes.items()}

    def halves(self):
        """The network in two `Halves`, equal to the whole to 1e-5; None where it cannot be split slice by slice."""
        return None

    def described(self, folder, **facts):
        found = super().described(folder, **facts)
        if found.propagation is not None:
            return found
        return replace(found, propagation=PropagationSettings(size=self.image_size[0], window=self.window))

    def remember(self, image, mask, weight):
        """What the network keeps of annotated slices, as inputs of every call after it: nothing, unless it says so.

        Args:
            image, mask: (batch, slot, row, column, 1), as those of a window.
            weight: (batch, slot), 0 for an empty slot.
        """
        return {}


def arguments_of(cls, held):
    """{name: value} of the keyword-only arguments of `cls` among `held`, the `locals()` of its `__init__`.

    Raises:
        ValueError: a further argument that is not one of `KERAS_ARGUMENTS`, or a value other than true or false where
            the default is one of these.
    """
    known = keyword_arguments(cls)
    for name in held["kwargs"]:
        problem = f"{cls.__name__} has no argument {name!r}: {known_names(name, [*known, *KERAS_ARGUMENTS])}"
        require(name in KERAS_ARGUMENTS, problem)
    for name, default in known.items():
        right = not isinstance(default, bool) or isinstance(held[name], bool)
        require(right, f"{name} must be true or false, received {held[name]!r}.")
    return {name: held[name] for name in known}


def require_multiples(slices, image_size, multiples):
    """Nothing, or ValueError where a size that is known is no multiple of what the network halves it by."""
    for axis, size, step in zip(("slices", "rows", "columns"), (slices, *image_size), multiples, strict=True):
        require(size is None or size % step == 0, f"{axis} must be a multiple of {step}, received {size}.")


def memory_inputs(memory):
    """{name: Input} for the memory of a `PropagatingModel`."""
    return {name: keras.Input(shape, name=name) for name, shape in memory.items()}


def probabilities(logits, classes):
    """Class probabilities in float32, labels first and background last: a sigmoid for one class, else a softmax."""
    activation = "sigmoid" if classes == 1 else "softmax"
    return keras.layers.Activation(activation, dtype="float32", name="probabilities")(logits)
