"""Interruption and termination: one sentence, exit code 130 or 143, and nothing half-written."""

import contextlib
import os
import signal
import threading

STOPPED = "Interrupted; nothing was half-written."


class Stop(BaseException):
    """Raised where a signal finds the command; none of those that libraries catch."""


class Stopped:
    """The handler of the signals, and the exit code that the last one asks for."""

    def __init__(self):
        self.code = 128 + signal.SIGINT

    def __call__(self, number, frame):
        self.code = 128 + number
        if _imports(frame):
            os.write(2, f"{STOPPED}\n".encode())
            os._exit(self.code)
        raise Stop


def was_stopped(error):
    """Whether an error is what became of a signal, as in TensorFlow while it traces a graph."""
    held = error
    while held is not None and not isinstance(held, Stop | KeyboardInterrupt):
        held = held.__cause__ or held.__context__
    return held is not None


@contextlib.contextmanager
def stopping_signals():
    """The `Stopped` of the signals that come meanwhile; those that a user has switched off stay so."""
    stopped, before = Stopped(), {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows lacks the last
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, stopped)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _imports(frame):
    """Whether a module is just imported: nothing is written then, and an exception could be lost on its way."""
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None
