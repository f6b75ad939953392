"""The page: everything of a report in one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from ifss_keras.report.pictures import Picture
from ifss_keras.report.tables import definitions
from ifss_keras.report.viewer import Shown, viewer_json

MOST_BYTES = 8_000_000


def render_page(shown: Shown, pictures: Sequence[Picture], **context: Any) -> str:
    """The page, of at most `MOST_BYTES`; what is left out of the context has no part in it.

    Args:
        shown: in the viewer, as fine as there is room for.
        pictures: below it.
        context: title, subject, whom, facts, volumes, warnings, remarks, evaluation.
    """
    rest = _rendered(pictures, "", 1, context)
    data, stride = viewer_json(shown, MOST_BYTES - len(rest.encode("utf-8", "replace")))
    return _rendered(pictures, data, stride, context)


def _rendered(pictures: Sequence[Picture], data: str, stride: int, context: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("ifss_keras.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script, style = (_template(name) for name in ("viewer.js", "report.css"))
    return environment.get_template("report.html").render(
        {"volumes": (), "warnings": (), "remarks": (), "evaluation": (), "whom": None, "definitions": definitions()}
        | context,
        pictures=pictures,
        script=Markup(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        style=Markup(style),
        viewer_data=Markup(data),
        viewer_note=_stride_note(stride),
    )


def _template(name: str) -> str:
    return (files("ifss_keras.report") / "templates" / name).read_text(encoding="utf-8")


def _stride_note(stride: int) -> str:
    if stride == 1:
        return ""
    return (
        f"So that the page stays small, one slice of {stride} is shown here, with annotated and least sure ones beside "
        "these unless they are many."
    )
