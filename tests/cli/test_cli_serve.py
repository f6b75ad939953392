"""`ifss serve`: what it refuses before it serves."""

import socket
import sys

import pytest

from tests.cli.sentences import one_sentence

pytest.importorskip("fastapi", reason="the extra serve is not installed")


@pytest.fixture
def refused(ifss, tiny, tmp_path):
    def run(*arguments):
        outcome = ifss("serve", "--preset", tiny, "--workspace", tmp_path / "w", "--port", 0, *arguments)
        return one_sentence(outcome)

    return run


def test_other_hosts_need_a_key(refused, tmp_path):
    assert "--api-key-file" in refused("--host", "0.0.0.0")
    for held in ("", "short", "with blanks in it, and long", "\u00e9" * 20):
        (tmp_path / "key").write_text(held, encoding="utf-8")
        assert "openssl rand" in refused("--host", "0.0.0.0", "--api-key-file", tmp_path / "key")
    assert "No such file" in refused("--api-key-file", tmp_path / "none")


def test_a_port_that_is_taken(refused):
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert "--port" in refused("--port", other.getsockname()[1])


def test_no_such_host(refused, tmp_path):
    (tmp_path / "key").write_text("0123456789abcdef\n")
    assert "no host" in refused("--host", "no.such.host.invalid", "--api-key-file", tmp_path / "key")


def test_a_workspace_that_is_none(ifss, tiny, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = ifss("serve", "--preset", tiny, "--workspace", tmp_path / "file")
    assert "is a file" in one_sentence(outcome)


def test_a_workspace_is_of_one_server(refused, tmp_path):
    from ifss_keras.core.lock import only_one
    from ifss_keras.server.run import LOCK

    (tmp_path / "w").mkdir()
    with only_one(tmp_path / "w" / LOCK):
        assert "Another server" in refused()


def test_the_extra_that_a_server_needs(refused, monkeypatch):
    monkeypatch.delitem(sys.modules, "ifss_keras.server.run", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert (
        'needs uvicorn, which is not installed: install the extra serve, pip install "ifss_keras[serve]"' in refused()
    )


def test_others_than_this_machine_are_warned_of(ifss, tiny, tmp_path, monkeypatch):
    import uvicorn

    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: None)
    (tmp_path / "key").write_text("0123456789abcdef\n")
    place = ("--preset", tiny, "--workspace", tmp_path / "w", "--port", 0)
    alone = ifss("serve", *place)
    assert alone.code == 0
    assert alone.out.startswith("Serving on http://127.0.0.1:")
    assert "TLS" not in alone.out
    open_to_others = ifss("serve", *place, "--host", "0.0.0.0", "--api-key-file", tmp_path / "key")
    assert "put a proxy with TLS in front" in open_to_others.out
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o700
