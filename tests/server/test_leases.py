"""Places: how many there are, when they end, what waits and what goes on meanwhile."""

import threading
import time

import numpy as np
import pytest

from ifss_keras.server import service
from ifss_keras.server.leases import FullError, GoneError, Leases, Terms
from ifss_keras.server.memory import Memory, TakenError
from ifss_keras.server.wire import TooLargeError
from tests.server.running import SHAPE, NearestReference, block, image, running

httpx = pytest.importorskip("httpx", reason="nninteractive-client is not installed")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_leases_end_when_idle_or_silent_but_not_while_they_work():
    clock = Clock()
    leases = Leases(Terms(most=3, idle_s=100, silent_s=10), clock)
    idle, silent, working = (leases.claim() for _ in range(3))
    with pytest.raises(FullError):
        leases.claim()
    working.work = 1
    for clock.now in range(0, 96, 5):
        leases.find(idle.token, active=False)
        assert leases.end_overdue() == ([silent] if clock.now == 15 else [])
    assert leases.remaining_s(idle) == 5
    clock.now = 101
    leases.find(idle.token, active=False)
    assert leases.end_overdue() == [idle]
    working.work = 0
    assert leases.end_overdue() == [working]
    assert len(leases) == 0
    with pytest.raises(GoneError):
        leases.find(idle.token, active=True)
    assert leases.end(idle.token) is None


def test_what_a_user_does_postpones_the_end():
    clock = Clock()
    leases = Leases(Terms(idle_s=100, silent_s=100), clock)
    lease = leases.claim()
    clock.now = 90
    leases.find(lease.token, active=True)
    clock.now = 180
    assert leases.end_overdue() == []
    assert leases.remaining_s(lease) == 10


def test_memory_is_shared_and_given_back():
    memory = Memory(100)
    first, second = memory.share(), memory.share()
    first.grow(60)
    with pytest.raises(TakenError):
        second.grow(50)
    with pytest.raises(TooLargeError):
        first.grow(41)
    second.grow(40)
    first.give_back()
    first.give_back()
    assert memory.taken_bytes == 40
    with second:
        pass
    assert memory.taken_bytes == 0


def test_the_ninth_client_is_told_to_wait(remote, server, connect):
    clients = [connect() for _ in range(8)]
    with pytest.raises(remote.ServerAtCapacityError, match="wait until another client leaves"):
        connect()
    assert httpx.post(f"{server.url}/claim").headers["Retry-After"] == "10"
    clients[0].close()
    connect()


def test_eight_clients_at_once_each_get_their_own(server, connect):
    clients, found = [connect() for _ in range(8)], {}

    def work(number):
        client, buffer, mask = clients[number], np.zeros(SHAPE, np.uint8), block((number, 10), (3, 12))
        client.set_image(image(number))
        client.set_target_buffer(buffer)
        client.add_lasso_interaction(mask.astype(np.uint8)[None], True, interaction_bbox=[[5, 6], [0, 20], [0, 24]])
        found[number] = buffer

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, buffer in found.items():
        np.testing.assert_array_equal(buffer[5] > 0, block((number, 10), (3, 12)))
    assert len(found) == 8


def test_heartbeats_are_answered_while_another_waits_for_its_mask(remote, tmp_path):
    begun, go_on = threading.Event(), threading.Event()

    def before():
        begun.set()
        assert go_on.wait(20)

    with running(tmp_path / "w", NearestReference(before)) as server:
        slow = remote.nnInteractiveRemoteInferenceSession(server.url)
        buffer = np.zeros(SHAPE, np.uint8)
        slow.set_image(image())
        slow.set_target_buffer(buffer)
        drawn = (block((2, 9), (3, 10)).astype(np.uint8)[None], True)
        box = {"interaction_bbox": [[5, 6], [0, 20], [0, 24]]}
        thread = threading.Thread(target=slow.add_lasso_interaction, args=drawn, kwargs=box)
        thread.start()
        assert begun.wait(20)
        began = time.monotonic()
        assert slow.heartbeat() > 0
        other = remote.nnInteractiveRemoteInferenceSession(server.url)
        other.heartbeat()
        assert time.monotonic() - began < 5
        assert not buffer.any()
        go_on.set()
        thread.join(20)
        assert buffer.any()
        other.close()
        slow.close()


def test_an_image_is_at_one_client_at_a_time(connect):
    first, second = connect(), connect()
    first.set_image(image())
    with pytest.raises(httpx.HTTPStatusError) as caught:
        second.set_image(image())
    assert caught.value.response.status_code == 409
    second.set_image(image(1))
    first.close()
    for _ in range(50):  # until the worker has put it away
        try:
            second.set_image(image())
            break
        except httpx.HTTPStatusError:
            time.sleep(0.05)
    else:
        pytest.fail("the image is still taken")


def test_the_memory_of_an_image_is_free_again_when_its_client_leaves(remote, server, connect):
    client = connect()
    client.set_image(image())
    taken = server.service.memory.taken_bytes
    assert taken == image().size * (1 + service.DRAWING_BYTES)
    client.set_image(image(1))
    assert server.service.memory.taken_bytes == taken
    with pytest.raises(httpx.HTTPStatusError) as caught:
        client.set_image(np.zeros((1, 300, 300, 300), np.uint8))
    assert caught.value.response.status_code == 413
    assert server.service.memory.taken_bytes == taken
    other = connect()
    server.service.memory.most_bytes = taken + 5000
    with pytest.raises(remote.ServerAtCapacityError, match="memory is taken"):
        other.set_image(image(2))
    client.close()
    deadline = time.monotonic() + 10
    while server.service.memory.taken_bytes and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.service.memory.taken_bytes == 0


def test_a_request_without_a_lease_is_not_told_that_its_session_ended(server):
    for headers in ({}, {"X-Lease-Token": ""}):
        for answer in (
            httpx.post(f"{server.url}/heartbeat", headers=headers),
            httpx.post(f"{server.url}/undo", headers=headers),
            httpx.get(f"{server.url}/ifss/report", headers=headers),
        ):
            assert (answer.status_code, answer.json()["detail"]) == (
                400,
                "The request carries no lease: expected the header X-Lease-Token with a token; POST /claim gives one.",
            )
    ended = httpx.post(f"{server.url}/heartbeat", headers={"X-Lease-Token": "0" * 32})
    assert (ended.status_code, "has ended" in ended.json()["detail"]) == (410, True)
    assert httpx.post(f"{server.url}/release").json() == {"released": True}


def test_silent_clients_lose_their_place_and_their_work_is_kept(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(service, "TICK_S", 0.05)
    monkeypatch.setattr(service, "QUIET_S", 0.1)
    with running(tmp_path / "w", terms=Terms(most=1, idle_s=60, silent_s=0.5)) as server:
        client = remote.nnInteractiveRemoteInferenceSession(server.url)
        client._stop_heartbeat.set()
        client.set_image(image())
        drawn = block((2, 9), (3, 10)).astype(np.uint8)[None]
        client.add_lasso_interaction(drawn, True, interaction_bbox=[[5, 6], [0, 20], [0, 24]])
        deadline = time.monotonic() + 10
        while len(server.service.leases) and time.monotonic() < deadline:
            time.sleep(0.02)
        with pytest.raises(remote.SessionExpiredError, match="connect again"):
            client.heartbeat()
    (written,) = (tmp_path / "w").glob("*/labels.npz")
    with np.load(written, allow_pickle=False) as held:
        np.testing.assert_array_equal(held["labels"][5] == 1, block((2, 9), (3, 10)))
