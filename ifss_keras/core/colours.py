"""The colours of labels, the same in every file and picture."""

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), told apart by colour-blind readers too, without black and
# grey; blue last, as it is dark on ultrasound.
PALETTE = (
    (230, 159, 0),
    (86, 180, 233),
    (204, 121, 167),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)


def colour(place: int) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of the label at a place in the order of the codes, counted from 0."""
    return PALETTE[place % len(PALETTE)]


def hex_colour(place: int) -> str:
    """The same as `#RRGGBB`."""
    return "#{:02X}{:02X}{:02X}".format(*colour(place))
