"""Mesh files read from their specifications, by nothing that wrote them: vertices, triangles, and what is told."""

import base64
import re
import struct
import zipfile
from xml.etree import ElementTree

import numpy as np

CORE = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"


def merged(corners):
    """Vertices and triangles of (triangle, 3, 3) corners, as those that read STL do: equal corners are one vertex."""
    vertices, faces = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return vertices, faces.reshape(-1, 3)


def read_stl(path):
    """Vertices, triangles, normals and header."""
    content = path.read_bytes()
    (count,) = struct.unpack_from("<I", content, 80)
    assert len(content) == 84 + 50 * count
    rows = np.frombuffer(content, np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")]), count, 84)
    return *merged(rows["v"]), rows["n"], content[:80].decode("ascii").rstrip()


def read_ply(path):
    """Vertices, triangles, label and colour of each, and the comments."""
    content = path.read_bytes()
    header, _, body = content.partition(b"end_header\n")
    lines = header.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    kinds = {"float": "<f4", "uchar": "u1", "int": "<i4"}
    elements, comments = [], []
    for line in lines[2:]:
        match line.split():
            case ["comment", *_]:
                comments.append(line.removeprefix("comment "))
            case ["element", name, count]:
                elements.append((name, int(count), []))
            case ["property", "list", "uchar", "int", name]:
                elements[-1][2].extend([("count", "u1"), (name, "<i4", 3)])
            case ["property", kind, name]:
                elements[-1][2].append((name, kinds[kind]))
    found, offset = {}, 0
    for name, count, fields in elements:
        dtype = np.dtype(fields)
        found[name] = np.frombuffer(body, dtype, count, offset)
        offset += count * dtype.itemsize
    assert offset == len(body)
    vertex, face = found["vertex"], found["face"]
    assert (face["count"] == 3).all()
    colours = np.stack([face[name] for name in ("red", "green", "blue")], axis=1)
    return np.stack([vertex[axis] for axis in "xyz"], axis=1), face["vertex_indices"], face["label"], colours, comments


def read_vtp(path):
    """Vertices, triangles, cell data and field data by name."""
    root = ElementTree.parse(path).getroot()
    assert root.attrib == {"type": "PolyData", "version": "1.0", "byte_order": "LittleEndian", "header_type": "UInt64"}
    piece = root.find("PolyData/Piece")
    points = _numbers(piece.find("Points/DataArray"))
    polys = {array.get("Name"): _numbers(array) for array in piece.find("Polys")}
    cells = {array.get("Name"): _numbers(array) for array in piece.find("CellData")}
    fields = {array.get("Name"): _field(array) for array in root.find("PolyData/FieldData")}
    count = int(piece.get("NumberOfPolys"))
    assert points.shape == (int(piece.get("NumberOfPoints")), 3)
    assert polys["offsets"].tolist() == [3 * (place + 1) for place in range(count)]
    assert piece.find("CellData").get("Scalars") == "Label"
    return points, polys["connectivity"].reshape(count, 3), cells, fields


def _numbers(element):
    content = base64.b64decode(element.text)
    (size,) = struct.unpack_from("<Q", content)
    assert size == len(content) - 8
    kind = {"Float32": "<f4", "Int32": "<i4", "UInt8": "u1"}[element.get("type")]
    values = np.frombuffer(content, kind, offset=8)
    columns = int(element.get("NumberOfComponents", 1))
    return values if columns == 1 else values.reshape(-1, columns)


def _field(element):
    if element.get("type") != "String":
        return _numbers(element).tolist()
    texts = bytes(map(int, element.text.split())).split(b"\0")
    assert texts.pop() == b""
    assert len(texts) == int(element.get("NumberOfTuples"))
    return [text.decode() for text in texts]


def read_3mf(path):
    """Name to vertices, triangles and colour of each object that is built, and the description."""
    with zipfile.ZipFile(path) as package:
        assert package.testzip() is None
        relations = package.read("_rels/.rels").decode()
        model = ElementTree.fromstring(package.read(re.search('Target="/([^"]+)"', relations)[1]))
        assert 'Extension="model"' in package.read("[Content_Types].xml").decode()
    assert model.get("unit") == "millimeter"
    resources = model.find(f"{CORE}resources")
    bases = {group.get("id"): list(group) for group in resources.iter(f"{CORE}basematerials")}
    built = [item.get("objectid") for item in model.find(f"{CORE}build")]
    found = {}
    for solid in resources.iter(f"{CORE}object"):
        assert solid.get("id") in built
        vertices = np.array([[float(row.get(axis)) for axis in "xyz"] for row in solid.iter(f"{CORE}vertex")])
        corners = ("v1", "v2", "v3")
        faces = np.array([[int(row.get(corner)) for corner in corners] for row in solid.iter(f"{CORE}triangle")])
        base = bases[solid.get("pid")][int(solid.get("pindex"))]
        assert base.get("name") == solid.get("name")
        found[solid.get("name")] = vertices, faces, base.get("displaycolor")
    return found, model.find(f"{CORE}metadata").text
