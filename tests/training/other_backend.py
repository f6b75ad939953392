"""The command on a machine without TensorFlow, and what the network that it trained answers.

`KERAS_BACKEND=jax python -m tests.training.other_backend OUT.npz IMAGE.npy FOLDER ARGUMENT...` in a process of its own.
"""

import sys

if __name__ == "__main__":
    sys.modules["tensorflow"] = None  # as if it were not installed
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
    assert [name for name in sys.modules if name.partition(".")[0] == "tensorflow"] == ["tensorflow"]
    np.savez(out, backend=keras.backend.backend(), probabilities=found)
