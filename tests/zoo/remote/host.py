"""A host of presets on this machine that misbehaves as it is told."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Host:
    """Serves a folder at 127.0.0.1, heeding Range; the first requests for weights meet the steps of a plan instead.

    Attributes:
        plan: steps, functions of a request, one for each request for weights.
        asked: (path, Range or None) of each request.
        authorizations: what each sent of a name and a password.
    """

    def __init__(self, folder, plan=()):
        self.folder, self.plan, self.asked, self.authorizations = folder, list(plan), [], []
        host = self

        class Request(_Request):
            pass

        Request.host = host
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # of clients that went away
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """From here on connections are refused."""
        self.server.shutdown()
        self.server.server_close()

    @property
    def ranges(self):
        """The Range of each request for weights."""
        return [held for path, held in self.asked if path.endswith(".h5")]


class _Request(BaseHTTPRequestHandler):
    host: Host

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.host.asked.append((self.path, self.headers.get("Range")))
        self.host.authorizations.append(self.headers.get("Authorization"))
        step = self.host.plan.pop(0) if self.path.endswith(".h5") and self.host.plan else as_asked
        step(self)

    def content(self):
        """The bytes of the file that is asked for, also of one asked for at a proxy."""
        return (self.host.folder / urlsplit(self.path).path.lstrip("/")).read_bytes()

    def begin(self):
        """The first byte that is asked for."""
        asked = self.headers.get("Range")
        return int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0

    def head(self, status, **headers):
        """The head of an answer, `Content_Length` for Content-Length."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


def as_asked(request, most=None):
    """What is asked for, heeding Range; 404 where there is no such file; `most` of its bytes alone."""
    try:
        content = request.content()
    except OSError:
        request.head(404)
        return
    begin, end = request.begin(), len(content)
    if begin:
        part = f"bytes {begin}-{end - 1}/{end}"
        request.head(206, Content_Length=end - begin, Content_Range=part)
    else:
        request.head(200, Content_Length=end)
    request.wfile.write(content[begin:][:most])
    request.wfile.flush()


def cut(most):
    """A connection that ends after `most` bytes."""
    return lambda request: as_asked(request, most)


def cut_without_range(most):
    """The file from its beginning whatever is asked for, and no more than `most` bytes of it."""

    def step(request):
        content = request.content()
        request.head(200, Content_Length=len(content))
        request.wfile.write(content[:most])

    return step


def without_length(request):
    """The whole file, and no word on how long it is."""
    request.head(200)
    request.wfile.write(request.content())


def stalled(most, seconds):
    """`most` bytes and then silence."""

    def step(request):
        as_asked(request, most)
        time.sleep(seconds)

    return step


def status(code, **headers):
    """An answer without the file."""
    return lambda request: request.head(code, Content_Length=0, **headers)


def sending(change):
    """The file as `change` makes it of its bytes."""

    def step(request):
        content = change(request.content())
        request.head(200, Content_Length=len(content))
        request.wfile.write(content)

    return step


def another_part(request):
    """Bytes from the beginning, declared as such, where others were asked for."""
    content = request.content()
    request.head(206, Content_Length=9, Content_Range=f"bytes 0-8/{len(content)}")
    request.wfile.write(content[:9])


def dying(most):
    """`most` bytes, and then no host any more."""

    def step(request):
        as_asked(request, most)
        threading.Thread(target=request.host.stop, daemon=True).start()

    return step


def leading_to(url):
    """A redirection to the same path below another address."""
    return lambda request: request.head(302, Location=f"{url}{request.path}", Content_Length=0)
