"""The sessions behind the labels layers of a viewer: opened, revised and shown again, one piece of work at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels, Layer

from ifss_keras.core.errors import InputError
from ifss_keras.napari_plugin import layers
from ifss_keras.napari_plugin.annotator import Annotator
from ifss_keras.napari_plugin.network import RemoteSession, open_session
from ifss_keras.napari_plugin.revision import Revision
from ifss_keras.napari_plugin.work import Work


@dataclass(frozen=True)
class Chosen:
    """What somebody works on.

    Attributes:
        image, labels: layers.
        preset: name or folder of the network.
    """

    image: Image
    labels: Labels
    preset: str


class Sessions:
    """An `Annotator` for each labels layer.

    Args:
        work: does what takes long.
        say: shows a sentence.
        telling: a context in which errors that the user can mend are told.
        show: is called when there is something new to show.
    """

    def __init__(
        self,
        work: Work,
        say: Callable[[str], None],
        telling: Callable[[], AbstractContextManager],
        show: Callable[[], None],
    ):
        self._work, self._say, self._telling, self._show = work, say, telling, show
        self._annotators: WeakKeyDictionary[Layer, Annotator] = WeakKeyDictionary()

    def of(self, labels: Labels | None) -> Annotator | None:
        """The annotator of a layer; None as long as there is no network for it."""
        return None if labels is None else self._annotators.get(labels)

    def open(self, chosen: Chosen, then: Callable[[Annotator], None]) -> None:
        """Calls `then` with the annotator of the chosen layers, after its session is opened, if it is not yet.

        A session is opened anew, with the same annotations, where the image, its scale or the network is another, or
        the network's process has ended.

        Raises:
            InputError: the layers cannot be used, or something else runs.
        """
        if self._work.running:
            raise InputError("Something is running: wait for it, or cancel it.")
        layers.check_over(chosen.labels, chosen.image)
        volume, known = layers.volume_of(chosen.image), self.of(chosen.labels)
        same = known and known.preset == chosen.preset and layers.same_volume(known.session.volume, volume)
        if same and known.session.alive:
            then(known)
            return

        def opened(session: RemoteSession) -> None:
            if known:
                annotator = known.moved(session, chosen.preset)
            else:
                annotator = Annotator(session, chosen.preset)
                session.names.update(layers.names_of(chosen.labels))
            self._annotators[chosen.labels] = annotator
            self._say("")
            self._show()
            then(annotator)

        self._say(f"The network {chosen.preset} is loaded…")
        self._work.start(lambda progress: open_session(chosen.preset, volume), opened)

    def revise(
        self,
        chosen: Chosen,
        what: Callable[[Annotator, np.ndarray], Revision],
        then: Callable[[Annotator], None],
    ) -> None:
        """Carries on what `what` makes of the labels (slice, row, column), shows it, and goes on with `then`.

        Where there is nothing to revise, `then` is called at once.

        Raises:
            InputError: as `open`.
        """
        labels = chosen.labels

        def opened(annotator: Annotator) -> None:
            with self._telling():
                revision = what(annotator, labels.data)
                if revision:
                    labels.refresh()  # `what` may have taken voxels away
                    self._say("")
                    self._work.start(
                        lambda progress: annotator.revise(revision, progress), lambda _: revised(annotator, revision)
                    )
                else:
                    self._say("Nothing new is drawn.")
                    then(annotator)

        def revised(annotator: Annotator, revision: Revision) -> None:
            changed = len(annotator.show(labels.data, revision))
            labels.refresh()
            self._say(f"{changed} {'slice has' if changed == 1 else 'slices have'} changed.")
            self._show()
            then(annotator)

        self.open(chosen, opened)
