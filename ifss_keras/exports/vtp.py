"""VTK's XML files of polygons (`.vtp`), without VTK.

Format: https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np

from ifss_keras.exports.meshes import LabelMesh

_TYPES = {"f4": "Float32", "i4": "Int32", "u1": "UInt8"}


def vtp_file(
    meshes: Sequence[LabelMesh], vertices: np.ndarray, faces: np.ndarray, label: np.ndarray, space: str
) -> bytes:
    """All labels in one file: code and colour of each triangle are cell data, codes, names and space field data.

    Args:
        meshes: the labels, in the order of their triangles.
        vertices: (vertex, 3) float32 in mm.
        faces: (triangle, 3) int32.
        label: (triangle,) int32, the code of each.
        space: "LPS" or "RAS".
    """
    file = ElementTree.Element(
        "VTKFile", type="PolyData", version="1.0", byte_order="LittleEndian", header_type="UInt64"
    )
    polygons = ElementTree.SubElement(file, "PolyData")
    fields = ElementTree.SubElement(polygons, "FieldData")
    _texts(fields, "SPACE", [space])
    _texts(fields, "LabelNames", [mesh.name for mesh in meshes])
    codes = np.array([mesh.code for mesh in meshes], np.int32)
    _numbers(fields, "LabelCodes", codes, NumberOfTuples=str(len(codes)))
    counts = {"NumberOfPoints": str(len(vertices)), "NumberOfPolys": str(len(faces))}
    piece = ElementTree.SubElement(polygons, "Piece", counts)
    cells = ElementTree.SubElement(piece, "CellData", Scalars="Label")
    _numbers(cells, "Label", label)
    _numbers(cells, "Color", np.array([mesh.colour for mesh in meshes], np.uint8)[np.searchsorted(codes, label)])
    _numbers(ElementTree.SubElement(piece, "Points"), "Points", vertices)
    polys = ElementTree.SubElement(piece, "Polys")
    _numbers(polys, "connectivity", faces.ravel())
    _numbers(polys, "offsets", np.arange(3, 3 * len(faces) + 1, 3, dtype=np.int32))
    return ElementTree.tostring(file, encoding="utf-8", xml_declaration=True)


def _numbers(parent: ElementTree.Element, name: str, values: np.ndarray, **more: str) -> None:
    """Adds (tuple,) or (tuple, component) numbers, their count of bytes before them, in base64."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    if values.ndim > 1:
        more["NumberOfComponents"] = str(values.shape[1])
    kind = _TYPES[values.dtype.str[1:]]
    element = ElementTree.SubElement(parent, "DataArray", type=kind, Name=name, format="binary", **more)
    element.text = base64.b64encode(np.uint64(little.nbytes).astype("<u8").tobytes() + little.tobytes()).decode()


def _texts(parent: ElementTree.Element, name: str, texts: Sequence[str]) -> None:
    """Adds texts: the numbers of their bytes in UTF-8, each text ended by a 0."""
    count = {"NumberOfTuples": str(len(texts))}
    element = ElementTree.SubElement(parent, "Array", type="String", Name=name, format="ascii", **count)
    element.text = " ".join(str(byte) for text in texts for byte in (*text.encode("utf-8", "replace"), 0))
