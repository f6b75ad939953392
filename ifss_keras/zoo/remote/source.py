"""The bytes at an address from some place on: over HTTP with Range, or from a folder by file://."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname

import requests

_PIECE_BYTES = 1 << 14  # what is lost, at most, of what was sent before a connection broke
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses that another try may mend
_FINAL = (
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.SSLError,
    requests.exceptions.TooManyRedirects,
)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class BrokenOffError(Exception):
    """Another try may succeed; `wait_s` where the host says after how long."""

    def __init__(self, problem: str, wait_s: float = 0.0):
        super().__init__(problem)
        self.wait_s = wait_s


class RefusedError(Exception):
    """No further try at this address will succeed."""


@dataclass(frozen=True)
class Source:
    """What an address sends.

    Attributes:
        begin: the place in the file of the first byte that is sent; a host may not heed what was asked for.
        size_bytes: of the whole file; None where the host does not say.
        pieces: its bytes; iterating raises `BrokenOffError` where they break off and the host or the reader knows it.
    """

    begin: int
    size_bytes: int | None
    pieces: Iterator[bytes]


@contextlib.contextmanager
def opened(address: str, begin: int, timeout_s: float) -> Iterator[Source]:
    """What an address sends when it is asked for its bytes from `begin` on.

    Raises:
        BrokenOffError: another try may succeed.
        RefusedError: none will.
    """
    if urlsplit(address).scheme == "file":
        with _opened_file(address, begin) as source:
            yield source
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begin}-"} if begin else {})
    with _Session() as session:
        try:
            answer = session.get(address, headers=headers, stream=True, timeout=timeout_s)
        except _FINAL as error:
            raise RefusedError(_innermost(error)) from error
        except requests.RequestException as error:
            raise BrokenOffError(_innermost(error)) from error
        with answer:
            yield _source(answer, begin)


class _Session(requests.Session):
    """Follows redirections, to other hosts too, but never from https to http."""

    def get_redirect_target(self, resp):
        target = super().get_redirect_target(resp)
        if target and urlsplit(resp.url).scheme == "https":
            address = urljoin(resp.url, target)
            if urlsplit(address).scheme != "https":
                raise RefusedError(f"it leads from https to {urlsplit(address).hostname} without encryption")
        return target


def _source(answer: requests.Response, begin: int) -> Source:
    if answer.status_code in _PASSING:
        after = answer.headers.get("Retry-After", "")
        raise BrokenOffError(_status(answer), float(after) if after.isdecimal() else 0.0)
    if answer.status_code == 206:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if not found or int(found[1]) != begin:
            raise RefusedError(f"it sends another part than the one asked for, from byte {begin:,} on")
        return Source(begin, None if found[2] == "*" else int(found[2]), _pieces(answer))
    if answer.status_code == 416:
        raise RefusedError(f"its file ends before byte {begin:,}")
    if answer.status_code != 200:
        raise RefusedError(_status(answer))
    length = answer.headers.get("Content-Length", "")
    encoded = answer.headers.get("Content-Encoding", "identity") != "identity"
    return Source(0, int(length) if length.isdecimal() and not encoded else None, _pieces(answer))


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    try:
        yield from answer.iter_content(_PIECE_BYTES)
    except requests.RequestException as error:
        raise BrokenOffError(_innermost(error)) from error


def _status(answer: requests.Response) -> str:
    return f"{answer.status_code} {answer.reason}".strip()


def _innermost(error: BaseException) -> str:
    """What libraries wrapped: the reason that the system, or the last library, gave."""
    while error.__context__ is not None:
        error = error.__context__
    return (getattr(error, "strerror", None) or " ".join(str(error).split()))[:200]


@contextlib.contextmanager
def _opened_file(address: str, begin: int) -> Iterator[Source]:
    try:
        file = open(url2pathname(urlsplit(address).path), "rb")  # noqa: SIM115
    except OSError as error:
        raise RefusedError(error.strerror or str(error)) from error
    with file:
        yield Source(begin, file.seek(0, 2), _pieces_of_file(file, begin))


def _pieces_of_file(file: BinaryIO, begin: int) -> Iterator[bytes]:
    try:
        file.seek(begin)
        while piece := file.read(_PIECE_BYTES):
            yield piece
    except OSError as error:
        raise BrokenOffError(error.strerror or str(error)) from error
