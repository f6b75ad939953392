"""What is carried from one window to the next."""

from typing import Any, NamedTuple


class PropagationState(NamedTuple):
    """A value: made by `initial_state`, passed in, returned anew.

    Attributes:
        estimates: (batch, window - 1, row, column, 1), in [0, 1]: the muscle in the slices that the next
            window shares with the last one.
        memory: {name: tensor}, what the network hands on of the slices before those, see `PropagatingModel`.
    """

    estimates: Any
    memory: Any
