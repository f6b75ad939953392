"""3D Manufacturing Format files (`.3mf`), with names and colours, which trimesh does not write.

Format: https://github.com/3MFConsortium/spec_core (3MF Core Specification, 1.3)
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import quoteattr

import numpy as np

from ifss_keras.core.colours import hex_colour
from ifss_keras.exports.meshes import LabelMesh

_MODEL = "3D/3dmodel.model"
_ROWS = 4096
_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="rel0" Target="/{_MODEL}" '
    'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)


def threemf_file(meshes: Sequence[LabelMesh], vertices: Sequence[np.ndarray], space: str) -> bytes:
    """One object for each label, named and coloured; the same labels make the same bytes.

    Args:
        meshes: the labels.
        vertices: of each, (vertex, 3) float32 in mm.
        space: "LPS" or "RAS", told in the description.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        for name, content in (("[Content_Types].xml", _TYPES), ("_rels/.rels", _RELATIONS)):
            package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        entry = zipfile.ZipInfo(_MODEL)  # without a date
        entry.compress_type = zipfile.ZIP_DEFLATED
        with package.open(entry, "w", force_zip64=True) as model:
            for part in _model(meshes, vertices, space):
                model.write(part.encode("utf-8", "replace"))
    return packed.getvalue()


def _model(meshes: Sequence[LabelMesh], vertices: Sequence[np.ndarray], space: str) -> Iterator[str]:
    """The text of the model, piece by piece: a tree of elements would take a hundred times the memory of the mesh."""
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<model xmlns="{_CORE}" unit="millimeter" xml:lang="en-US">'
    yield f'<metadata name="Description">SPACE={space}</metadata><resources><basematerials id="1">'
    for mesh in meshes:
        yield f'<base name={quoteattr(mesh.name)} displaycolor="{hex_colour(mesh.colour)}"/>'
    yield "</basematerials>"
    for place, (mesh, points) in enumerate(zip(meshes, vertices, strict=True)):
        yield f'<object id="{place + 2}" name={quoteattr(mesh.name)} type="model" pid="1" pindex="{place}"><mesh>'
        yield "<vertices>"
        yield from _rows('<vertex x="{:.9g}" y="{:.9g}" z="{:.9g}"/>', points)
        yield "</vertices><triangles>"
        yield from _rows('<triangle v1="{}" v2="{}" v3="{}"/>', mesh.faces)
        yield "</triangles></mesh></object>"
    items = "".join(f'<item objectid="{place + 2}"/>' for place in range(len(meshes)))
    yield f"</resources><build>{items}</build></model>"


def _rows(form: str, rows: np.ndarray) -> Iterator[str]:
    """Each row in a form, some thousand at a time."""
    for begin in range(0, len(rows), _ROWS):
        yield "".join(form.format(*row) for row in rows[begin : begin + _ROWS].tolist())
