"""The start of Keras and its backend: without their greetings, and refused in one sentence where it cannot be."""

from __future__ import annotations

import os
import sys
from functools import cache

from ifss_keras.core.errors import InputError
from ifss_keras.core.quiet import quiet_stderr

BACKENDS = ("tensorflow", "jax", "torch")
ADDRESS_SPACE_GB = 4  # that TensorFlow's libraries and a prediction take; below it they end the process


@cache
def start_backend() -> str:
    """Imports Keras and its backend without a line on the terminal; the backend's name.

    Raises:
        InputError: the environment names a backend that there is not or that is not installed, or too little memory.
    """
    named = os.environ.get("KERAS_BACKEND", "tensorflow")
    if "keras" not in sys.modules:
        _refuse_too_little_memory()
        if named not in BACKENDS:
            raise InputError(f"KERAS_BACKEND is {named!r}: expected one of {', '.join(BACKENDS)}; mend or unset it.")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        # TensorFlow has it on by itself only where there is AVX-512; with AVX2 alone it is ten times as fast, too
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        with quiet_stderr():
            import keras

            if keras.backend.backend() == "tensorflow":
                _quiet_tensorflow()
    except ImportError as error:
        for name in [name for name in sys.modules if name.partition(".")[0] == "keras"]:
            del sys.modules[name]  # half of it would fail otherwise the next time
        missing = error.name or " ".join(str(error).split())[:200]
        raise InputError(
            f"The Keras backend {named} cannot be used, as {missing} cannot be imported: install it, or unset "
            "KERAS_BACKEND to use tensorflow."
        ) from error
    return keras.backend.backend()


def _quiet_tensorflow() -> None:
    import tensorflow as tf

    # This pass of TensorFlow's fails on some networks with a line on stderr, and speeds up none of ours.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    tf.get_logger().setLevel("ERROR")  # it counts the graphs of several networks as one that is traced again
    tf.constant(0.0) + 1.0  # the first tensor greets, too


def _refuse_too_little_memory() -> None:
    """Too little address space, as by `ulimit -v`, which TensorFlow would answer by aborting."""
    try:
        import resource
    except ImportError:  # on Windows, which has no such limit
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE_GB * 1e9:
        raise InputError(
            f"This process may take {limit / 1e9:.1f} GB of address space only: a network needs {ADDRESS_SPACE_GB} GB "
            "or more; raise the limit (ulimit -v unlimited)."
        )
