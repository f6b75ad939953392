"""A client that does whatever comes to mind, right and wrong, and sees whether the server stays upright."""

import contextlib
import json
from dataclasses import dataclass, field

import httpx
import numpy as np

from ifss_keras.server.wire import pack
from tests.server.running import SHAPE, SPACING_MM, image

IMAGES = 5
ANSWERS = {*range(200, 300), *range(400, 500), 503}
LOST = (httpx.HTTPStatusError, RuntimeError)  # refused, or expired and full as the client says it


@dataclass
class Visitor:
    """A user of a server.

    Attributes:
        remote: the module of the real client.
        server: a `Running`.
        rng: whence the user's whims come.
        statuses: of all answers so far.
    """

    remote: object
    server: object
    rng: np.random.Generator
    session: object = None
    buffer: np.ndarray | None = None
    statuses: list = field(default_factory=list)

    WHIMS = (
        *("connect", "image", "image", "buffer_anew", "draw", "draw", "draw", "take", "undo", "reset", "seed"),
        *("edit", "show", "beat", "report", "suggest", "remove", "leave", "vanish"),
        *("bad_lasso", "bad_meta", "bad_body", "bad_json", "bomb", "long", "other_prompt", "no_lease"),
    )

    def act(self, whim):
        """Does one thing; what the user sees is then what the server has."""
        with contextlib.suppress(LOST):
            getattr(self, whim)()
        wrong = set(self.statuses) - ANSWERS
        assert not wrong, (whim, wrong)

    def connect(self):
        if self.session is None:
            self.session = self.remote.nnInteractiveRemoteInferenceSession(self.server.url)
            self.session._http.event_hooks = {"response": [lambda held: self.statuses.append(held.status_code)]}
            self.buffer = None

    def leave(self):
        if self.session is not None:
            self.session.close()
        self.session = self.buffer = None

    def vanish(self):
        """Goes without a word, as a client that crashes."""
        if self.session is not None:
            self.session._stop_heartbeat.set()
            self.session._lease_token = None
            self.session.close()
        self.session = self.buffer = None

    def image(self):
        if self.session is None:
            return
        self.buffer = None
        self.session.set_image(image(int(self.rng.integers(IMAGES))), {"spacing": SPACING_MM})
        buffer = np.zeros(SHAPE, np.uint8)
        self.session.set_target_buffer(buffer)
        self.buffer = buffer

    def buffer_anew(self):
        if self.buffer is not None:
            self.buffer = np.zeros(SHAPE, np.uint8)
            self.session.set_target_buffer(self.buffer)

    def draw(self, adds=True):
        if self.session is None:
            return
        axis = 0 if self.rng.random() < 0.9 else int(self.rng.integers(3))
        box = [sorted(self.rng.choice(size + 1, 2, replace=False).tolist()) for size in SHAPE]
        box[axis][1] = box[axis][0] = min(box[axis][0], SHAPE[axis] - 1)
        box[axis][1] += 1
        crop = (self.rng.random([after - first for first, after in box]) < 0.9).astype(np.uint8)
        self.session.add_lasso_interaction(crop, adds, interaction_bbox=box)
        self.check()

    def take(self):
        self.draw(adds=False)

    def undo(self):
        if self.buffer is not None and self.session.undo():
            self.check()

    def reset(self):
        if self.session is not None:
            self.session.reset_interactions()

    def seed(self, mask=None):
        if self.buffer is not None:
            held = self.buffer.copy()
            mask = (self.rng.random(SHAPE) < 0.1).astype(np.uint8) if mask is None else mask
            try:
                self.session.add_initial_seg_interaction(mask, run_prediction=True)
            except LOST:
                self.buffer[...] = held  # which the client had changed already
                raise
            self.check()

    def edit(self):
        """Changes a slice by another tool, as 3D Slicer's effects do."""
        if self.buffer is not None:
            mask = self.buffer.copy()
            mask[self.rng.integers(SHAPE[0])] ^= self.rng.random(SHAPE[1:]) < 0.2
            self.reset()
            self.seed(mask)

    def show(self):
        if self.buffer is not None:
            self.session._predict()
            self.check()

    def beat(self):
        if self.session is not None:
            self.session.heartbeat()

    def report(self):
        found = self.ask("GET", "/ifss/report")
        if found.status_code == 200:
            json.loads(found.text, parse_constant=lambda word: 1 / 0)

    def suggest(self):
        self.ask("GET", "/ifss/suggest")

    def remove(self):
        self.ask("DELETE", f"/ifss/muscles/{self.rng.integers(4)}")

    def bad_lasso(self):
        if self.session is not None:
            shape = self.rng.integers(1, 9, 3)
            box = self.rng.integers(-3, 15, (3, 2)).tolist()
            self.session.add_lasso_interaction(np.ones(shape, np.uint8), True, interaction_bbox=box)
            self.check()

    def bad_meta(self):
        meta = self.rng.choice(["", "{", "[]", "1e999", "null", '{"include_interaction": 7}', "[" * 5000])
        path = self.rng.choice(["/add_lasso_interaction", "/set_image", "/add_initial_seg_interaction"])
        self.ask("POST", path, content=pack(np.ones(SHAPE, np.uint8)), headers={"X-Meta": str(meta)})

    def bad_body(self):
        packed = bytearray(pack(image()))
        for at in self.rng.integers(0, 80, 3):
            packed[at] = self.rng.integers(256)
        self.ask("POST", "/set_image", content=bytes(packed[: self.rng.integers(1, len(packed))]))

    def bad_json(self):
        held = self.rng.choice(["", "{", "[" * 9000, '{"shape": [1e400, 1, 1], "dtype": "u1"}', '{"shape": null}', "7"])
        path = self.rng.choice(["/set_target_buffer", "/undo", "/predict", "/set_do_autozoom", "/release/x"])
        self.ask("POST", path, content=str(held), headers={"Content-Type": "application/json"})

    def bomb(self):
        self.ask("POST", "/set_image", content=pack(np.zeros((1, 300, 500, 900), np.uint8)))

    def long(self):
        self.ask("POST", "/heartbeat", content=b"0" * 100_000)

    def other_prompt(self):
        if self.session is not None:
            self.session.add_point_interaction([1, 2, 3], True)

    def no_lease(self):
        token = str(self.rng.choice(["", "0", "f" * 32, "../../etc"]))
        self.ask("POST", "/undo", headers={"X-Lease-Token": token})

    def ask(self, method, path, **more):
        token = self.session._lease_token if self.session is not None else "none"
        headers = {"X-Lease-Token": token, **more.pop("headers", {})}
        found = httpx.request(method, f"{self.server.url}{path}", headers=headers, timeout=60, **more)
        self.statuses.append(found.status_code)
        if found.is_success and "content" in more:  # taken, after all: what the client shows is not what it was told
            self.buffer = None
        return found

    def check(self):
        """What the client shows is the server's mask of the current muscle, and what is drawn is kept on disk."""
        case = self.server.service.leases.find(self.session._lease_token, active=False).case
        if case is None or self.buffer is None:
            return
        labels = np.zeros(SHAPE, np.uint8)
        if case.axis is not None:
            labels = np.moveaxis(case.session().labels, 0, case.axis)
        np.testing.assert_array_equal(self.buffer > 0, labels == (case.current or -1))
        # by the worker, as Python 3.11 cannot parse NumPy's headers in two threads at once (SystemError of ast)
        last = self.server.service._worker.submit(case.folder.last).result()
        written = {code: sorted(masks) for code, masks in last.references.items()}
        held = case.session().references if case.axis is not None else {}
        assert written == {code: sorted(masks) for code, masks in held.items() if masks}
