"""A colour of its own for each label, told apart by colour-blind readers too."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from ifss_keras.core.colours import PALETTE, hex_colour, label_colours

# What linear red, green and blue become for readers without one kind of cone (Machado et al. 2009, severity 1).
SEEN = {
    "full colour vision": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}


def as_seen(colours, matrix):
    """(colour, L a b)."""
    share = np.array(colours) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(matrix).T, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]


@pytest.mark.parametrize("reader", SEEN)
def test_twenty_four_colours_are_apart(reader):
    seen = as_seen(PALETTE, SEEN[reader])
    first, second = np.triu_indices(len(PALETTE), 1)
    assert len(PALETTE) == 24
    # 2 is just noticed side by side; the seven of Okabe and Ito are at least 11 apart for all three
    assert deltaE_ciede2000(seen[first], seen[second]).min() > 8


def test_all_colours_are_seen_on_black_and_differ_from_grey():
    lab = as_seen(PALETTE, np.eye(3))
    assert lab[:, 0].min() > 39
    assert np.hypot(lab[:, 1], lab[:, 2]).min() > 15


def test_the_first_seven_are_those_of_okabe_and_ito():
    written = "#E69F00 #56B4E9 #CC79A7 #009E73 #F0E442 #D55E00 #0072B2"
    assert " ".join(map(hex_colour, PALETTE[:7])) == written


def test_colours_follow_the_order_of_the_codes_and_begin_again_after_the_last():
    codes = list(range(100, 130))
    assert list(label_colours(codes, {}).items()) == list(zip(codes, PALETTE + PALETTE[:6], strict=True))


def test_a_label_keeps_its_own_colour_and_no_other_gets_it():
    own = {5: PALETTE[0], 9: (1, 2, 3)}
    assert label_colours([2, 5, 7, 9], own) == {2: PALETTE[1], 5: PALETTE[0], 7: PALETTE[2], 9: (1, 2, 3)}


def test_of_two_labels_with_the_same_own_colour_the_first_keeps_it():
    assert label_colours([3, 4, 5], dict.fromkeys((3, 4), (9, 9, 9))) == {3: (9, 9, 9), 4: PALETTE[1], 5: PALETTE[2]}
