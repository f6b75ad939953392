"""What a loss needs to be the same on several devices as on one: sums over all of them.

Each device has a part of the batch, and the gradients of all are added. So a mean over the batch is, on a device, its
own sum over the weights of all, and what does not depend on the batch is shared out. On one device these functions
return what they are given.
"""

import keras
from keras import ops


def summed_over_replicas(value):
    """The sum of a tensor over all devices; no gradient goes through it to the others."""
    context = _replica_context()
    if context is None:
        return value
    import tensorflow as tf

    return context.all_reduce(tf.distribute.ReduceOp.SUM, ops.stop_gradient(value))


def share_of_replica(value):
    """A device's share of a tensor: of a mean over its part of the batch, equal on all, or of what is no mean."""
    context = _replica_context()
    return value if context is None else value / context.num_replicas_in_sync


def _replica_context():
    """TensorFlow's, on one of several devices; else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context if context is not None and context.num_replicas_in_sync > 1 else None
