"""A server, from its options to its end."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from ifss_keras.core.checks import require
from ifss_keras.core.errors import InputError
from ifss_keras.core.files import check_folder
from ifss_keras.core.lock import only_one
from ifss_keras.core.memory import GB, free_bytes
from ifss_keras.server.app import make_app
from ifss_keras.server.guard import ImpatientProtocol
from ifss_keras.server.leases import Terms
from ifss_keras.server.service import LOG, Settings

OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
LEAST_KEY = 16  # characters
MOST_KEY = 4096
MOST_CONNECTIONS = 64
KEEP_ALIVE_S = 60  # far more than the 5 s of the clients, which would else send on what is closed just then
LOCK = "server.lock"


def serve(
    load: Callable[[], Any],
    model: dict[str, Any],
    *,
    host: str = "127.0.0.1",
    port: int = 1527,
    api_key_file: Path | None = None,
    workspace: Path = Path("ifss-workspace"),
    max_memory_gb: float | None = None,
    terms: Terms | None = None,
    told: Callable[[str], None] = print,
) -> None:
    """Serves until it is interrupted.

    Args:
        load: gives the predictor, that opens a `Session`; called when nothing else can be refused.
        model: what clients are told of the network, see `Settings`.
        host, port: where; port 0 is any that is free.
        api_key_file: of the key that clients must know; needed where others than this machine can reach the server.
        workspace: the folder that holds all that is annotated, made if absent.
        max_memory_gb: that the images of all clients may take; None: half of what is free.
        terms: of the leases.
        told: what there is to say.

    Raises:
        InputError: an option cannot be used, the place is taken, or another server works in that folder.
    """
    api_key, own = None if api_key_file is None else read_key(api_key_file), is_loopback(host)
    if not own and api_key is None:
        raise InputError(
            f"The host {host} can be reached by others: expected an API key that they do not know; write one of "
            f"{LEAST_KEY} letters or more into a file and name it, or serve on 127.0.0.1.",
            setting="api_key_file",
        )
    memory_gb = 0.5 * free_bytes() / GB if max_memory_gb is None else max_memory_gb
    check_folder(workspace)
    workspace.mkdir(0o700, exist_ok=True)
    settings = Settings(workspace, memory_gb, model, api_key, OWN_HOSTS if api_key is None else None, terms or Terms())
    refusal = f"Another server works in {workspace}: stop it, or give this one a workspace of its own."
    with only_one(workspace / LOCK, refusal), listening(host, port) as listener:
        app = make_app(load(), settings)
        told(f"Serving on {_address(listener)}, workspace {workspace}; interrupt to stop.")
        if not own:
            told("Warning: Keys and images travel unencrypted: put a proxy with TLS in front (see docs/server.md).")
        with _logs_told(told):
            http_server(app).run(sockets=[listener])


def http_server(app: FastAPI) -> uvicorn.Server:
    """What speaks HTTP for an application, patiently with who works and with nobody else."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=ImpatientProtocol,
            ws="none",
            log_config=None,  # what is worse than a warning goes to standard error all the same
            log_level="error",
            access_log=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=5,
            server_header=False,
        )
    )


def read_key(path: Path) -> str:
    """The key in a file: one line.

    Raises:
        InputError: it is too short, or not of letters that a header can carry.
    """
    try:
        with path.open(encoding="ascii") as file:
            key = file.read(MOST_KEY + 1).strip()  # a device might go on for ever
        require(len(key) <= MOST_KEY, "too long")
        require(len(key) >= LEAST_KEY and key.isprintable() and " " not in key, "too short")
    except ValueError:
        raise InputError(
            f"{path} holds no key: expected one line of {LEAST_KEY} ASCII letters or more without blanks; make one, as "
            "by `openssl rand -hex 32`.",
            setting="api_key_file",
        ) from None
    return key


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listening(host: str, port: int) -> socket.socket:
    """A socket that clients can connect to.

    Raises:
        InputError: there is no such host, or another program listens there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)[0]
        listener = socket.socket(family, kind, protocol)  # asyncio sends at once only where the protocol is named
    except OSError as error:
        raise InputError(f"There is no host {host}: {error.strerror or error}; give a name of this machine.") from None
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else none for a minute after a kill
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise InputError(
            f"Nothing can be served on {host}, port {port}: {error.strerror or error}; take another.", setting="port"
        ) from None
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _logs_told(told: Callable[[str], None]) -> Iterator[None]:
    """What the server logs is told meanwhile."""
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: told(record.getMessage())
    before = LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(before)
