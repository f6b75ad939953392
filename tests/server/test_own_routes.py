"""Routes that the protocol has no words for: the report, suggestions, taking a muscle out."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from ifss_keras.server import own_routes
from tests.server.running import LOWER, SHAPE, SPACING_MM, UPPER, lasso

httpx = pytest.importorskip("httpx", reason="nninteractive-client is not installed")


def test_the_report_measures_every_muscle(opened, server):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    client.reset_interactions()
    lasso(client, 9, LOWER)
    found = httpx.get(f"{server.url}/ifss/report", headers={"X-Lease-Token": client._lease_token}).json()
    assert (found["shape"], found["spacing_mm"]) == (list(SHAPE), list(SPACING_MM))
    first, second = found["labels"]
    pixel_mm2 = SPACING_MM[1] * SPACING_MM[2]
    assert (first["code"], first["reference_slices"], second["reference_slices"]) == (1, [2], [9])
    np.testing.assert_allclose(first["areas_mm2"], [49 * pixel_mm2] * 6 + [0] * 7)
    np.testing.assert_allclose(second["volume_ml"], buffer.sum() * pixel_mm2 * SPACING_MM[0] / 1000)
    assert second["area_deviations_mm2"] is None


def test_slices_are_suggested(opened, server, monkeypatch):
    client, _ = opened()
    lasso(client, 2, UPPER)
    headers = {"X-Lease-Token": client._lease_token}
    asked = []

    def suggest(prediction, count):
        asked.append((prediction.summaries[0].reference_slices, count))
        return [SimpleNamespace(slice=np.int64(8), code=1, gain=np.float32(0.25))]

    monkeypatch.setattr(own_routes, "suggest_slices", suggest)
    found = httpx.get(f"{server.url}/ifss/suggest?count=5", headers=headers)
    assert (found.status_code, found.json()) == (200, {"suggestions": [{"slice": 8, "code": 1, "gain": 0.25}]})
    assert asked == [((2,), 5)]
    assert httpx.get(f"{server.url}/ifss/suggest?count=0", headers=headers).status_code == 422


def test_own_routes(opened, server):
    client, _ = opened()
    headers = {"X-Lease-Token": client._lease_token}
    assert httpx.get(f"{server.url}/ifss/report", headers=headers).status_code == 400  # nothing is drawn
    lasso(client, 2, UPPER)
    client.reset_interactions()
    lasso(client, 9, LOWER)
    answer = httpx.delete(f"{server.url}/ifss/muscles/1", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"muscles": [2]})
    assert httpx.delete(f"{server.url}/ifss/muscles/1", headers=headers).status_code == 400
    assert httpx.get(f"{server.url}/ifss/report").status_code == 400  # no lease
    api = httpx.get(f"{server.url}/openapi.json").json()
    assert {"/ifss/suggest", "/ifss/report", "/claim", "/add_lasso_interaction"} <= set(api["paths"])
    assert json.dumps(api)
