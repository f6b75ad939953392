"""The nnInteractive protocol, version 2, as nninteractive-client 2.5 and 2.6 speak it.

Of what it knows, this server takes lassos and initial masks; it says so, and clients switch the rest off.
"""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, Field, ValidationError

from ifss_keras.core.errors import InputError
from ifss_keras.server.case import Case
from ifss_keras.server.leases import Lease
from ifss_keras.server.memory import Share
from ifss_keras.server.service import MASK_BYTES, Service
from ifss_keras.server.wire import ArrayHeader, pack, unpack

PROTOCOL = "2.6.0"  # the client that the tests drive
META, LEASE = "X-Meta", "X-Lease-Token"
ARRAY_PATHS = frozenset({"/set_image", "/add_lasso_interaction", "/add_initial_seg_interaction"})
REFUSED = ("/add_point_interaction", "/add_bbox_interaction", "/add_scribble_interaction")
BUFFER_KINDS = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")

router = APIRouter(tags=["nnInteractive"])


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
    return request.app.state.service


ServiceHere = Annotated[Service, Depends(service_of)]
Token = Annotated[str | None, Header(alias=LEASE)]


def living_lease(service: ServiceHere, token: Token = None) -> Lease:
    """The lease of a request that says no more than that the client lives."""
    return service.leases.find(token, active=False)


def active_lease(service: ServiceHere, token: Token = None) -> Lease:
    """The lease of a request by which a user does something."""
    return service.leases.find(token, active=True)


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


@router.get("/healthz")
async def healthz() -> dict:
    return {"ok": True}


@router.get("/capabilities")
async def capabilities(service: ServiceHere) -> dict:
    return {
        "supported_interactions": {
            "lasso": True,
            **dict.fromkeys(("points", "bbox2d", "bbox3d", "scribble"), False),
        },
        "channel_mapping": {"prev_seg": 0, "lasso": [1, 2]},
        "num_interaction_channels": 3,
        "supports_initial_label": True,
        "supports_zero_shot_label_refinement": False,
        "supports_undo": True,
        "preferred_scribble_thickness": [1, 1, 1],
        "interaction_decay": None,
        "patch_size": None,
        "do_autozoom": False,
        "inference_session_version": PROTOCOL,
        "license": service.settings.model["licence"],
        "model": service.settings.model,
    }


@router.post("/claim")
async def claim(service: ServiceHere) -> dict:
    lease, terms = service.leases.claim(), service.leases.terms
    return {
        "lease_token": lease.token,
        "idle_timeout_seconds": terms.idle_s,
        "liveness_timeout_seconds": terms.silent_s,
        "max_sessions": terms.most,
    }


@router.post("/release")
async def release(service: ServiceHere, token: Token = None) -> dict:
    service.end(token)
    return {"released": True}


@router.post("/heartbeat")
async def heartbeat(service: ServiceHere, lease: Living) -> dict:
    return {"remaining_seconds": service.leases.remaining_s(lease)}


@router.get("/lease_status")
async def lease_status(service: ServiceHere, lease: Living) -> dict:
    return {
        "remaining_seconds": service.leases.remaining_s(lease),
        "idle_timeout_seconds": service.leases.terms.idle_s,
    }


@router.post("/set_image")
async def set_image(request: Request, service: ServiceHere, lease: Active) -> dict:
    spacing_mm = _meta(request, ImageMeta).image_properties.spacing
    with service.memory.share() as share:
        packed = await _body(request, share)
        case = await service.do(lease, lambda: service.open_image(lease, packed, spacing_mm))
    return {"original_image_shape": [1, *case.image.shape]}


@router.post("/set_target_buffer")
async def set_target_buffer(buffer: Buffer, service: ServiceHere, lease: Active) -> dict:
    def cleared() -> dict:
        case = case_of(lease)
        if buffer.shape != case.image.shape or buffer.dtype not in BUFFER_KINDS:
            raise InputError(
                f"The target buffer is {buffer.dtype} of shape {buffer.shape}: expected whole numbers or bool of the "
                f"image's shape {case.image.shape}."
            )
        case.clear_buffer()
        return {}

    return await service.do(lease, cleared)


@router.post("/set_do_autozoom")
async def set_do_autozoom(lease: Active) -> dict:
    return {}  # there is nothing to zoom


@router.post("/reset_interactions")
async def reset_interactions(service: ServiceHere, lease: Active) -> dict:
    def begun() -> dict:
        if lease.case is not None:
            lease.case.begin_anew()
        return {}

    return await service.do(lease, begun)


@router.post("/undo")
async def undo(service: ServiceHere, lease: Active) -> Response:
    def undone() -> Response:
        case = case_of(lease)
        return _changes(case) if case.undo() else _nothing(ran=False)

    return await service.do(lease, undone)


@router.post("/predict")
async def predict(service: ServiceHere, lease: Active) -> Response:
    return await service.do(lease, lambda: _changes(case_of(lease)))


@router.post("/add_lasso_interaction")
async def add_lasso_interaction(request: Request, service: ServiceHere, lease: Active) -> Response:
    meta = _meta(request, MaskMeta)

    def drawn(case: Case, mask) -> Response:
        if mask.ndim != 3:
            raise InputError(f"The lasso has {mask.ndim} axes: expected three, as the image.")
        case.draw(mask, meta.interaction_bbox, adds=meta.include_interaction)
        return _changes(case) if meta.run_prediction else _nothing(ran=False)

    return await _with_mask(request, service, lease, drawn)


@router.post("/add_initial_seg_interaction")
async def add_initial_seg_interaction(request: Request, service: ServiceHere, lease: Active) -> Response:
    meta = _meta(request, SeedMeta)

    def seeded(case: Case, mask) -> Response:
        case.seed(mask)
        return _changes(case) if meta.run_prediction else _nothing(ran=False)

    return await _with_mask(request, service, lease, seeded)


async def refused(lease: Active) -> dict:
    raise InputError("This server takes lassos and initial masks alone: draw around the muscle on one slice.")


for _path in REFUSED:
    router.post(_path)(refused)


async def _with_mask(request: Request, service: Service, lease: Lease, work) -> Response:
    """The answer of `work` to the mask in a request, when the worker has come to it."""
    with service.memory.share() as share:
        packed = await _body(request, share)

        def worked() -> Response:
            case = case_of(lease)
            most_bytes = MASK_BYTES * case.image.size
            share.grow(min(most_bytes, ArrayHeader.of(packed).size_bytes))
            return work(case, unpack(packed, most_bytes))

        return await service.do(lease, worked)


async def _body(request: Request, share: Share) -> bytearray:
    """The body of a request, counted as it comes."""
    body = bytearray()
    async for piece in request.stream():
        share.grow(len(piece))
        body += piece
    return body


def _meta(request: Request, kind):
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


def _changes(case: Case) -> Response:
    """What the client has to draw anew."""
    change = case.changes()
    if change is None:
        return _nothing(ran=True)
    meta = {
        "ran_prediction": True,
        "bbox": change.box,
        "dtype": change.mask.dtype.name,
        "shape": change.mask.shape,
    }
    return _answer(meta, pack(change.mask))


def _nothing(*, ran: bool) -> Response:
    return _answer({"ran_prediction": ran, "bbox": None}, b"")


def _answer(meta: dict, body: bytes) -> Response:
    return Response(body, media_type="application/octet-stream", headers={META: json.dumps(meta)})
