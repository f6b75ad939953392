"""Synthetic volumes: the same seed is the same leg at any size, muscles end inside, borders obey the beam."""

from dataclasses import fields

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.synthetic import SHIFTED, TRAINING, calf, random_shapes
from ifss_keras.synthetic.anatomy import ENDS, Calf
from ifss_keras.synthetic.fields import (
    SmoothField,
    pixel_centres,
    random_wave,
    resampling_matrix,
    spline_basis,
)
from ifss_keras.synthetic.ultrasound import Ultrasound, facing

CODES = {100: "SOL", 150: "GM", 200: "GL"}
MAKERS = {
    "training": calf,
    "shifted": lambda *args, **kwargs: calf(*args, appearance="shifted", **kwargs),
    "shapes": random_shapes,
}


@pytest.fixture(scope="module")
def leg():
    return calf(3, slices=40, size=64, length_mm=100.0)


def anatomy_labels(seed, ends):
    anatomy = Calf(seed, 200.0, ends)
    centres = pixel_centres(64, anatomy.fov_mm)
    return np.stack([anatomy.labels(float(z_mm), centres, centres) for z_mm in pixel_centres(160, 200.0)])


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_same_arguments_same_bytes_and_other_seed_other_volume(maker):
    first, again, other = (maker(seed, slices=10, size=48, length_mm=60.0) for seed in (5, 5, 6))
    assert first.image.dtype == first.labels.dtype == np.uint8
    assert first.image.tobytes() == again.image.tobytes()
    assert first.labels.tobytes() == again.labels.tobytes()
    assert first.spacing_mm == again.spacing_mm
    assert not np.array_equal(first.image, other.image)
    assert not np.array_equal(first.labels, other.labels)
    assert first.image.std() > 5


def test_codes_names_and_spacing(leg):
    assert leg.names == CODES
    assert set(np.unique(leg.labels)) == {0, *CODES}
    assert leg.spacing_mm[0] == pytest.approx(2.5)
    assert leg.spacing_mm[1] == leg.spacing_mm[2]
    assert 95 <= 64 * leg.spacing_mm[1] <= 120
    shapes = random_shapes(1, slices=40, size=64)
    assert set(np.unique(shapes.labels)) == {0, *shapes.names}


@pytest.mark.parametrize(("maker", "seed"), [(calf, 3), (calf, 8), (random_shapes, 2)])
def test_two_sizes_show_the_same_phantom(maker, seed):
    fine, coarse = (maker(seed, slices=16, size=size, length_mm=80.0) for size in (288, 96))
    assert 3 * fine.spacing_mm[1] == pytest.approx(coarse.spacing_mm[1])
    # Every third fine pixel, from the second on, has the centre of a coarse one.
    inner = fine.labels[:, 1::3, 1::3]
    for code in coarse.names:
        assert dice(inner == code, coarse.labels == code) > 0.99
        volumes = [np.count_nonzero(p.labels == code) * np.prod(p.spacing_mm) for p in (fine, coarse)]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.01)
    means = fine.image.reshape(16, 96, 3, 96, 3).mean((2, 4))
    assert np.corrcoef(means.ravel(), coarse.image.ravel())[0, 1] > 0.97


def test_more_slices_interpolate_the_same_planes():
    few, many = (calf(4, slices=slices, size=40, length_mm=50.0).image.astype(float) for slices in (40, 80))
    # 50 mm hold 40 planes; of 80 slices, every even one lies a quarter plane before a plane.
    expected = 0.25 * few[:-1] + 0.75 * few[1:]
    np.testing.assert_allclose(many[2::2], expected, atol=1.01)
    assert np.abs(np.diff(few, axis=0)).mean() > 2


