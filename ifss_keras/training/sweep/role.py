"""What a process is in a sweep of several."""

from __future__ import annotations

import os
from typing import Literal

from ifss_keras.core.errors import InputError

# keras-tuner's environment: who this process is, and where the chief listens
TUNER_ID, ORACLE_IP, ORACLE_PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"


def role() -> Literal["alone", "chief", "worker"]:
    """What this process is in a sweep, by keras-tuner's environment.

    Raises:
        InputError: one of the variables without the others.
    """
    if ORACLE_IP not in os.environ:
        return "alone"
    for name in (ORACLE_PORT, TUNER_ID):
        if not os.environ.get(name):
            raise InputError(f"{ORACLE_IP} is set without {name}: set both for a sweep of several processes, or none.")
    return "chief" if "chief" in os.environ[TUNER_ID] else "worker"
