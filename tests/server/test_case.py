"""An image at a client that goes and comes again: only what it draws becomes a reference."""

import numpy as np
import pytest

from ifss_keras.inference.predictor import Predictor
from ifss_keras.server.case import Case
from ifss_keras.server.workspace import Workspace

SPACING_MM = (2.0, 0.5, 0.4)


class Client:
    """A client at an image, that shows what it is sent and begins with it when it comes again."""

    def __init__(self, image, predictor, workspace):
        self.image, self.predictor, self.workspace = image, predictor, workspace
        self.shown = np.zeros(image.shape, np.uint8)
        self.come()

    def come(self, mask=True):
        self.case = Case(self.image, SPACING_MM, self.predictor, self.workspace.folder_of(self.image, SPACING_MM))
        if mask:
            self.case.seed(self.shown.copy())
        else:
            self.shown[...] = 0
        self.look()

    def draw(self, index, mask):
        rows, columns = mask.shape
        box = ((index, index + 1), (0, rows), (0, columns))
        self.case.draw(mask[None].astype(np.uint8), box, adds=True)
        self.look()

    def look(self):
        if (change := self.case.changes()) is not None:
            self.shown[tuple(slice(*side) for side in change.box)] = change.mask

    def references(self):
        return sorted(self.case.session().references.get(1, {}))


@pytest.fixture
def client(tmp_path, tiny_preset, two_muscles):
    return Client(two_muscles[0], Predictor.from_preset(tiny_preset), Workspace(tmp_path))


@pytest.mark.parametrize("mask", [True, False])
def test_a_client_that_comes_again_and_again_makes_no_references(mask, client, two_muscles):
    muscle = two_muscles[1] == 7
    for index in (1, 6, 11):
        client.draw(index, muscle[index])
    client.come()
    assert client.references() == [1, 6, 11]
    client.come(mask)
    client.draw(5, muscle[5])
    client.come()
    assert client.references() == [1, 5, 6, 11]
    client.case.undo()
    client.look()
    client.come()
    assert client.references() == [1, 6, 11]
    client.come()
    client.draw(7, muscle[7])
    client.case.settle()
    client.draw(3, muscle[3])
    client.come()
    assert client.references() == [1, 3, 6, 7, 11]
