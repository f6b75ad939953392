"""What stops a training in its middle."""

import keras


class Interruption(Exception):
    """Stands for a kill."""


class Interrupter(keras.callbacks.Callback):
    """Stops a training after a number of its steps."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise Interruption
