"""Many clients that do right and wrong: no answer is the server's fault, memory is bounded, and every lease ends."""

import os
import threading
import time

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ifss_keras.server import service
from ifss_keras.server.leases import Terms
from tests.server.running import running, start

pytest.importorskip("httpx", reason="nninteractive-client is not installed")

CLIENTS = 8
MINUTES = float(os.environ.get("IFSS_SOAK_MINUTES", "30"))


def emptied(server, seconds):
    """Whether all leases have ended and their memory is free after some time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if len(server.service.leases) == 0 and server.service.memory.taken_bytes == 0:
            return True
        time.sleep(0.05)
    return False


def test_random_clients(remote, tmp_path_factory, monkeypatch):
    from tests.server.visitor import Visitor

    monkeypatch.setattr(service, "TICK_S", 0.05)
    monkeypatch.setattr(service, "QUIET_S", 0.05)

    class Clients(RuleBasedStateMachine):
        @initialize(seed=st.integers(0, 2**32 - 1))
        def come(self, seed):
            terms = Terms(most=2, idle_s=30, silent_s=2)
            self.server = start(tmp_path_factory.mktemp("soak") / "w", terms=terms)
            self.visitors = [Visitor(remote, self.server, np.random.default_rng([seed, number])) for number in range(3)]
            for visitor in self.visitors[:2]:
                visitor.act("connect")
                visitor.act("image")

        @rule(number=st.integers(0, 2), whim=st.sampled_from(Visitor.WHIMS))
        def act(self, number, whim):
            self.visitors[number].act(whim)

        def teardown(self):
            for visitor in getattr(self, "visitors", []):
                visitor.leave()
            if hasattr(self, "server"):
                try:
                    assert emptied(self.server, 10)
                finally:
                    self.server.stop()

    few = settings(max_examples=8, stateful_step_count=40, deadline=None, derandomize=True)
    run_state_machine_as_test(Clients, settings=few)


@pytest.mark.slow
def test_eight_clients_for_half_an_hour(remote, tmp_path, monkeypatch):
    """For `IFSS_SOAK_MINUTES`, 30 if it is not set."""
    from tests.server.visitor import Visitor

    monkeypatch.setattr(service, "TICK_S", 0.2)
    failures, statuses, held_mb = [], {}, []
    end = time.monotonic() + 60 * MINUTES

    def visit(number):
        visitor = Visitor(remote, server, np.random.default_rng(number))
        try:
            while time.monotonic() < end and not failures:
                visitor.act("connect")
                whim = str(visitor.rng.choice(Visitor.WHIMS))
                visitor.act(whim)
                for status in visitor.statuses:
                    statuses[status] = statuses.get(status, 0) + 1
                visitor.statuses.clear()
            visitor.leave()
        except BaseException as error:
            failures.append(error)

    with running(tmp_path / "w", terms=Terms(most=CLIENTS - 2, idle_s=30, silent_s=2)) as server:
        threads = [threading.Thread(target=visit, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(1)
            held_mb.append(resident_mb())
            assert server.service.memory.taken_bytes <= server.service.memory.most_bytes
        if failures:
            raise failures[0]
        assert emptied(server, 20)
    print(f"{sum(statuses.values())} answers {dict(sorted(statuses.items()))}; {held_mb[0]:.0f} MB at first, then at ")
    print(f"most {max(held_mb):.0f}, {held_mb[-1]:.0f} at the end; {len(list((tmp_path / 'w').iterdir()))} files")
    warm = held_mb[len(held_mb) // 10]
    assert max(held_mb) < warm + 200


def resident_mb():
    """Of this process, the server in it."""
    with open("/proc/self/statm", encoding="ascii") as held:
        return int(held.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
