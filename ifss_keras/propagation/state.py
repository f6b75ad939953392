"""What is carried from one window to the next."""

from typing import Any, NamedTuple


class PropagationState(NamedTuple):
    """A value: made by `initial_state`, passed in, returned anew.

    Attributes:
        estimates: (batch, window - 1, row, column, 1), in [0, 1]: the muscle in the slices that the next
            window shares with the last one.
        hidden, cell: the network's memory of the slices before those.
    """

    estimates: Any
    hidden: Any
    cell: Any
