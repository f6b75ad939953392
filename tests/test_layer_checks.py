"""The shared check of layers refuses what it should."""

import keras
import numpy as np
import pytest

from tests.layer_checks import check_layer, check_mixed_precision

X = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")


class Scale(keras.layers.Layer):
    """A correct layer: x times a learned vector times `factor`, plus a learned offset."""

    def __init__(self, *, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")
        self.offset = self.add_weight(name="offset", shape=(shape[-1],), initializer="zeros")

    def call(self, x):
        return x * self.scale * self.factor + self.offset

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class ForgetsItsArgument(Scale):
    def get_config(self):
        return keras.layers.Layer.get_config(self)


class RebuildsTheDefault(Scale):
    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "factor": 1.0})


class DeadWeight(Scale):
    def call(self, x):
        return x * self.scale * self.factor


class ExplodingGradient(Scale):
    def call(self, x):
        return super().call(x) + keras.ops.sqrt(0 * self.offset)


class WrongShape(Scale):
    def compute_output_shape(self, shape):
        return (*shape, 1)


@pytest.fixture(autouse=True)
def _registered():
    with keras.saving.custom_object_scope({cls.__name__: cls for cls in (Scale, *Scale.__subclasses__())}):
        yield


def test_a_correct_layer_passes():
    check_layer(Scale, {"factor": 3.0}, inputs=[X])


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (Scale, {}, "no value for factor"),
        (Scale, {"factor": 1.0}, "factor at its default"),
        (ForgetsItsArgument, {"factor": 3.0}, "not in the config"),
        (RebuildsTheDefault, {"factor": 3.0}, "another config"),
        (DeadWeight, {"factor": 3.0}, "no gradient reaches .*offset"),
        (ExplodingGradient, {"factor": 3.0}, "gradient of .*offset is not finite"),
        (WrongShape, {"factor": 3.0}, "compute_output_shape differs"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_wrong_layer_fails(cls, arguments, message):
    with pytest.raises(AssertionError, match=message):
        check_layer(cls, arguments, inputs=[X])


class Projection(keras.layers.Layer):
    """A layer with a part: a product, which `follows` the layer's precision or does not."""

    def __init__(self, *, follows=True, **kwargs):
        super().__init__(**kwargs)
        self.product = keras.layers.Dense(3, name="product", dtype=self.dtype_policy if follows else None)

    def build(self, shape):
        self.product.build(shape)

    def call(self, x):
        return keras.ops.cast(self.product(x), self.compute_dtype)


class DoublesInHalfPrecision(Projection):
    def call(self, x):
        return super().call(x) * (1 if self.compute_dtype == "float32" else 2)


class AnswersInFloat32(Projection):
    def call(self, x):
        return keras.ops.cast(super().call(x), "float32")


def test_a_layer_that_hands_its_precision_on_passes():
    check_mixed_precision(Projection, {}, inputs=[X])


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (Projection, {"follows": False}, "product computes in float32"),
        (DoublesInHalfPrecision, {}, "Not equal to tolerance"),
        (AnswersInFloat32, {}, "the output is float32 under mixed_float16"),
    ],
    ids=["keeps its precision to itself", "other values", "float32"],
)
def test_a_layer_that_breaks_mixed_precision_fails(cls, arguments, message):
    with pytest.raises(AssertionError, match=message):
        check_mixed_precision(cls, arguments, inputs=[X])
