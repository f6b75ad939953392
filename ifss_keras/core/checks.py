"""Checks of arguments, with one sentence for what is refused."""

import difflib
from collections.abc import Iterable
from numbers import Integral


def require(condition, message):
    """Nothing, or ValueError(message) when the condition does not hold."""
    if not condition:
        raise ValueError(message)


def is_positive_integer(value):
    """Whether `value` is an integer of Python or NumPy above 0; True is none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def triple(name, value):
    """Three positive integers (slice, row, column) from one integer or three."""
    values = tuple(value) if isinstance(value, Iterable) else (value,) * 3
    require(
        len(values) == 3 and all(is_positive_integer(item) for item in values),
        f"{name} must be a positive integer or three of them (slice, row, column), received {value!r}.",
    )
    return tuple(int(item) for item in values)


def as_tuples(value):
    """`value` with tuples for the lists that JSON and YAML make of them, at every depth."""
    return tuple(map(as_tuples, value)) if isinstance(value, list | tuple) else value


def known_names(name, known):
    """What a refusal of `name` says of the names there are: all of them, and the nearest if one is near."""
    near = difflib.get_close_matches(name, known, n=1)
    mend = f"did you mean {near[0]}?" if near else "choose one of these."
    return f"expected one of {', '.join(known)}; {mend}"
