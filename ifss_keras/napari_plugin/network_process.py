"""`python -m ifss_keras.napari_plugin.network_process PRESET`: sessions for another process, over standard in and out.

TensorFlow cannot live in the process of a viewer: it brings an LLVM of its own, as the OpenGL of Mesa does, and where
both are loaded the process ends (https://github.com/mcfletch/pyopengl/issues/170). Apart, the viewer stays fluent, too.
"""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO

from ifss_keras.core.errors import IFSSError
from ifss_keras.inference.session import Session
from ifss_keras.napari_plugin.messages import Reply, Request, Stopped, send


class Server:
    """Answers requests, one after the other, while a thread listens for those to stop.

    Args:
        preset: whose network it has, loaded when first needed.
        requests, replies: streams.
    """

    def __init__(self, preset: str, requests: BinaryIO, replies: BinaryIO):
        self._preset, self._requests, self._replies = preset, requests, replies
        self._predictor = None
        self._sessions: dict[int, Session] = {}
        self._waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._stopped = -1  # the last request that was to be stopped

    def serve(self) -> None:
        """Until the requests end, with which the process does."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            request = self._waiting.get()
            send(self._replies, self._answer(request))

    def _listen(self) -> None:
        while True:
            try:
                request = pickle.load(self._requests)
            except (EOFError, OSError):
                os._exit(0)  # whoever asked is gone, in the middle of work, too
            if request.what == "stop":
                self._stopped = request.number
            else:
                self._waiting.put(request)

    def _answer(self, request: Request) -> Reply:
        try:
            return Reply("done", self._done(request))
        except IFSSError as error:
            return Reply("refused", error)
        except Exception:  # is shown where the request came from
            return Reply("failed", traceback.format_exc())

    def _done(self, request: Request) -> Any:
        for number in request.closed:
            self._sessions.pop(number, None)
        if request.what == "open":
            self._sessions[request.session] = self._loaded().open(request.given)
            return None
        session = self._sessions[request.session]
        session.names = request.names
        if request.what == "revise":
            changed = session.revise(request.given, progress=self._progress_of(request))
            return changed, session.references
        if request.what == "settle":
            return session.settle(progress=self._progress_of(request))
        prediction = session.prediction()
        return prediction.summaries, prediction.notes

    def _progress_of(self, request: Request):
        def tell(*told: Any) -> None:
            if self._stopped == request.number:
                raise Stopped
            send(self._replies, Reply("progress", told))

        return tell

    def _loaded(self):
        if self._predictor is None:
            from ifss_keras.inference.predictor import Predictor

            self._predictor = Predictor.from_preset(self._preset)
        return self._predictor


def main() -> None:
    """Serves on standard in and out; whatever libraries print goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Server(sys.argv[1], sys.stdin.buffer, replies).serve()


if __name__ == "__main__":
    main()
