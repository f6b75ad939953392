"""What every network of the zoo has in common."""

import inspect

import keras
from keras import ops

from ifss_keras.core.checks import as_tuples, require


class ZooModel(keras.Model):
    """A functional network that knows its own arguments, so that it can be saved, copied and described.

    A subclass has keyword-only arguments, each of which becomes an attribute. It begins its `__init__` with
    `arguments = arguments_of(Subclass, locals())`, builds its graph, calls
    `super().__init__(inputs=..., outputs=..., arguments=arguments, multiples=..., **kwargs)` and needs no `get_config`.

    Attributes:
        needs_reference: it carries annotated slices on; otherwise it finds the muscles by itself.
        multiples: (slice, row, column), what the sizes of its input must be multiples of.
    """

    needs_reference = False

    def __init__(self, *, arguments, multiples, **kwargs):
        super().__init__(**kwargs)
        self.multiples = tuple(multiples)
        self._argument_names = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)

    def get_config(self):
        arguments = {name: getattr(self, name) for name in self._argument_names}
        return {"name": self.name, "trainable": self.trainable, **arguments}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{name: as_tuples(value) for name, value in config.items()})

    @classmethod
    def from_preset(cls, name):
        """The network with the released weights of preset `name`, verified by SHA-256 and loaded strictly.

        Raises:
            PresetError: an unknown name, a preset of another network, or weights that do not fit.
            ChecksumError: weights that are not the released ones.
        """
        from ifss_keras.zoo.presets import load_network

        return load_network(name, cls)


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

    def remember(self, image, mask, weight):
        """What the network keeps of annotated slices, as inputs of every call after it: nothing, unless it says so.

        Args:
            image, mask: (batch, slot, row, column, 1), as those of a window.
            weight: (batch, slot), 0 for an empty slot.
        """
        return {}


def keyword_arguments(cls):
    """{name: default} of the keyword-only arguments of a class, in order."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}


def arguments_of(cls, held):
    """{name: value} of the keyword-only arguments of `cls` among `held`, the `locals()` of its `__init__`.

    Raises:
        ValueError: a value other than true or false where the default is one of these.
    """
    for name, default in keyword_arguments(cls).items():
        right = not isinstance(default, bool) or isinstance(held[name], bool)
        require(right, f"{name} must be true or false, received {held[name]!r}.")
    return {name: held[name] for name in keyword_arguments(cls)}


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
