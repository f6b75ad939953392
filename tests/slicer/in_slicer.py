"""Run by a Python that has slicer-core: what 3D Slicer's own code reads from files, as JSON and arrays.

python in_slicer.py FOLDER FILE ...: FOLDER gets NAME.npy for each file, stdout one JSON object by file name.
"""

import json
import sys
from pathlib import Path

import numpy as np
import slicer
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkFiltersCore import vtkMassProperties


def matrix_of(ask):
    """(4, 4) as a method of Slicer's fills it in."""
    held = vtkMatrix4x4()
    ask(held)
    return [[held.GetElement(row, column) for column in range(4)] for row in range(4)]


def voxels_of(image):
    """(k, j, i) of a VTK image, in its own extent."""
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def read_with(scene, storage, node, path):
    scene.AddNode(storage)
    scene.AddNode(node)
    storage.SetFileName(str(path))
    if not storage.ReadData(node):
        raise SystemExit(f"Slicer cannot read {path}")
    return node


def read_labelmap(scene, path):
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    node = read_with(scene, storage, slicer.vtkMRMLLabelMapVolumeNode(), path)
    return voxels_of(node.GetImageData()), {"ijk_to_ras": matrix_of(node.GetIJKToRASMatrix)}


def read_segmentation(scene, path):
    """The merged voxels, on the grid that the first segment's labelmap is on, which all share here."""
    storage = slicer.vtkMRMLSegmentationStorageNode()
    segmentation = read_with(scene, storage, slicer.vtkMRMLSegmentationNode(), path).GetSegmentation()
    segments, merged, matrix = [], None, None
    for place in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(place)
        image = segment.GetRepresentation("Binary labelmap")
        held = voxels_of(image) == segment.GetLabelValue()
        merged = np.zeros(held.shape, np.int32) if merged is None else merged
        merged[held] = segment.GetLabelValue()
        matrix = matrix_of(image.GetImageToWorldMatrix)
        volume_ml = np.count_nonzero(held) * abs(np.linalg.det(np.array(matrix)[:3, :3])) / 1000
        segments.append(
            {
                "name": segment.GetName(),
                "value": segment.GetLabelValue(),
                "colour": list(segment.GetColor()),
                "volume_ml": volume_ml,
            }
        )
    return merged, {"ijk_to_ras": matrix, "extent": list(image.GetExtent()), "segments": segments}


def read_model(scene, path):
    """The points in RAS, as they lie in the scene."""
    node = read_with(scene, slicer.vtkMRMLModelStorageNode(), slicer.vtkMRMLModelNode(), path)
    surface = node.GetPolyData()
    measured = vtkMassProperties()
    measured.SetInputData(surface)
    cells = surface.GetCellData()
    arrays = {cells.GetArrayName(place): None for place in range(cells.GetNumberOfArrays())}
    told = {"volume_ml": measured.GetVolume() / 1000, "triangles": surface.GetNumberOfPolys(), "arrays": list(arrays)}
    return vtk_to_numpy(surface.GetPoints().GetData()), told


def main(folder, paths):
    scene, told = slicer.vtkMRMLScene(), {}
    for path in map(Path, paths):
        if path.name.endswith(".seg.nrrd"):
            read = read_segmentation
        else:
            read = read_model if path.suffix in (".stl", ".ply", ".vtp") else read_labelmap
        array, told[path.name] = read(scene, path)
        np.save(Path(folder) / f"{path.name}.npy", array)
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