def test_a_plane_does_not_depend_on_the_planes_before_it():
    anatomy = Calf(2, 60.0)
    look = TRAINING.draw(np.random.default_rng(0))
    forwards, alone = Ultrasound(2, anatomy, look), Ultrasound(2, anatomy, look)
    planes = [forwards.plane(index) for index in range(13)]
    np.testing.assert_array_equal(alone.plane(12), planes[12])


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("seed", range(4))
def test_muscles_end_inside_and_at_their_own_places(seed, ends):
    labels = anatomy_labels(seed, ends)
    ends = set()
    for code in CODES:
        present = np.flatnonzero((labels == code).any((1, 2)))
        assert present[0] > 1
        assert present[-1] < 158
        assert np.all(np.diff(present) == 1)
        ends.add((present[0], present[-1]))
        inside = labels == code
        assert not inside[:, [0, -1]].any()
        assert not inside[:, :, [0, -1]].any()
    assert len(ends) == 3


@pytest.mark.parametrize("seed", range(6))
def test_shapes_end_inside(seed):
    phantom = random_shapes(seed, slices=40, size=48)
    assert 1 <= len(phantom.names) <= 3
    assert not phantom.labels[[0, -1]].any()
    assert (phantom.labels == 1).any()


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("seed", range(3))
def test_muscles_keep_a_gap(seed, ends):
    """Between any two muscles, in every column, lies connective tissue: the soleus below, septum between."""
    anatomy = Calf(seed, 200.0, ends)
    for z_mm in (40.0, 77.0, 111.0):
        b = anatomy.borders(z_mm)
        soleus = b.sol_bottom > b.sol_top
        for top, bottom in ((b.gm_top, b.gm_bottom), (b.gl_top, b.gl_bottom)):
            muscle = bottom > top
            assert muscle.any()
            assert np.all((b.sol_top - bottom)[soleus & muscle] > 0.8)
            assert (top - b.fascia)[muscle].min() > 0.8
        assert not ((b.gm_bottom > b.gm_top) & (b.gl_bottom > b.gl_top)).any()


@pytest.mark.parametrize(("ends", "most"), [("blunt", 0.12), ("tapering", 0.15)])
@pytest.mark.parametrize("seed", range(3))
def test_areas_are_those_of_a_calf_and_change_smoothly(seed, ends, most):
    labels = anatomy_labels(seed, ends)
    pixel_cm2 = (Calf(seed, 200.0).fov_mm / 64) ** 2 / 100
    for code in CODES:
        areas = np.count_nonzero(labels == code, axis=(1, 2)) * pixel_cm2
        assert 3 < areas.max() < 30
        inner = areas[np.flatnonzero(areas)][1:-1]
        assert np.abs(np.diff(inner)).max() < most * areas.max()


def test_shifted_ranges_lie_outside_the_training_ranges():
    for field in fields(TRAINING):
        for low, high in getattr(SHIFTED, field.name):
            assert low < high
            for training_low, training_high in getattr(TRAINING, field.name):
                assert training_low < training_high
                assert high < training_low or low > training_high, field.name


def test_appearance_leaves_the_anatomy_alone():
    seen, shifted = (calf(9, slices=12, size=48, appearance=name) for name in ("training", "shifted"))
    np.testing.assert_array_equal(seen.labels, shifted.labels)
    assert np.abs(seen.image.astype(float) - shifted.image).mean() > 5


def test_facing_is_a_gaussian_lobe_around_the_nearest_beam():
    angles = np.array([0.0, 0.3, -0.3, 0.6])
    np.testing.assert_allclose(facing(angles, (0.0,), 0.3), np.exp([0, -0.5, -0.5, -2]))
    np.testing.assert_allclose(facing(angles, (0.0, 0.6), 0.3), np.exp([0, -0.5, -0.5, 0]))


