"""Muscles along their length: profiles like those of real muscles, and calves that follow them or stay as they were."""

import zlib

import numpy as np
import pytest
from scipy import ndimage

from ifss_keras.synthetic import calf, draw_borders
from ifss_keras.synthetic.anatomy import Calf
from ifss_keras.synthetic.fields import pixel_centres
from ifss_keras.synthetic.profile import AreaProfile, End, draw_profile
from ifss_keras.synthetic.shapes import ShapeScene

CODES = {100: "sol", 150: "gm", 200: "gl"}

# Areas at 15 places along 11 muscles that lie whole in MRI or CT (6 of the thigh, 4 of the hip, a gastrocnemius), read
# from either end: quantiles 10, 50 and 90 %.
REAL = np.array(
    [
        [0.01, 0.17, 0.31, 0.42, 0.56, 0.66, 0.73, 0.71, 0.73, 0.66, 0.56, 0.42, 0.31, 0.17, 0.01],
        [0.03, 0.41, 0.54, 0.74, 0.86, 0.92, 0.90, 0.90, 0.90, 0.92, 0.86, 0.74, 0.54, 0.41, 0.03],
        [0.14, 0.56, 0.87, 0.98, 0.99, 0.97, 0.99, 0.98, 0.99, 0.97, 0.99, 0.98, 0.87, 0.56, 0.14],
    ]
)


def at_places(areas):
    """The areas at 15 places from the first slice that holds the label to the last, as shares of the largest."""
    held = np.flatnonzero(areas)
    inner = np.asarray(areas, float)[held[0] : held[-1] + 1]
    return np.interp(np.linspace(0, len(inner) - 1, 15), np.arange(len(inner)), inner) / inner.max()


def from_either_end(profiles):
    return np.concatenate([profiles, np.array(profiles)[:, ::-1]])


def anatomy_labels(seed, size):
    anatomy = Calf(seed, 200.0)
    pixels = pixel_centres(size, anatomy.fov_mm)
    return anatomy, np.stack([anatomy.labels(float(z_mm), pixels, pixels) for z_mm in pixel_centres(160, 200.0)])


@pytest.mark.parametrize(
    ("seed", "arguments", "crc", "mean"),
    [
        (3, {"slices": 40, "size": 64, "length_mm": 100.0}, 3016497578, 101.8324),
        (900000, {"slices": 40, "size": 48}, 1050055592, 117.5306),
        (900003, {"slices": 24, "size": 96, "appearance": "shifted"}, 3490706021, 64.2182),
    ],
)
def test_blunt_calves_are_those_of_before_muscles_tapered(seed, arguments, crc, mean):
    made = calf(seed, ends="blunt", **arguments)
    assert zlib.crc32(made.labels.tobytes()) == crc
    assert made.image.mean() == pytest.approx(mean, abs=1e-3)


def test_drawn_profiles_are_spread_as_real_ones():
    slices = (np.arange(28) + 0.5) / 28
    drawn = from_either_end([at_places(draw_profile(np.random.default_rng(seed))(slices)) for seed in range(1500)])
    low, middle, high = np.quantile(drawn, [0.1, 0.5, 0.9], axis=0)
    # 22 curves tell a quantile of real muscles to about 0.1.
    np.testing.assert_allclose(low, REAL[0], atol=0.15)
    np.testing.assert_allclose(middle, REAL[1], atol=0.13)
    np.testing.assert_allclose(high, REAL[2], atol=0.05)


def test_every_profile_reaches_one_and_holds_its_tips():
    t = np.linspace(0, 1, 4001)
    for seed in range(300):
        profile = draw_profile(np.random.default_rng(seed))
        area = profile(t)
        assert area.max() == pytest.approx(1, abs=1e-3)
        assert area.min() >= 0.005
        assert (area[0], area[-1]) == pytest.approx((profile.begin.area, profile.end.area))


def test_slopes_of_profiles_have_no_step():
    """Read sixteen times as finely, the slope changes much less from reading to reading; at a kink it would not."""
    for seed in range(200):
        profile = draw_profile(np.random.default_rng(seed))
        changes = []
        for count in (2001, 32001):
            t = np.linspace(0.01, 0.99, count)
            slope = np.diff(profile(t)) / np.diff(t)
            assert np.abs(slope).max() < 15
            changes.append(np.abs(np.diff(slope)).max())
        assert changes[1] < 0.6 * changes[0]


