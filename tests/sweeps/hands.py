"""Hands that sweep over bodies of which the volume is known: where their planes lie, and what these cut."""

import numpy as np

from ifss_keras.volumes.sweep import Sweep

PICTURE = (160, 180)  # rows, columns
PIXEL_MM = 0.5


def turned(axis, angle):
    """(3, 3) rotation about a unit axis by an angle in radians."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def plane(point, normal, right):
    """(4, 4) from (column, row, 0, 1) to mm: the middle of the picture at `point`, columns along `right`."""
    down = np.cross(normal, right)
    held = np.eye(4)
    held[:3, 0], held[:3, 1], held[:3, 2] = PIXEL_MM * np.asarray(right), PIXEL_MM * down, normal
    middle = (np.array(PICTURE) - 1) / 2
    held[:3, 3] = point - middle[1] * held[:3, 0] - middle[0] * held[:3, 1]
    return held


def straight(count, reach_mm=40.0, wobble=0.0, seed=0):
    """Along z from -`reach_mm` on; with a wobble in mm and as many degrees about all axes."""
    rng = np.random.default_rng(seed)
    noise = np.cumsum(rng.normal(size=(count, 6)), axis=0) / np.sqrt(count)
    planes = []
    for z, shift in zip(np.linspace(-reach_mm, reach_mm, count), wobble * noise, strict=True):
        turn = turned((1, 0, 0), np.deg2rad(shift[3])) @ turned((0, 1, 0), np.deg2rad(shift[4]))
        turn = turn @ turned((0, 0, 1), np.deg2rad(shift[5]))
        planes.append(plane(np.array([0, 0, z]) + shift[:3], turn[:, 2], turn[:, 0]))
    return np.array(planes)


def fan(count, from_mm=60.0, reach=0.75):
    """Turned about a line parallel to x, `from_mm` above the middle, by `reach` radians to each side."""
    planes = []
    for angle in np.linspace(-reach, reach, count):
        turn = turned((1, 0, 0), angle)
        point = np.array([0, -from_mm, 0]) + turn @ [0, from_mm, 0]
        planes.append(plane(point, turn[:, 2], turn[:, 0]))
    return np.array(planes)


def around(count, radius_mm=60.0, reach=1.0):
    """Along a circle about the y axis, square to it: for a bent tube."""
    planes = []
    for angle in np.linspace(-reach, reach, count):
        turn = turned((0, 1, 0), angle)
        planes.append(plane(turn @ [radius_mm, 0, 0] - [radius_mm, 0, 0], turn[:, 2], turn[:, 0]))
    return np.array(planes)


def to_and_fro(planes):
    """Forwards, a third of the way back, and forwards again, with a pause."""
    count = len(planes)
    there, back = 2 * count // 3, count // 3
    order = [*range(there), *range(there, back, -1), *[back] * 5, *range(back, count)]
    return planes[order]


def points_of(planes):
    """(frame, row, column, 3) where the pixels of every picture lie, in mm."""
    rows, columns = np.mgrid[: PICTURE[0], : PICTURE[1]]
    places = np.stack([columns, rows, np.zeros_like(rows), np.ones_like(rows)], -1)
    return np.einsum("fij,rcj->frci", planes[:, :3], places)


def ball(points, radius_mm=20.0):
    """Whether points lie in a ball about 0."""
    return (points**2).sum(-1) < radius_mm**2


def egg(points):
    """Whether points lie in an ellipsoid of half axes 18, 12 and 30 mm, turned and moved."""
    own = (points - [3, -2, 1]) @ turned((0.6, 0.8, 0), 0.3)
    return ((own / [18, 12, 30]) ** 2).sum(-1) < 1


def tube(points, radius_mm=10.0, bend_mm=60.0, reach=0.8):
    """Whether points lie in a piece of a torus about an axis along y through (-`bend_mm`, 0, 0)."""
    x, y, z = np.moveaxis(points, -1, 0)
    away = np.hypot(x + bend_mm, z) - bend_mm
    return (away**2 + y**2 < radius_mm**2) & (np.abs(np.arctan2(z, x + bend_mm)) < reach)


VOLUMES_ML = {
    ball: 4 / 3 * np.pi * 20**3 / 1000,
    egg: 4 / 3 * np.pi * 18 * 12 * 30 / 1000,
    tube: np.pi * 10**2 * 60 * 1.6 / 1000,
}


def swept(planes, body):
    """A `Sweep` and the masks (frame, row, column) of a body in its pictures."""
    masks = np.stack([body(points_of(held[None]))[0] for held in planes])
    return Sweep.of_planes(planes), masks
