"""The application: both sets of routes behind the guard, and what a client is told when something cannot be done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from ifss_keras import __version__
from ifss_keras.core.errors import IFSSError
from ifss_keras.server import own_routes, protocol
from ifss_keras.server.guard import Guard
from ifss_keras.server.leases import FullError, GoneError
from ifss_keras.server.memory import TakenError
from ifss_keras.server.service import LOG, ElsewhereError, Service, Settings
from ifss_keras.server.wire import TooLargeError

RETRY = {"Retry-After": "10"}


def make_app(predictor, settings: Settings) -> FastAPI:
    """The ASGI application of a server.

    Args:
        predictor: that opens a `Session` on a volume.
        settings: see `Settings`.
    """
    service = Service(predictor, settings)

    @contextlib.asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        keeper = asyncio.create_task(service.keep_house())
        yield
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        await service.close()

    app = FastAPI(title="ifss_keras", version=__version__, summary="Muscles from a few lassos", lifespan=living)
    app.state.service = service
    app.include_router(protocol.router)
    app.include_router(own_routes.router)
    for kind in _ANSWERS:
        app.add_exception_handler(kind, _refused)
    app.add_middleware(
        Guard,
        api_key=settings.api_key,
        hosts=settings.hosts,
        array_paths=protocol.ARRAY_PATHS,
        most_bytes=service.memory.most_bytes,
    )
    return app


_ANSWERS = {  # error to status, sentence (None: the error's own) and headers; the first that fits counts
    TooLargeError: (413, None, {}),
    IFSSError: (400, None, {}),
    GoneError: (410, "The session has ended, as it sat idle or the server was started anew: connect again.", {}),
    ElsewhereError: (
        409,
        "This image is open in another client: close it there, or wait a minute if that one is gone.",
        RETRY,
    ),
    FullError: (503, "All places are taken: wait until another client leaves.", RETRY),
    TakenError: (503, "The memory is taken by other clients: wait until one leaves.", RETRY),
    MemoryError: (503, "There is too little memory for this: close other programs, or take a smaller image.", RETRY),
    OSError: (507, "The workspace cannot be written: check its disk and permissions.", {}),
    ClientDisconnect: (400, "The client left before its request was whole.", {}),
    RequestValidationError: (422, None, {}),
}


async def _refused(request: Request, error: Exception) -> JSONResponse:
    status, sentence, headers = next(answer for kind, answer in _ANSWERS.items() if isinstance(error, kind))
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        sentence = f"The request cannot be used: {'.'.join(map(str, first['loc']))}: {first['msg']}."
    sentence = sentence or str(error)
    if not isinstance(error, GoneError):
        reason = f" ({error})" if isinstance(error, OSError) else ""
        LOG.warning("%s %s: %s %s%s", request.method, request.url.path, status, sentence, reason)
    return JSONResponse({"detail": sentence}, status, headers)
