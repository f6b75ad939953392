"""What is refused at the door: wrong keys, strange names, bodies too large, too slow or without an end."""

import contextlib
import socket
import time

import numpy as np
import pytest

from ifss_keras.server import guard
from ifss_keras.server.wire import pack
from tests.server.running import image, running

httpx = pytest.importorskip("httpx", reason="nninteractive-client is not installed")
KEY = "a-key-of-more-than-sixteen-letters"
GB = 10**9


@pytest.fixture
def lease(server):
    """Headers of a lease."""
    return {"X-Lease-Token": httpx.post(f"{server.url}/claim").json()["lease_token"]}


def head(server, path, **headers):
    """The beginning of a POST, as bytes."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {server.url.removeprefix('http://')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def connected(server):
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def answer(connection):
    """All that a server sends until it closes."""
    held = b""
    while piece := connection.recv(65536):
        held += piece
    return held.decode()


def test_a_key_is_asked_for_everywhere_but_at_healthz(remote, tmp_path):
    with running(tmp_path / "w", api_key=KEY) as server:
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"Authorization": b"Bearer \xe9"}):
            for path in ("/capabilities", "/openapi.json", "/docs", "/ifss/report", "/nowhere"):
                found = httpx.get(f"{server.url}{path}", headers=given)
                assert (found.status_code, found.json()["detail"][:11]) == (401, "The API key")
            assert httpx.post(f"{server.url}/claim", headers=given).status_code == 401
        client = remote.nnInteractiveRemoteInferenceSession(server.url, api_key=KEY)
        client.set_image(image())
        client.close()
        assert len(server.service.leases) == 0


def test_a_name_that_is_not_the_servers_own_is_refused(tmp_path):
    with running(tmp_path / "w", hosts=frozenset({"localhost", "127.0.0.1", "[::1]"})) as server:
        for host in ("127.0.0.1", "localhost:80", "LOCALHOST", "[::1]:1527", "[::1]"):
            assert httpx.get(f"{server.url}/capabilities", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "evil.example:1527", "127.0.0.1.evil.example", ""):
            assert httpx.get(f"{server.url}/capabilities", headers={"Host": host}).status_code == 400


def test_a_page_of_a_browser_is_refused_and_a_program_is_not(tmp_path):
    with running(tmp_path / "w", hosts=frozenset({"127.0.0.1"})) as server:
        asked = [
            httpx.get(f"{server.url}/capabilities", headers={"Origin": o}) for o in (server.url, "http://evil.example")
        ]
        assert [answer.status_code for answer in asked] == [200, 403]
        assert httpx.post(f"{server.url}/claim", headers={"Origin": "null"}).status_code == 403


def test_two_gigabytes_are_refused_by_what_they_say(server, lease):
    with connected(server) as connection:
        connection.sendall(head(server, "/set_image", **lease, **{"Content-Length": 2 * GB}))
        assert answer(connection).startswith("HTTP/1.1 413")


def test_two_gigabytes_in_pieces_are_refused_as_they_come(server, lease):
    piece = b"f4240\r\n" + b"0" * 1_000_000 + b"\r\n"
    sent = 0
    with connected(server) as connection:
        connection.sendall(head(server, "/set_image", **lease, **{"Transfer-Encoding": "chunked"}))
        with contextlib.suppress(OSError):
            while sent < 2 * GB:
                connection.sendall(piece)
                sent += 1_000_000
    assert sent < 2 * server.service.memory.most_bytes
    time.sleep(0.1)
    assert server.service.memory.taken_bytes == 0
    assert httpx.post(f"{server.url}/heartbeat", headers=lease).status_code == 200


def test_json_is_short(server, lease):
    found = httpx.post(f"{server.url}/set_target_buffer", headers=lease, json={"shape": [1] * 40_000})
    assert found.status_code == 413
    deep = "[" * 30_000
    headers = {**lease, "Content-Type": "application/json"}
    assert httpx.post(f"{server.url}/set_target_buffer", headers=headers, content=deep).status_code in (400, 422)


def test_bombs_are_refused_before_they_are_unpacked(server, lease):
    bomb = pack(np.zeros((1, 100, 1000, 1000), np.uint8))
    assert len(bomb) < 200
    found = httpx.post(f"{server.url}/set_image", headers=lease, content=bomb)
    assert found.status_code == 413
    assert "start it with more memory" in found.json()["detail"]
    good = httpx.post(f"{server.url}/set_image", headers=lease, content=pack(image()))
    assert good.json() == {"original_image_shape": [1, 13, 20, 24]}
    held = server.service.memory.taken_bytes
    mask = {**lease, "X-Meta": '{"include_interaction": true}'}
    found = httpx.post(f"{server.url}/add_lasso_interaction", headers=mask, content=bomb)
    assert found.status_code == 413
    assert server.service.memory.taken_bytes == held


def test_who_sends_no_headers_is_hung_up_on(server, monkeypatch):
    monkeypatch.setattr(guard, "HEADER_S", 0.3)
    with connected(server) as silent, connected(server) as slow:
        slow.sendall(b"POST /claim HTTP/1.1\r\n")
        assert answer(silent) == ""
        try:
            for _ in range(100):
                slow.sendall(b"X-Slow: 1\r\n")
                time.sleep(0.05)
            pytest.fail("the server goes on listening")
        except OSError:
            pass
    with httpx.Client(base_url=server.url) as client:  # one that sends whole requests stays
        for _ in range(4):
            assert client.get("/healthz").status_code == 200
            time.sleep(0.1)


def test_a_body_that_trickles_is_refused(server, lease, monkeypatch):
    monkeypatch.setattr(guard, "SILENT_S", 0.3)
    with connected(server) as connection:
        connection.sendall(head(server, "/set_image", **lease, **{"Content-Length": 1000}))
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection.sendall(b"0")
                time.sleep(0.05)
        assert time.monotonic() - began < 4
    with connected(server) as connection:
        connection.sendall(head(server, "/set_image", **lease, **{"Content-Length": 1000}) + b"0")
        assert answer(connection).startswith("HTTP/1.1 408")


def test_a_client_that_leaves_in_the_middle_takes_nothing(server, lease):
    with connected(server) as connection:
        connection.sendall(head(server, "/set_image", **lease, **{"Content-Length": 1_000_000}) + b"0" * 300_000)
        time.sleep(0.2)
    time.sleep(0.2)
    assert server.service.memory.taken_bytes == 0
    assert httpx.get(f"{server.url}/healthz").status_code == 200
