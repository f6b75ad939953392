"""Several processes at one cache, and one that is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ifss_keras.zoo.remote.cache import partial_of
from tests.zoo.remote.conftest import CONTENT, NAME
from tests.zoo.remote.host import stalled

SCRIPT = """
import json, sys
from ifss_keras.zoo.remote.pull import pull
from ifss_keras.zoo.remote.registry import Record
from ifss_keras.zoo.remote.settings import RemoteSettings
record, settings = map(json.loads, sys.argv[1:])
pull(Record.from_dict("made_up", record), RemoteSettings(**settings))
"""


@pytest.fixture
def launch(record, settings_for):
    """A function that starts a process which pulls the preset from a host."""

    def launched(host):
        told = [json.dumps(record.to_dict()), settings_for(host).model_dump_json()]
        command = [sys.executable, "-c", SCRIPT, *told]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return launched


def ended(process):
    told, _ = process.communicate(timeout=60)
    assert (process.returncode, told) == (0, "")


def test_two_processes_fetch_once(launch, start, settings_for, whole):
    host = start(stalled(None, 1.0))
    both = [launch(host), launch(host)]
    for process in both:
        ended(process)
    assert whole(settings_for().cache / NAME)
    assert host.asked == [(f"/{NAME}/{name}", None) for name in CONTENT]


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_what_had_arrived_before_a_kill_is_not_asked_for_again(launch, record, start, settings_for, whole):
    host, folder = start(stalled(150_000, 5)), settings_for().cache / NAME
    partial = partial_of(folder, record.files[0])
    process, until = launch(host), time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 100_000):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    held = partial.stat().st_size
    assert partial.read_bytes() == CONTENT["model.weights.h5"][:held]
    assert not (folder / "model.weights.h5").exists()
    ended(launch(host))
    assert whole(folder)
    assert host.ranges == [None, f"bytes={held}-"]
