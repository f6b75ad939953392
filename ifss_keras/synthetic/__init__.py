"""Synthetic 3D ultrasound volumes with labels, made from a seed."""

from ifss_keras.synthetic.appearance import SHIFTED, TRAINING, Appearance, AppearanceRange
from ifss_keras.synthetic.border import draw_borders, move_borders
from ifss_keras.synthetic.phantom import Phantom, calf, crowded_structures, random_shapes

__all__ = [
    "SHIFTED",
    "TRAINING",
    "Appearance",
    "AppearanceRange",
    "Phantom",
    "calf",
    "crowded_structures",
    "draw_borders",
    "move_borders",
    "random_shapes",
]
