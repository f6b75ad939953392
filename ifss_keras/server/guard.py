"""What stands before every request: the key, the size of what is sent, and how slowly it may come."""

from __future__ import annotations

import asyncio
import hmac

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

OPEN_PATHS = frozenset({"/healthz"})  # that a client asks before it has a key
HEADER_S = 10.0  # that the first line and the headers of a request may take
SILENT_S = 20.0  # between two pieces of a body
LEAST_BYTES_PER_S = 10_000  # of a body, on average, after the first `SILENT_S`
JSON_BYTES = 65_536
_CLOSE = {"Connection": "close"}


class Guard:
    """The application behind it sees only requests with the key, and bodies that are short enough and come.

    Args:
        app: behind it.
        api_key: None: anybody may.
        hosts: names that a request may call the server by; None: any. A page of a stranger that a browser shows can
            reach this machine under a name of its own.
        array_paths: whose bodies are arrays; all others are of `JSON_BYTES` at most.
        most_bytes: of an array's body.
    """

    def __init__(
        self,
        app: ASGIApp,
        api_key: str | None,
        hosts: frozenset[str] | None,
        array_paths: frozenset[str],
        most_bytes: int,
    ):
        self.app = app
        self._expected = None if api_key is None else f"Bearer {api_key}".encode()
        self._hosts, self._array_paths, self._most_bytes = hosts, array_paths, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = self._most_bytes if scope["path"] in self._array_paths else JSON_BYTES
        if not self._knows(scope["path"], headers.get("authorization", "")):
            refusal = _refusal(401, "The API key is missing or wrong: give the one of the server.")
        elif self._hosts is not None and _host(headers) not in self._hosts:
            refusal = _refusal(400, "The server is called by a name that is not its own: use http://127.0.0.1.")
        elif self._hosts is not None and _from_a_page(headers):
            refusal = _refusal(403, "A page in a browser asks: expected a program on this machine.")
        elif _length(headers) > most:
            refusal = _refusal(413, _too_large(most))
        else:
            await self.app(scope, _bounded(receive, most), send)
            return
        await refusal(scope, receive, send)

    def _knows(self, path: str, given: str) -> bool:
        if self._expected is None or path in OPEN_PATHS:
            return True
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._expected)


def _refusal(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status, _CLOSE)


def _host(headers: Headers) -> str:
    """The name in a request, without the port."""
    name, colon, port = headers.get("host", "").rpartition(":")
    return (name if colon and port.isdecimal() else f"{name}{colon}{port}").lower()


def _from_a_page(headers: Headers) -> bool:
    """Whether a browser sends this for a page that is not the server's own; programs name no origin."""
    origin = headers.get("origin")
    return origin is not None and origin != f"http://{headers.get('host', '')}"


def _length(headers: Headers) -> int:
    """What a body says of its length; 0 where it says nothing, and is counted as it comes."""
    held = headers.get("content-length", "")
    return int(held) if held.isdecimal() and len(held) < 20 else 0


def _too_large(most: int) -> str:
    return f"The body is too large: expected {most:,} bytes at most; send a smaller image or mask."


def _bounded(receive: Receive, most: int) -> Receive:
    """`receive`, refusing a body that is longer than `most` or comes too slowly."""
    clock = asyncio.get_running_loop().time
    began, received, whole = clock(), 0, False

    async def bounded() -> Message:
        nonlocal received, whole
        if whole:
            return await receive()  # waits for the client to go
        try:
            allowed = min(SILENT_S, began + SILENT_S + received / LEAST_BYTES_PER_S - clock())
            message = await asyncio.wait_for(receive(), max(allowed, 0))
        except TimeoutError:
            raise HTTPException(408, "The body came too slowly: send it again over a better line.", _CLOSE) from None
        received += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if received > most:
            raise HTTPException(413, _too_large(most), _CLOSE)
        return message

    return bounded


class ImpatientProtocol(H11Protocol):
    """HTTP that hangs up on who does not send the headers of a request in `HEADER_S`."""

    _hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._hang_up is None:
            self._wait_for_headers()

    def on_response_complete(self) -> None:
        self._stop_waiting()
        super().on_response_complete()

    def connection_lost(self, exc) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_headers(self) -> None:
        self._hang_up = self.loop.call_later(HEADER_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None
