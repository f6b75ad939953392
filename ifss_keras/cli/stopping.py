"""Interruption and termination: one sentence, exit code 130 or 143, and nothing half-written."""

import os
import signal
import threading

STOPPED = "Interrupted; nothing was half-written."


class Stop(BaseException):
    """Raised where a signal finds the command; none of those that libraries catch."""


class Stopped:
    """The handler of the signals, and the exit code that the last one asks for; those switched off stay so."""

    def __init__(self):
        self.code = 128 + signal.SIGINT
        self._done, self._before = None, {}
        if threading.current_thread() is not threading.main_thread():
            return  # others may set none
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows lacks the last
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = signal.signal(number, self)

    def __call__(self, number, frame):
        if self._done is not None:
            os._exit(self._done)
        self.code = 128 + number
        if _imports(frame):
            os.write(2, f"{STOPPED}\n".encode())
            os._exit(self.code)
        raise Stop

    def too_late(self, code: int) -> None:
        """From here on all is written and said, and a signal ends the process at once, with the command's own code."""
        self._done = code

    def restore(self) -> None:
        """Gives the signals the handlers back that they had."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def ignore(self) -> None:
        """For the last moments of a process, in which Python would give the signals their default back."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)


def was_stopped(error):
    """Whether an error is what became of a signal, as in TensorFlow while it traces a graph."""
    held = error
    while held is not None and not isinstance(held, Stop | KeyboardInterrupt):
        held = held.__cause__ or held.__context__
    return held is not None


def _imports(frame):
    """Whether a module is just imported: nothing is written then, and an exception could be lost on its way."""
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None
