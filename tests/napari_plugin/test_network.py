"""The network in a process of its own: what its sessions give is what those here give; it may be stopped, or die."""

import gc
import os
import shutil
import signal
import time

import numpy as np
import pytest

from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.napari_plugin.messages import Stopped
from ifss_keras.napari_plugin.network import NetworkGone, open_session


@pytest.fixture(scope="module")
def masks(two_muscles):
    """Label code to slice index to its mask."""
    labels = two_muscles[1]
    return {3: {2: labels[2] == 3, 9: labels[9] == 3}, 7: {4: labels[4] == 7, 12: np.zeros(labels[4].shape, bool)}}


@pytest.fixture
def remote(tiny_preset, volume):
    return open_session(str(tiny_preset), volume)


def test_a_session_there_is_one_here(remote, tiny, volume, masks):
    here, told, told_here = tiny.open(volume), [], []
    here.names[3] = remote.names[3] = "SOL"
    changed = remote.revise(masks, progress=lambda *step: told.append(step))
    expected = here.revise(masks, progress=lambda *step: told_here.append(step))
    assert changed.keys() == expected.keys()
    np.testing.assert_array_equal(remote.labels, here.labels)
    assert told == told_here
    assert {name for name, _, _ in told} == {"SOL", "7"}
    more = {3: {5: masks[3][2]}}
    remote.revise(more), here.revise(more)
    assert remote.settle().keys() == here.settle().keys()
    np.testing.assert_array_equal(remote.labels, here.labels)
    ours, theirs = remote.prediction(), here.prediction()
    assert ours.to_dict() == theirs.to_dict()
    assert ours.names == {3: "SOL", 7: "7"}
    np.testing.assert_array_equal(ours.summaries[0].areas_mm2, theirs.summaries[0].areas_mm2)
    assert remote.annotation.absent == {12: frozenset({7})}


def test_sessions_of_one_process_do_not_know_of_each_other(remote, tiny_preset, volume, masks):
    other = open_session(str(tiny_preset), volume)
    remote.revise({3: masks[3]})
    other.revise({7: masks[7]})
    assert (set(remote.references), set(other.references)) == ({3}, {7})
    assert set(np.unique(remote.labels)) == {0, 3}


def test_what_is_refused_there_is_refused_here(remote):
    with pytest.raises(InputError, match="There is no slice 13: expected 0 to 12"):
        remote.revise({3: {13: np.zeros((20, 24), bool)}})
    assert remote.alive


def test_an_unknown_preset_is_refused(volume):
    with pytest.raises(PresetError, match="no_such_preset"):
        open_session("no_such_preset", volume)


def test_what_is_stopped_changes_nothing(remote, masks):
    remote.revise({3: masks[3]})
    before = remote.labels.copy()

    def stop(*_):
        raise Stopped

    with pytest.raises(Stopped, match="Cancelled: nothing has changed"):
        remote.revise({7: masks[7], 3: {2: None}}, progress=stop)
    np.testing.assert_array_equal(remote.labels, before)
    assert {code: sorted(held) for code, held in remote.references.items()} == {3: [2, 9]}
    remote.revise({7: masks[7]})
    assert set(np.unique(remote.labels)) == {0, 3, 7}


def test_what_is_done_by_the_time_that_it_is_stopped_counts(remote, masks):
    steps = []
    remote.revise({3: masks[3]}, progress=lambda *step: steps.append(step))
    remote.revise({3: {2: None}})

    def stop_at_the_last(*step):
        if step == steps[-1]:
            raise Stopped

    remote.revise({3: masks[3]}, progress=stop_at_the_last)
    assert sorted(remote.references[3]) == [2, 9]


def test_another_error_of_who_listens_goes_on_after_it_is_stopped(remote, masks):
    def fail(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        remote.revise(masks, progress=fail)
    assert not remote.labels.any()


@pytest.mark.slow  # each process takes seconds to start
def test_a_process_that_dies_is_said_to_have_and_another_takes_its_place(remote, tiny_preset, volume, masks):
    def kill(*_):
        os.kill(remote._network._process.pid, signal.SIGKILL)

    with pytest.raises(NetworkGone, match="The network's process has ended"):
        remote.revise(masks, progress=kill)
    assert (remote.alive, remote.references) == (False, {})
    with pytest.raises(NetworkGone):
        remote.prediction()
    other = open_session(str(tiny_preset), volume)
    other.revise(masks)
    assert other.alive
    assert set(np.unique(other.labels)) == {0, 3, 7}


@pytest.mark.slow  # each process takes seconds to start
def test_a_process_that_nobody_needs_ends_once_there_is_another(tiny_preset, volume, tmp_path):
    shutil.copytree(tiny_preset, tmp_path / "other")
    first, kept = open_session(str(tiny_preset), volume), open_session(str(tiny_preset), volume)
    process = first._network._process
    del first
    open_session(str(tmp_path / "other"), volume)
    assert kept.alive
    del kept
    gc.collect()
    open_session(str(tmp_path / "other"), volume)
    assert process.wait(20) != 0


def test_the_process_ends_when_nobody_can_ask_it_any_longer(remote):
    process = remote._network._process
    process.stdin.close()
    until = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert process.poll() == 0
    assert not remote.alive
