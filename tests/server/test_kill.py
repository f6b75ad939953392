"""`ifss serve` killed and started again: the client goes on, and voxels are those of `Predictor.predict`."""

import contextlib
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume

httpx = pytest.importorskip("httpx", reason="nninteractive-client is not installed")

SPACING_MM = (2.0, 0.5, 0.4)


@contextlib.contextmanager
def served(workspace, preset, port=0):
    """The process of `ifss serve`, and its address."""
    command = [sys.executable, "-m", "ifss_keras.cli.main", "serve", "--workspace", str(workspace)]
    command += ["--preset", str(preset), "--port", str(port), "--max-memory-gb", "0.5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        found = re.match(r"Serving on (http://127\.0\.0\.1:(\d+)), workspace ", line)
        assert found, line + process.stderr.read()
        yield process, found[1]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def lasso(client, index, mask):
    box = [[index, index + 1], [0, mask.shape[0]], [0, mask.shape[1]]]
    client.add_lasso_interaction(mask.astype(np.uint8)[None], True, interaction_bbox=box)


def test_a_killed_server_goes_on(remote, tmp_path, tiny_preset, two_muscles):
    from ifss_keras.core.backend import start_backend
    from ifss_keras.inference.predictor import Predictor

    start_backend()  # as the command does, for the same sums in the same order
    image, labels = two_muscles
    upper, lower = labels == 7, labels == 3
    predictor = Predictor.from_preset(tiny_preset)

    def predicted(references):
        volume = Volume.from_array(image, SPACING_MM)
        return predictor.predict(volume, Annotation.of_references(references, {})).labels

    def begun(url):
        client, buffer = remote.nnInteractiveRemoteInferenceSession(url), np.zeros(image.shape, np.uint8)
        client.set_image(image[None], {"spacing": list(SPACING_MM)})
        client.set_target_buffer(buffer)
        return client, buffer

    with served(tmp_path / "study", tiny_preset) as (process, url):
        client, buffer = begun(url)
        references = {1: {}}
        for index in (2, 10, 6):  # on slices with a mask already a lasso adds, or draws the outline again
            lasso(client, index, upper[index])
            references[1][index] = buffer[index].astype(bool)
            client._predict()  # settles what a lasso far away leaves as it was
            np.testing.assert_array_equal(buffer, predicted(references) == 1)
        assert (references[1][2] == upper[2]).all()
        assert (references[1][10] & upper[10] == upper[10]).all()
        process.kill()
        process.wait()
        with pytest.raises(httpx.TransportError):
            lasso(client, 4, upper[4])

    with served(tmp_path / "study", tiny_preset, url.rpartition(":")[2]) as (process, again):
        assert again == url
        with pytest.raises(remote.SessionExpiredError):  # of which clients make: connect once more, send all again
            client.heartbeat()
        mask = buffer.copy()
        client, buffer = begun(url)
        client.add_initial_seg_interaction(mask)
        assert client._predict() is None  # nothing to draw anew: the client has the mask already
        lasso(client, 4, upper[4])
        references[1][4] = buffer[4].astype(bool)
        client._predict()
        np.testing.assert_array_equal(buffer, predicted(references) == 1)
        del references[1][4], references[1][6]
        assert client.undo()
        assert client.undo()  # of what was drawn before the kill
        client._predict()
        np.testing.assert_array_equal(buffer, predicted(references) == 1)

        client.reset_interactions()
        lasso(client, 6, lower[6])
        references[2] = {6: buffer[6].astype(bool)}
        client._predict()
        whole = predicted(references)
        np.testing.assert_array_equal(buffer, whole == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 128 + signal.SIGTERM
        assert "Traceback" not in process.stderr.read()

    (folder,) = [path for path in (tmp_path / "study").iterdir() if path.is_dir()]
    with np.load(folder / "labels.npz", allow_pickle=False) as written:
        np.testing.assert_array_equal(written["labels"], whole)
    assert np.array_equal(np.load(folder / "image.npy", allow_pickle=False), image)
