"""What every layer must pass, whatever it computes; no layer is named here."""

import inspect
import json

import keras
import numpy as np


def normal(*shape, seed=0):
    """float32 from a normal distribution."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def random_weights(layer, seed=0):
    """`layer`, built, with every weight drawn at random, so that none is left at zero or one; values stay near one.

    Variances are positive.
    """
    rng = np.random.default_rng(seed)

    def draw(weight):
        if weight.name.endswith("variance"):
            return rng.uniform(0.4, 2.5, weight.shape)
        spread = 0.5 if len(weight.shape) == 1 else 1.2 / np.sqrt(np.prod(weight.shape[:-1]))
        return rng.normal(scale=spread, size=weight.shape)

    layer.set_weights([draw(weight) for weight in layer.weights])
    return layer


def weights_of(layer):
    """{path below the layer: value in float64}."""
    return {weight.path.removeprefix(f"{layer.name}/"): np.float64(weight) for weight in layer.weights}


def arrays(tree):
    """All tensors of a nest as NumPy arrays, in order."""
    return [keras.ops.convert_to_numpy(tensor) for tensor in keras.tree.flatten(tree)]


def assert_arguments_away_from_defaults(cls, *argument_sets):
    """Every constructor argument is in every set, and in one of them at least differs from its default."""
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        missing = [arguments for arguments in argument_sets if name not in arguments]
        assert not missing, f"{cls.__name__}: the check gives no value for {name}"
        values = [arguments[name] for arguments in argument_sets]
        assert any(value != parameter.default for value in values), (
            f"{cls.__name__}: the check leaves {name} at its default"
        )


def assert_config_round_trip(layer, arguments):
    """A copy from the config as JSON, with equal config; the config has every argument."""
    config = layer.get_config()
    assert not set(arguments) - set(config), f"not in the config: {set(arguments) - set(config)}"
    text = json.dumps(keras.saving.serialize_keras_object(layer))
    copy = keras.saving.deserialize_keras_object(json.loads(text))
    assert type(copy) is type(layer)
    assert json.dumps(copy.get_config()) == json.dumps(config), "the copy has another config"
    return copy


def gradients(layer, call):
    """The gradient of a fixed random projection of `call()` for every trainable weight, as arrays; TensorFlow."""
    import tensorflow as tf

    rng = np.random.default_rng(7)
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(call())
        loss = sum(tf.reduce_sum(tensor * rng.normal(size=tensor.shape).astype("float32")) for tensor in outputs)
    found = tape.gradient(loss, [weight.value for weight in layer.trainable_weights])
    return dict(zip([weight.path for weight in layer.trainable_weights], found, strict=True))


def assert_gradients_everywhere(layer, call):
    """Every trainable weight has a finite gradient that is not zero."""
    for path, gradient in gradients(layer, call).items():
        assert gradient is not None, f"no gradient reaches {path}"
        assert np.all(np.isfinite(gradient)), f"the gradient of {path} is not finite"
        assert np.any(gradient), f"the gradient of {path} is zero"


def check_layer(cls, *argument_sets, inputs):
    """The contract of a layer: config, rebuilding, copied weights, shapes, gradients.

    Args:
        cls: the layer's class.
        argument_sets: constructor arguments. Each set names every argument of the signature; each argument is
            away from its default in one set at least (two sets, where two arguments exclude each other).
        inputs: positional call arguments, arrays or nests of them.
    """
    assert_arguments_away_from_defaults(cls, *argument_sets)
    for arguments in argument_sets:
        layer = cls(**arguments)
        expected = arrays(layer(*inputs))
        random_weights(layer)
        expected, before = arrays(layer(*inputs)), expected
        assert any(np.any(a != b) for a, b in zip(expected, before, strict=True)), "weights do not matter"

        copy = assert_config_round_trip(layer, arguments)
        copy(*inputs)  # builds it, where the serialised shapes have not done so
        assert [w.path for w in copy.weights] == [w.path for w in layer.weights]
        copy.set_weights(layer.get_weights())
        for a, b in zip(arrays(copy(*inputs)), expected, strict=True):
            np.testing.assert_array_equal(a, b)

        shapes = layer.compute_output_shape(*[keras.tree.map_structure(np.shape, part) for part in inputs])
        assert _flat_shapes(shapes) == [array.shape for array in expected], "compute_output_shape differs"
        assert_gradients_everywhere(layer, lambda layer=layer: layer(*inputs))


def check_mixed_precision(cls, arguments, *, inputs):
    """In mixed precision every part of a layer computes in 16 bits with float32 weights, and the values stay near."""
    plain = cls(**arguments)
    plain(*inputs)
    expected = np.asarray(random_weights(plain)(*inputs))
    for policy, digits in (("mixed_float16", 11), ("mixed_bfloat16", 8)):
        layer = cls(**arguments, dtype=policy)
        layer(*inputs)
        layer.set_weights(plain.get_weights())
        found = layer(*inputs)
        for part in (layer, *layer._flatten_layers(include_self=False)):
            assert part.dtype_policy.name == policy, f"{part.name} computes in {part.dtype_policy.name}"
        assert all(weight.dtype == "float32" for weight in layer.weights), "weights are not float32"
        dtype = keras.backend.standardize_dtype(found.dtype)
        assert dtype == layer.compute_dtype, f"the output is {dtype} under {policy}"
        tolerance = 2.0 ** (3 - digits) * np.abs(expected).max()
        np.testing.assert_allclose(np.float32(found), expected, atol=tolerance, rtol=0)


def _flat_shapes(shapes):
    if all(isinstance(size, int) for size in shapes):
        return [tuple(shapes)]
    return [shape for part in shapes for shape in _flat_shapes(part)]