def test_aponeuroses_shine_where_they_face_the_beam():
    """Mean echo in dB along the lower borders of the gastrocnemii, with nothing else drawn, none faint."""
    facing_db, turned_db = [], []
    for seed in range(4):
        anatomy = Calf(seed, 200.0)
        ultrasound = Ultrasound(seed, anatomy, TRAINING.draw(np.random.default_rng(seed)))
        ultrasound._faint = 9.0
        ultrasound._jitter_mm = 0.0
        ultrasound._tissue_db = lambda z_mm, rows, skin, tissue: np.zeros_like(rows)
        ultrasound._shade = lambda z_mm, rows, heights, echo: echo
        centres = pixel_centres(ultrasound.size, anatomy.fov_mm)
        for index in (50, 65, 80):
            z_mm = float(pixel_centres(ultrasound.planes, 200.0)[index])
            borders, echo_db = anatomy.borders(z_mm), ultrasound._echo_db(index)
            entry, _ = anatomy.lookup(z_mm, centres[:, None], centres[None, :])
            angle = {
                name: np.degrees(np.arctan(np.gradient(curve, anatomy.table_step_mm)))
                for name, curve in borders.curves().items()
            }
            for name in ("gm", "gl"):
                top, bottom = getattr(borders, f"{name}_top"), getattr(borders, f"{name}_bottom")
                line = (np.abs(centres[:, None] - bottom[entry]) < 0.7) & (bottom > top + 3)[entry]
                turned = np.abs(angle[f"{name}_bottom"] - angle["skin"])[entry]
                facing_db.append(echo_db[line & (turned < 8)])
                turned_db.append(echo_db[line & (turned > 55)])
    facing_db, turned_db = np.concatenate(facing_db), np.concatenate(turned_db)
    assert min(len(facing_db), len(turned_db)) > 100
    assert facing_db.mean() > turned_db.mean() + 4


def test_log_compression_of_a_uniform_medium_has_rayleigh_statistics():
    """Fully developed speckle has a standard deviation of 5.57 dB, whatever the point-spread function."""
    anatomy = Calf(1, 60.0)
    ultrasound = Ultrasound(1, anatomy, TRAINING.draw(np.random.default_rng(1)))
    ultrasound._averaging = 0.0
    ultrasound._echo_db = lambda index: np.zeros((ultrasound.size, ultrasound.size), np.float32)
    ultrasound._compress = lambda level_db: level_db
    level = np.stack([ultrasound.plane(index)[8:-8, 8:-8] for index in (2, 12, 22, 32)])
    assert level.std() == pytest.approx(5.57, abs=0.15)
    assert np.mean(10 ** (level / 10)) == pytest.approx(1.0, abs=0.05)


def test_spline_basis_is_a_partition_of_unity_and_reproduces_lines():
    positions = np.linspace(0, 11.9, 57)
    basis = spline_basis(positions, 2.0, 9)
    np.testing.assert_allclose(basis.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(basis @ (2.0 * np.arange(-1, 8)), positions, atol=1e-4)


def test_smooth_field_has_unit_variance_and_waves_too():
    rng = np.random.default_rng(0)
    field = SmoothField(rng, (100, 100, 100), (3, 3, 3)).on(np.arange(5, 95, 0.7), np.arange(5, 95, 0.9))
    values = np.stack([field.plane(z_mm) for z_mm in np.arange(2, 98, 3.3)])
    assert values.mean() == pytest.approx(0, abs=0.03)
    assert values.var() == pytest.approx(1, abs=0.05)
    z_mm = np.linspace(0, 1e5, 20001)
    assert np.mean(random_wave(rng)(z_mm) ** 2) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("source", "target"), [(7, 7), (40, 23), (23, 40), (30, 5)])
def test_resampling_keeps_constants_and_lines(source, target):
    matrix = resampling_matrix(source, target)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)
    line = matrix @ pixel_centres(source, 1.0)
    inner = slice(target // 4, -(target // 4))
    np.testing.assert_allclose(line[inner], pixel_centres(target, 1.0)[inner], atol=0.004)
    if source == target:
        np.testing.assert_allclose(matrix, np.eye(source), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 0, "slices": 0}, "slices"),
        ({"seed": 0, "size": 4}, "size"),
        ({"seed": 0, "length_mm": float("nan")}, "length_mm"),
        ({"seed": 0, "appearance": "other"}, "appearance"),
        ({"seed": 0, "ends": "sharp"}, "ends"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(InputError, match=named):
        calf(**arguments)