def test_all_kinds_of_ends_are_drawn():
    tips, bellies, tails = [], 0, 0
    for seed in range(600):
        profile = draw_profile(np.random.default_rng(seed))
        tips.append(sorted((profile.begin.area, profile.end.area)))
        tails += max(profile.begin.tail, profile.end.tail) > 0
        inner = profile(np.linspace(0, 1, 400))
        maxima = np.flatnonzero((inner[1:-1] > inner[:-2]) & (inner[1:-1] > inner[2:])) + 1
        if profile.dip:
            bellies += 1
            assert len(maxima) == 2
            assert 0.09 < 1 - inner[maxima[0] : maxima[1]].min() < 0.31
    tips = np.array(tips)
    assert tips[:, 0].min() >= 0.005
    assert tips[:, 0].max() <= 0.15
    blunt = tips[:, 1] > 0.15
    assert tips[blunt, 1].min() >= 0.3
    assert tips[blunt, 1].max() <= 0.7
    for share, expected in ((blunt.mean(), 0.1), (bellies / 600, 0.15), (tails / 600, 0.15)):
        assert share == pytest.approx(expected, abs=0.05)


def test_a_profile_has_the_areas_that_it_was_given():
    profile = AreaProfile(End(0.02, 0.3, 1.0), End(0.05, 0.2, 2.0, tail=0.1))
    assert profile(0.0) == pytest.approx(0.02, abs=1e-9)
    assert profile(0.15) == pytest.approx(np.sin(np.pi / 4) + 0.02 * (1 - np.sin(np.pi / 4)) ** 2)
    np.testing.assert_allclose(profile(np.array([0.3, 0.5, 0.7])), 1)
    assert profile(0.8) == pytest.approx(0.5 + 0.05 * 0.25)
    np.testing.assert_allclose(profile(np.array([0.9, 0.95, 1.0])), 0.05)


@pytest.mark.parametrize("seed", range(5))
def test_the_muscles_of_a_calf_follow_their_profiles(seed):
    anatomy, labels = anatomy_labels(seed, 128)
    for code, name in CODES.items():
        muscle = getattr(anatomy, name)
        areas = np.count_nonzero(labels == code, axis=(1, 2))
        held = np.flatnonzero(areas)
        t = ((held + 0.5) * 200 / 160 - muscle.start_mm) / (muscle.end_mm - muscle.start_mm)
        assert np.corrcoef(areas[held], muscle.profile(t))[0, 1] > 0.8
        assert min(areas[held[0]], areas[held[-1]]) < 0.15 * areas.max()
        assert (np.diff(held) == 1).all()
        assert t[0] < 0.05
        assert t[-1] > 0.95


def test_cross_sections_are_mostly_in_one_piece():
    aside = []
    for seed in range(5):
        _, labels = anatomy_labels(seed, 96)
        for plane in labels:
            for code in np.unique(plane[plane > 0]):
                pieces, count = ndimage.label(plane == code)
                sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
                aside.append(1 - sizes.max() / sizes.sum())
    aside = np.array(aside)
    assert (aside > 0).mean() < 0.1
    assert (aside > 0.1).mean() < 0.01


def test_the_soleus_moves_without_a_jump():
    for seed in range(4):
        anatomy = Calf(seed, 200.0)
        tops = np.array([anatomy.borders(z_mm).sol_top[800:2400:20] for z_mm in np.arange(2.0, 198.0, 0.5)])
        assert np.abs(np.diff(tops, axis=0)).max() < 1.6


def test_a_calf_with_borders_has_the_same_image_and_moved_labels():
    plain = calf(5, slices=20, size=96)
    moved = calf(5, slices=20, size=96, border_mm={100: 1.4, 150: -1.4})
    np.testing.assert_array_equal(plain.image, moved.image)
    volumes = [[np.count_nonzero(made.labels == code) for code in CODES] for made in (plain, moved)]
    assert volumes[1][0] > 1.03 * volumes[0][0]
    assert volumes[1][1] < 0.95 * volumes[0][1]
    assert volumes[1][2] == volumes[0][2]
    assert draw_borders(3, CODES).keys() == CODES.keys()


def test_half_of_the_shapes_taper():
    ends = []
    for seed in range(24):
        scene = ShapeScene(seed, 200.0)
        pixels = pixel_centres(48, scene.fov_mm)
        planes = [scene.labels(float(z_mm), pixels, pixels) == 1 for z_mm in pixel_centres(80, 200.0)]
        profile = at_places(np.count_nonzero(planes, axis=(1, 2)))
        ends.append(min(profile[0], profile[-1]))
    assert np.mean(np.array(ends) < 0.1) > 0.5
