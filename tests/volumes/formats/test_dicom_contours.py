"""Contours of structure sets as masks: closed forms, holes, shared edges, and what lies nowhere in the image."""

import matplotlib.path
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.volumes.annotation import read_annotation
from ifss_keras.volumes.formats.dicom.contours import filled
from ifss_keras.volumes.io import read_labels, read_volume
from tests.volumes.formats.dicom_files import save, slices, structure_set, write_series

SHAPE = (40, 30, 5)  # column, row, slice


@pytest.fixture
def image(tmp_path, oblique_affine):
    stored = np.random.default_rng(1).integers(0, 3000, SHAPE).astype(np.int16)
    return read_volume(write_series(tmp_path / "series", slices(stored, oblique_affine)))


def at(image, place, points):
    """(point, xyz) in RAS mm of points (row, column) in a slice, which may be a fraction."""
    points = np.asarray(points, float)
    return np.c_[np.full(len(points), place), points, np.ones(len(points))] @ image.affine[:3].T


def square(first, last):
    return [(first, first), (first, last), (last, last), (last, first)]


def circle(row, column, radius, count=720):
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.c_[row + radius * np.sin(angles), column + radius * np.cos(angles)]


def written(tmp_path, structures):
    return save(structure_set(structures), tmp_path / "contours.dcm")


def test_voxels_are_those_whose_centre_is_inside(tmp_path, image):
    contours = [at(image, 1, circle(14, 17, 9.3)), at(image, 3.4, square(2.5, 8.5))]
    path = written(tmp_path, {4: ("SOL", (1, 2, 3), contours), 9: ("GM", (4, 5, 6), [])})
    labels = read_labels(path, like=image)
    rows, columns = np.mgrid[:30, :40]
    expected = np.zeros(image.array.shape, np.uint8)
    expected[1][np.hypot(rows - 14, columns - 17) < 9.3] = 4
    expected[3, 3:9, 3:9] = 4
    np.testing.assert_array_equal(labels.array, expected)
    assert labels.source.names == {4: "SOL", 9: "GM"}
    assert labels.source.colours == {4: (1, 2, 3), 9: (4, 5, 6)}
    annotation = read_annotation(path, image)
    assert annotation.slices.tolist() == [1, 3]
    assert annotation.unannotated == ((9, "GM"),)


def test_a_contour_in_another_is_a_hole(tmp_path, image):
    contours = [at(image, 2, square(1.5, 9.5)), at(image, 2, square(3.5, 6.5)), at(image, 2, square(4.5, 5.5))]
    mask = read_labels(written(tmp_path, {1: ("ring", (0, 0, 0), contours)}), like=image).array[2]
    assert mask.sum() == 64 - 9 + 1
    assert mask[5, 5] == 1
    assert mask[4, 4] == 0


def test_structures_that_share_an_edge_share_no_voxel(tmp_path, image):
    first, second = [(3, 4), (3, 11), (9, 11)], [(3, 4), (9, 11), (9, 4)]  # through centres of voxels
    structures = {
        1: ("a", (0, 0, 0), [at(image, 0, first)]),
        2: ("b", (0, 0, 0), [at(image, 0, second)]),
    }
    plane = read_labels(written(tmp_path, structures), like=image).array[0]
    both = filled([np.array([(3, 4), (3, 11), (9, 11), (9, 4)], float)], plane.shape)
    assert both.sum() == 6 * 7
    np.testing.assert_array_equal(plane > 0, both)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 12), st.floats(-3, 15)), min_size=3, max_size=9))
def test_it_is_even_odd_as_by_matplotlib(points):
    points = np.array(points)
    crossing_free = np.round(points) + 0.25  # no centre on an edge's end; edges may still meet centres
    mask = filled([crossing_free], (9, 12))
    rows, columns = np.mgrid[:9, :12]
    centres = np.c_[rows.ravel(), columns.ravel()].astype(float)
    for centre, inside in zip(centres, mask.ravel(), strict=True):
        if _distance(centre, crossing_free) > 1e-9:
            assert inside == _winding(centre, crossing_free)


def _winding(point, polygon):
    """Even-odd by the triangles from the point: an odd number of them hold a far point's ray."""
    total = False
    for (r0, c0), (r1, c1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        triangle = matplotlib.path.Path([(-1e3, -1.37e3), (r0, c0), (r1, c1)])
        total ^= bool(triangle.contains_point(point))
    return total


def _distance(point, polygon):
    """To the nearest edge, or to a side of the triangles of `_winding`."""
    far = np.array([-1e3, -1.37e3])
    lines = [*zip(polygon, np.roll(polygon, -1, axis=0), strict=True), *((far, corner) for corner in polygon)]
    return min(_to_segment(point, *line) for line in lines)


def _to_segment(point, start, stop):
    along = stop - start
    share = np.clip((point - start) @ along / max(along @ along, 1e-30), 0, 1)
    return np.linalg.norm(point - start - share * along)


def test_what_cannot_be_placed_is_refused(tmp_path, image):
    def told(contour, kind=GeometryError, like=image):
        with pytest.raises(kind) as caught:
            read_labels(written(tmp_path, {1: ("SOL", (0, 0, 0), contour)}), like=like)
        return str(caught.value)

    assert "has a contour of SOL in slice 5 of the image: expected 0 to 4" in told([at(image, 4.6, square(1, 5))])
    assert "leaves the plane of a slice by 4 slices" in told(
        [np.r_[at(image, 0, square(1, 5)), at(image, 4, [(3, 3)])]]
    )
    assert "holds no closed contour" in told([], InputError)
    assert "expected the image they were drawn on" in told([at(image, 1, square(1, 5))], InputError, None)
    overlap = {n: (f"m{n}", (0, 0, 0), [at(image, 1, square(n + 0.5, n + 4.5))]) for n in (1, 2)}
    with pytest.raises(InputError, match=r"overlapping structures, m1 and m2: .* received 9 voxels"):
        read_labels(written(tmp_path, overlap), like=image)


def test_numbers_below_one_are_counted_anew(tmp_path, image):
    structures = {n: (f"m{n}", (0, 0, 0), [at(image, n, square(1.5, 4.5))]) for n in (0, 3)}
    labels = read_labels(written(tmp_path, structures), like=image)
    assert labels.source.names == {1: "m0", 2: "m3"}
    assert labels.array[3].max() == 2
