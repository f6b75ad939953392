"""Checks of arguments, with one sentence for what is refused."""


def require(condition, message):
    """Nothing, or ValueError(message) when the condition does not hold."""
    if not condition:
        raise ValueError(message)


def triple(name, value):
    """Three positive integers (slice, row, column) from one integer or three."""
    values = (value,) * 3 if isinstance(value, int) else tuple(value)
    require(
        len(values) == 3 and all(isinstance(item, int) and item > 0 for item in values),
        f"{name} must be a positive integer or three of them (slice, row, column), received {value!r}.",
    )
    return values
