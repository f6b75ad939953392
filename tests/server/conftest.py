"""Fixtures of the server's tests: a server, and the client of nnInteractive."""

from importlib import util

import pytest

NEEDED = ("fastapi", "uvicorn", "blosc2")  # of the extra serve


def pytest_pycollect_makemodule(module_path, parent):
    """Skips all tests of this folder where what they import is not installed."""
    missing = [name for name in NEEDED if util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the extra serve is not installed: {', '.join(missing)}", allow_module_level=True)


@pytest.fixture(scope="session")
def remote():
    """The module of the real client."""
    return pytest.importorskip("nnInteractive.inference.remote", reason="nninteractive-client is not installed")


@pytest.fixture
def server(tmp_path):
    from tests.server.running import running

    with running(tmp_path / "workspace") as held:
        yield held


@pytest.fixture
def connect(remote, server):
    """A function that connects a client to a server, to the one of this test if no other is given."""
    clients = []

    def connected(url=None, **arguments):
        clients.append(remote.nnInteractiveRemoteInferenceSession(url or server.url, **arguments))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def opened(connect):
    """A function: a client with an image, and its buffer."""

    import numpy as np

    from tests.server.running import SHAPE, SPACING_MM, image

    def with_image(seed=0, url=None):
        client, buffer = connect(url), np.zeros(SHAPE, np.uint8)
        client.set_image(image(seed), {"spacing": np.array(SPACING_MM)})
        client.set_target_buffer(buffer)
        return client, buffer

    return with_image
