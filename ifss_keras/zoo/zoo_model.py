"""What every network of the zoo has in common."""

import keras


class ZooModel(keras.Model):
    """A functional network that remembers its own arguments, so that it can be saved, copied and described.

    A subclass builds its graph in `__init__`, calls `super().__init__(inputs=..., outputs=..., arguments=...)` and
    needs no `get_config`. `arguments` are all keyword arguments of its constructor but Keras' own.
    """

    needs_reference = False

    def __init__(self, *, arguments, **kwargs):
        super().__init__(**kwargs)
        self._arguments = dict(arguments)

    def get_config(self):
        return {"name": self.name, "trainable": self.trainable, **self._arguments}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def probabilities(logits, classes):
    """Class probabilities in float32, labels first and background last: a sigmoid for one class, else a softmax."""
    activation = "sigmoid" if classes == 1 else "softmax"
    return keras.layers.Activation(activation, dtype="float32", name="probabilities")(logits)
