"""One colour for each place in the order of the codes."""

from ifss_keras.core.colours import PALETTE, colour, hex_colour


def test_colours_differ_until_they_begin_again():
    assert len(set(PALETTE)) == len(PALETTE) == 7
    assert [colour(place) for place in range(14)] == [*PALETTE, *PALETTE]
    assert hex_colour(0) == "#E69F00"
    assert hex_colour(3) == "#009E73"
