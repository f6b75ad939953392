"""Fixtures of the tests of presets on demand: a made-up preset, a host that has it, and settings that lead there."""

import hashlib
import random

import pytest

from ifss_keras.zoo.remote.registry import Record, RemoteFile
from ifss_keras.zoo.remote.settings import RemoteSettings
from tests.zoo.remote.host import Host

NAME = "made_up"
CONTENT = {
    "model.weights.h5": random.Random(3).randbytes(200_003),
    "card.md": b"# made up\n" * 5,
    "config.json": b'{"made": "up"}\n' * 7,
}


def record_with(**changes):
    """The record of the made-up preset."""
    files = tuple(RemoteFile(name, hashlib.sha256(held).hexdigest(), len(held)) for name, held in CONTENT.items())
    facts = {"name": NAME, "architecture": "IFSSNet", "summary": "Tries.", "licence": "CC0-1.0", "data": "noise"}
    return Record(**facts | {"parameters": 7, "weights": "model.weights.h5", "files": files} | changes)


@pytest.fixture
def record():
    return record_with()


@pytest.fixture
def weights():
    """The bytes of its weights."""
    return CONTENT["model.weights.h5"]


@pytest.fixture
def shelf(tmp_path):
    """A folder that holds the made-up preset, in which files are spoilt."""
    folder = tmp_path / "shelf" / NAME
    folder.mkdir(parents=True)
    for name, held in CONTENT.items():
        (folder / name).write_bytes(held)
    return folder.parent


@pytest.fixture
def start(shelf):
    """A function that starts a host of the shelf with a plan; all end with the test."""
    hosts = []

    def started(*plan, folder=shelf):
        hosts.append(Host(folder, plan).__enter__())
        return hosts[-1]

    yield started
    for host in hosts:
        host.stop()


@pytest.fixture
def settings_for(tmp_path):
    """A function that makes settings of mirrors, with short waits and an empty cache."""

    def made(*mirrors, **more):
        mirrors = tuple(getattr(mirror, "url", mirror) for mirror in mirrors)
        short = {"cache": tmp_path / "cache", "first_wait_s": 0.001, "retries": 2, "timeout_s": 5}
        return RemoteSettings(mirrors=mirrors, **short | more)

    return made


@pytest.fixture
def whole():
    """A function that says whether a folder holds the preset's files and nothing else."""

    def holds(folder):
        return {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT

    return holds
