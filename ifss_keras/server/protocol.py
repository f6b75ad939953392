"""The nnInteractive protocol, version 2, as nninteractive-client 2.5 and 2.6 speak it.

Of what it knows, this server takes lassos and initial masks; it says so, and clients switch the rest off.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ifss_keras.core.errors import InputError
from ifss_keras.server.case import Case
from ifss_keras.server.exchange import (
    Active,
    Buffer,
    ImageMeta,
    Living,
    MaskMeta,
    SeedMeta,
    ServiceHere,
    Token,
    body_of,
    case_of,
    changes_of,
    meta_of,
    nothing,
    with_mask,
)

PROTOCOL = "2.6.0"  # the client that the tests drive
ARRAY_PATHS = frozenset({"/set_image", "/add_lasso_interaction", "/add_initial_seg_interaction"})
REFUSED = ("/add_point_interaction", "/add_bbox_interaction", "/add_scribble_interaction")
BUFFER_KINDS = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")

router = APIRouter(tags=["nnInteractive"])


@router.get("/healthz")
async def healthz() -> dict:
    """Whether the server answers."""
    return {"ok": True}


@router.get("/capabilities")
async def capabilities(service: ServiceHere) -> dict:
    """Which prompts there are, and the model with its licence."""
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
    """A place on the server, for as long as the client lives."""
    lease, terms = service.leases.claim(), service.leases.terms
    return {
        "lease_token": lease.token,
        "idle_timeout_seconds": terms.idle_s,
        "liveness_timeout_seconds": terms.silent_s,
        "max_sessions": terms.most,
    }


@router.post("/release")
async def release(service: ServiceHere, token: Token = None) -> dict:
    """Leaves; once more does nothing."""
    service.end(token)
    return {"released": True}


@router.post("/heartbeat")
async def heartbeat(service: ServiceHere, lease: Living) -> dict:
    """The client lives."""
    return {"remaining_seconds": service.leases.remaining_s(lease)}


@router.get("/lease_status")
async def lease_status(service: ServiceHere, lease: Living) -> dict:
    """How long the place is kept if its user does nothing."""
    return {
        "remaining_seconds": service.leases.remaining_s(lease),
        "idle_timeout_seconds": service.leases.terms.idle_s,
    }


@router.post("/set_image")
async def set_image(request: Request, service: ServiceHere, lease: Active) -> dict:
    """Takes an image, packed in the body; one that was annotated before comes with all that was drawn."""
    spacing_mm = meta_of(request, ImageMeta).image_properties.spacing
    with service.memory.share() as share:
        packed = await body_of(request, share)
        case = await service.do(lease, lambda: service.open_image(lease, packed, spacing_mm))
    return {"original_image_shape": [1, *case.image.shape]}


@router.post("/set_target_buffer")
async def set_target_buffer(buffer: Buffer, service: ServiceHere, lease: Active) -> dict:
    """The client shows nothing on this image now."""

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
    """Taken and left: there is nothing to zoom."""
    return {}


@router.post("/reset_interactions")
async def reset_interactions(service: ServiceHere, lease: Active) -> dict:
    """Leaves the current muscle for the next, or for itself once more."""

    def begun() -> dict:
        if lease.case is not None:
            lease.case.begin_anew()
        return {}

    return await service.do(lease, begun)


@router.post("/undo")
async def undo(service: ServiceHere, lease: Active) -> Response:
    """Takes the last lasso or mask of the current muscle back."""

    def undone() -> Response:
        case = case_of(lease)
        return changes_of(case) if case.undo() else nothing(ran=False)

    return await service.do(lease, undone)


@router.post("/predict")
async def predict(service: ServiceHere, lease: Active) -> Response:
    """What changed since the client last asked, brought to what `ifss predict` gives of the same references."""

    def settled() -> Response:
        case_of(lease).settle()
        return changes_of(case_of(lease))

    return await service.do(lease, settled)


@router.post("/add_lasso_interaction")
async def add_lasso_interaction(request: Request, service: ServiceHere, lease: Active) -> Response:
    """Takes a lasso on one slice, packed in the body, and carries it on."""
    meta = meta_of(request, MaskMeta)

    def drawn(case: Case, mask) -> Response:
        if mask.ndim != 3:
            raise InputError(f"The lasso has {mask.ndim} axes: expected three, as the image.")
        case.draw(mask, meta.interaction_bbox, adds=meta.include_interaction)
        return changes_of(case) if meta.run_prediction else nothing(ran=False)

    return await with_mask(request, service, lease, drawn)


@router.post("/add_initial_seg_interaction")
async def add_initial_seg_interaction(request: Request, service: ServiceHere, lease: Active) -> Response:
    """Takes the mask that the client begins with, packed in the body."""
    meta = meta_of(request, SeedMeta)

    def seeded(case: Case, mask) -> Response:
        case.seed(mask)
        return changes_of(case) if meta.run_prediction else nothing(ran=False)

    return await with_mask(request, service, lease, seeded)


async def refused(lease: Active) -> dict:
    """Says that there is no such prompt."""
    raise InputError("This server takes lassos and initial masks alone: draw around the muscle on one slice.")


for _path in REFUSED:
    router.post(_path)(refused)
