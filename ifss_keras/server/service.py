"""What all clients of a server share: its network, its memory, its workspace, and the one worker that draws."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import GB
from ifss_keras.server.case import Case
from ifss_keras.server.leases import GoneError, Lease, Leases, Terms
from ifss_keras.server.memory import Memory
from ifss_keras.server.wire import ArrayHeader, unpack
from ifss_keras.server.workspace import Workspace
from ifss_keras.volumes.volume import check_extent, check_spacing_mm, check_voxels

LOG = logging.getLogger("ifss_keras.server")
TICK_S = 1.0
QUIET_S = 20.0  # after which the masks of an image are written
DRAWING_BYTES = 16  # for each voxel beside the image itself: its label, what the client was shown, the network's work
MASK_BYTES = 8  # for each voxel of a mask that a client sends, at most
ORDER = "along the first, second and third axis"  # of the image as it came: across which its slices lie is said later

T = TypeVar("T")


class ElsewhereError(Exception):
    """Another client works on this image."""


@dataclass(frozen=True)
class Settings:
    """How a server is to serve.

    Attributes:
        workspace: a folder that is there.
        memory_gb: that the images of all clients may take.
        api_key: that clients must know; None: anybody may.
        hosts: names that a request may call the server by; None: any.
        terms: of the leases.
        model: what clients are told of the network: `id`, `licence` and the like.
    """

    workspace: Path
    memory_gb: float
    model: dict[str, Any]
    api_key: str | None = None
    hosts: frozenset[str] | None = None
    terms: Terms = field(default_factory=Terms)


class Service:
    """What all clients of a server share.

    Whatever touches an image is done by one worker, a piece after the other in the order it came, while the event loop
    goes on answering heartbeats.

    Args:
        predictor: that opens a `Session`.
        settings: see `Settings`.
    """

    def __init__(self, predictor, settings: Settings):
        self.settings = settings
        self.memory = Memory(int(settings.memory_gb * GB))
        self.leases = Leases(settings.terms)
        self._predictor = predictor
        self._workspace = Workspace(settings.workspace)
        self._worker = ThreadPoolExecutor(1, "ifss-worker")

    async def do(self, lease: Lease, work: Callable[[], T]) -> T:
        """What `work` gives, when the worker has come to it.

        Raises:
            GoneError: the lease has ended meanwhile.
        """

        def unless_ended() -> T:
            if lease.ended:
                raise GoneError
            return work()

        lease.work += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, unless_ended)
        finally:
            lease.work -= 1
            self.leases.touch(lease)

    def open_image(self, lease: Lease, packed: bytes, spacing_mm: tuple[float, float, float] | None) -> Case:
        """Takes the image that a client sends; for the worker.

        Args:
            lease: whose image it becomes, in place of the one before.
            packed: four axes, the first of them of size 1.
            spacing_mm: along the three others; None if the client does not say: 1 mm.

        Raises:
            InputError: it is no volume, or too large.
            TakenError: others have the memory.
            ElsewhereError: another client works on it.
        """
        header = ArrayHeader.of(packed)
        if len(header.shape) != 4 or header.shape[0] != 1:
            raise InputError(f"The image has shape {header.shape}: expected one channel and three axes, (1, x, y, z).")
        share = self.memory.share()
        share.grow(header.size_bytes + DRAWING_BYTES * header.size_bytes // header.dtype.itemsize)
        try:
            image = unpack(packed, header.size_bytes)[0]
            check_voxels(image, "The image")
            spacing_mm = check_spacing_mm(spacing_mm or (1.0, 1.0, 1.0), ORDER)
            check_extent(image.shape, spacing_mm, "The image", ORDER)
            folder = self._workspace.folder_of(image, spacing_mm)
            if self.leases.working_on(folder.path) not in (None, lease):
                raise ElsewhereError
            case = Case(image, spacing_mm, self._predictor, folder)
        except BaseException:
            share.give_back()
            raise
        self._put_away(lease)
        lease.case, lease.share = case, share
        return case

    def end(self, token: str | None) -> None:
        """Ends a lease, if there is one of this token."""
        lease = self.leases.end(token)
        if lease is not None:
            self._worker.submit(self._put_away, lease)

    async def keep_house(self) -> None:
        """Ends leases that are overdue and writes masks where nothing is drawn, until it is cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            for lease in self.leases.end_overdue():
                LOG.info("A client has gone or sat idle: its place is free; its work is in the workspace.")
                self._worker.submit(self._put_away, lease)
            for lease in self.leases.quiet(QUIET_S):
                self._worker.submit(_write_labels, lease.case)

    async def close(self) -> None:
        """Ends all leases when what is being drawn is done."""
        for lease in self.leases.end_all():
            self._worker.submit(self._put_away, lease)
        await asyncio.get_running_loop().run_in_executor(None, self._worker.shutdown)

    @staticmethod
    def _put_away(lease: Lease) -> None:
        if lease.case is not None:
            _write_labels(lease.case)
            lease.share.give_back()
        lease.case = lease.share = None


def _write_labels(case: Case | None) -> None:
    try:
        if case is not None:
            case.write_labels()
    except Exception as error:  # the references are written: the masks can be made again
        LOG.warning("The masks of %s could not be written: %s", case.folder.path, error)
