"""How a job is asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Call:
    """How a job was asked for.

    Attributes:
        command: as it was typed; None from Python.
        began: when, by `time.monotonic`.
    """

    command: str | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Wall time since."""
        return time.monotonic() - self.began
