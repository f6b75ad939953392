"""Settings of mirrors and cache: from the environment, else from the user's file."""

import os
from pathlib import Path

import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.zoo.remote.settings import RemoteSettings, read_settings, settings_file


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function that writes the settings file, in a place of its own; the environment says nothing."""
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path / "config" / name)
    for name in ("IFSS_WEIGHTS_URL", "IFSS_CACHE", "IFSS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)

    def written(text):
        settings_file().parent.mkdir(parents=True, exist_ok=True)
        settings_file().write_text(text, encoding="utf-8")

    return written


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="the convention of Linux")
def test_the_places_are_those_of_the_platform(monkeypatch, tmp_path):
    monkeypatch.delenv("IFSS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert read_settings().cache == tmp_path / "cache" / "ifss_keras" / "presets"
    assert settings_file() == tmp_path / "config" / "ifss_keras" / "settings.yaml"


def test_without_any_there_is_no_mirror(write):
    assert read_settings() == RemoteSettings()
    assert (read_settings().mirrors, read_settings().offline) == ((), False)


def test_the_environment_wins(write, monkeypatch, tmp_path):
    addresses = "[https://a.example/x, 'http://b.example:81']"
    write(f"mirrors: {addresses}\noffline: true\ncache: ~/c\ntimeout_s: 7\nretries: 0\n")
    found = read_settings()
    assert found.mirrors == ("https://a.example/x", "http://b.example:81")
    assert (found.offline, found.cache, found.timeout_s, found.retries) == (True, Path.home() / "c", 7.0, 0)
    monkeypatch.setenv("IFSS_WEIGHTS_URL", " file:///srv/c ,https://d.example\n\thttp://e.example,")
    monkeypatch.setenv("IFSS_OFFLINE", "0")
    monkeypatch.setenv("IFSS_CACHE", str(tmp_path / "c"))
    found = read_settings()
    assert found.mirrors == ("file:///srv/c", "https://d.example", "http://e.example")
    assert (found.offline, found.cache, found.timeout_s) == (False, tmp_path / "c", 7.0)
    monkeypatch.setenv("IFSS_WEIGHTS_URL", " ")
    assert read_settings().mirrors == ("https://a.example/x", "http://b.example:81")


def test_mirrors_may_stand_in_one_text(write):
    write("mirrors: https://a.example file:///srv/b\n")
    assert read_settings().mirrors == ("https://a.example", "file:///srv/b")
    assert read_settings().reachable == read_settings().mirrors
    write("mirrors: https://a.example FILE:///srv/b\noffline: yes\n")
    assert read_settings().reachable == ("FILE:///srv/b",)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://a.example",
        "a.example/x",
        "/srv/presets",
        "https://",
        "http://a:b",
        "file://server/x",
        "file:///",
        "http://[",
    ],
)
def test_what_is_no_address_is_refused(address, write, monkeypatch):
    monkeypatch.setenv("IFSS_WEIGHTS_URL", address)
    with pytest.raises(InputError, match=r"^IFSS_WEIGHTS_URL cannot be used: .*; mend it\.$"):
        read_settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mirror: https://a.example", "there is no setting 'mirror': .*did you mean mirrors"),
        ("timeout_s: 0", "timeout_s cannot be used: Input should be greater than 0, received 0; mend it"),
        ("retries: many", "retries cannot be used: .*received 'many'"),
        ("offline: perhaps", "offline cannot be used: .*received 'perhaps'"),
        ("mirrors: ftp://me:secret@a.example", "mirrors cannot be used: .*received 'ftp://a.example'"),
        ("- a", "should hold keys and values, received"),
        ("1: 2", "should hold keys and values, received"),
        ("a: [", "are no YAML"),
        ("retries: 1\nretries: 2", "are no YAML: the key 'retries' stands there twice"),
    ],
)
def test_a_settings_file_that_is_none_is_refused(text, said, write):
    write(text)
    with pytest.raises(InputError, match=said) as refusal:
        read_settings()
    assert str(settings_file()) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_an_empty_settings_file_says_nothing_and_a_folder_is_none(write):
    write("")
    assert read_settings() == RemoteSettings()
    settings_file().unlink()
    settings_file().mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_settings()
