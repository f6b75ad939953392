"""One process at a time, and none for ever."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.core.lock import only_one

HOLDER = """
import sys, time
from pathlib import Path
from ifss_keras.core.lock import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_is_refused_until_the_first_is_done(tmp_path):
    with only_one(tmp_path / "lock"), pytest.raises(InputError, match="Wait"), only_one(tmp_path / "lock", "Wait."):
        raise AssertionError
    with only_one(tmp_path / "lock", "Wait."):
        pass


def test_a_second_without_a_refusal_waits(tmp_path):
    order = []

    def second():
        with only_one(tmp_path / "lock"):
            order.append("second")

    with only_one(tmp_path / "lock"):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.2)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError), only_one(tmp_path / "lock", "Wait."):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with only_one(tmp_path / "lock", "Wait."):
        pass
