"""Errors that a user can mend; each text is one sentence: what, expected, received, what to do."""

MOST_CHARACTERS = 1500  # of a sentence: what was received may be as long as a file


class IFSSError(Exception):
    """Base of every error that the command line shows as one sentence with exit code 2.

    Args:
        message: the sentence; a very long one loses its middle, which is what was received.
        setting: the argument that can mend it, by the name that a job or a function has for it; the command line says
            which of its options that is.
    """

    def __init__(self, message: str, *, setting: str | None = None):
        part = MOST_CHARACTERS // 2
        super().__init__(message if len(message) <= MOST_CHARACTERS else f"{message[:part]} ... {message[-part:]}")
        self.setting = setting


class InputError(IFSSError, ValueError):
    """A file, an argument or an array that cannot be used as it is."""


class GeometryError(InputError):
    """Two arrays that should lie on the same grid do not."""


class PresetError(IFSSError):
    """An unknown preset, or weights that do not fit the network."""


class ChecksumError(PresetError):
    """A weights file whose SHA-256 is not the released one."""
