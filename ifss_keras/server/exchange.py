"""What requests of the nnInteractive protocol say, whose they are, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, TypeVar

import numpy as np
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel, Field, ValidationError

from ifss_keras.core.errors import InputError
from ifss_keras.server.case import Case
from ifss_keras.server.leases import Lease
from ifss_keras.server.memory import Share
from ifss_keras.server.service import MASK_BYTES, Service
from ifss_keras.server.wire import ArrayHeader, pack, unpack

META, LEASE = "X-Meta", "X-Lease-Token"

Meta = TypeVar("Meta", bound=BaseModel)


class ImageProperties(BaseModel):
    """What a client says of an image: its spacing in mm along the three axes."""

    spacing: tuple[float, float, float] | None = None


class ImageMeta(BaseModel):
    """Beside an image."""

    image_properties: ImageProperties = ImageProperties()


class MaskMeta(BaseModel):
    """Beside a lasso: whether it adds, whether the result is wanted at once, and the box that it lies in."""

    include_interaction: bool
    run_prediction: bool = True
    interaction_bbox: tuple[tuple[int, int], tuple[int, int], tuple[int, int]] | None = None


class SeedMeta(BaseModel):
    """Beside an initial mask."""

    run_prediction: bool = False


class Buffer(BaseModel):
    """The array that a client keeps its mask in."""

    shape: tuple[int, int, int]
    dtype: str = Field(max_length=20)


def service_of(request: Request) -> Service:
    """What all clients share."""
    return request.app.state.service


ServiceHere = Annotated[Service, Depends(service_of)]
Token = Annotated[str | None, Header(alias=LEASE)]


def living_lease(service: ServiceHere, token: Token = None) -> Lease:
    """The lease of a request that says no more than that the client lives."""
    return service.leases.find(_given(token), active=False)


def active_lease(service: ServiceHere, token: Token = None) -> Lease:
    """The lease of a request by which a user does something."""
    return service.leases.find(_given(token), active=True)


def _given(token: str | None) -> str:
    """The token of a request; one without a token has no session that could have ended, so it is not told that."""
    if not token:
        raise InputError(
            f"The request carries no lease: expected the header {LEASE} with a token; POST /claim gives one."
        )
    return token


Living = Annotated[Lease, Depends(living_lease)]
Active = Annotated[Lease, Depends(active_lease)]


def case_of(lease: Lease) -> Case:
    """The image of a lease.

    Raises:
        InputError: it has none yet.
    """
    if lease.case is None:
        raise InputError("There is no image yet: send one first.")
    return lease.case


async def with_mask(
    request: Request, service: Service, lease: Lease, work: Callable[[Case, np.ndarray], Response]
) -> Response:
    """The answer of `work` to the mask in a request, when the worker has come to it."""
    with service.memory.share() as share:
        packed = await body_of(request, share)

        def worked() -> Response:
            case = case_of(lease)
            most_bytes = MASK_BYTES * case.image.size
            share.grow(min(most_bytes, ArrayHeader.of(packed).size_bytes))
            return work(case, unpack(packed, most_bytes))

        return await service.do(lease, worked)


async def body_of(request: Request, share: Share) -> bytearray:
    """The body of a request, counted as it comes."""
    body = bytearray()
    async for piece in request.stream():
        share.grow(len(piece))
        body += piece
    return body


def meta_of(request: Request, kind: type[Meta]) -> Meta:
    """What the header of a request says beside the array in its body.

    Raises:
        InputError: it does not say what is needed.
    """
    try:
        return kind.model_validate_json(request.headers.get(META, "{}"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or META
        raise InputError(f"The header {META} cannot be used: {where}: {first['msg']}.") from None


def changes_of(case: Case) -> Response:
    """What the client has to draw anew."""
    change = case.changes()
    if change is None:
        return nothing(ran=True)
    meta = {
        "ran_prediction": True,
        "bbox": change.box,
        "dtype": change.mask.dtype.name,
        "shape": change.mask.shape,
    }
    return _answer(meta, pack(change.mask))


def nothing(*, ran: bool) -> Response:
    """That there is nothing to draw anew, and whether anything was done."""
    return _answer({"ran_prediction": ran, "bbox": None}, b"")


def _answer(meta: dict, body: bytes) -> Response:
    return Response(body, media_type="application/octet-stream", headers={META: json.dumps(meta)})
