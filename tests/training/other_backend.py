"""The command on a machine without TensorFlow, and what the network that it trained answers.

`KERAS_BACKEND=jax python -m tests.training.other_backend OUT.npz IMAGE.npy FOLDER ARGUMENT...` in a process of its own.
"""

import sys


class NoTensorFlow:
    """A finder for which there is none."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


if __name__ == "__main__":
    sys.meta_path.insert(0, NoTensorFlow())
    out, image, folder, *arguments = sys.argv[1:]

    from ifss_keras.cli.main import main

    try:
        main([*arguments, "-o", folder])
    except SystemExit as stop:
        if stop.code:
            raise

    import keras
    import numpy as np

    from ifss_keras.zoo import SegNetFS

    network = SegNetFS.from_preset(folder)
    found = network.predict({"image": np.load(image)}, verbose=0)["probabilities"]
    assert not any(name.partition(".")[0] == "tensorflow" for name in sys.modules)
    np.savez(out, backend=keras.backend.backend(), probabilities=found)
