"""What the nnInteractive protocol has no words for: the next slice, what the muscles measure, and taking one out."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Query

from ifss_keras.inference.session import Session
from ifss_keras.inference.suggest import suggest as suggest_slices
from ifss_keras.server.exchange import Active, ServiceHere, case_of

router = APIRouter(prefix="/ifss", tags=["ifss_keras"])


@router.get("/suggest")
async def suggest(service: ServiceHere, lease: Active, count: Annotated[int, Query(ge=1, le=50)] = 3) -> dict:
    """The slices to annotate next, and what each is expected to gain."""
    return await service.do(lease, lambda: {"suggestions": suggestions(case_of(lease).session(), count)})


@router.get("/report")
async def report(service: ServiceHere, lease: Active) -> dict:
    """What every muscle measures: mL with interval, its area and how certain that is on each slice, its references."""

    def settled() -> dict:
        case_of(lease).settle()
        return measured(case_of(lease).session())

    return await service.do(lease, settled)


@router.delete("/muscles/{code}")
async def remove_muscle(code: int, service: ServiceHere, lease: Active) -> dict:
    """Takes a muscle out, for good: one that was drawn by mistake and left."""
    await service.do(lease, lambda: case_of(lease).remove(code))
    return {"muscles": case_of(lease).codes}


def suggestions(session: Session, count: int) -> list[dict[str, Any]]:
    """The next slices as JSON holds them."""
    found = suggest_slices(session.prediction(), count)
    return [{"slice": int(one.slice), "code": int(one.code), "gain": finite(float(one.gain))} for one in found]


def measured(session: Session) -> dict[str, Any]:
    """What is measured, as JSON holds it: that of `Prediction.to_dict`, and lists of one number for each slice."""
    prediction = session.prediction()
    held = prediction.to_dict()
    for summary, label in zip(prediction.summaries, held["labels"], strict=True):
        deviations, doubts = summary.area_deviations_mm2, summary.doubts
        label["areas_mm2"] = summary.areas_mm2.tolist()
        label["area_deviations_mm2"] = None if deviations is None else deviations.tolist()
        label["doubts"] = None if doubts is None else doubts.tolist()
    return finite(held)


def finite(value: Any) -> Any:
    """The same with None for every number that is none, which JSON has no word for."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
