"""The colours of labels, the same in every file and picture."""

from collections.abc import Iterable, Mapping

RGB = tuple[int, int, int]

# The first seven are Okabe and Ito's (https://jfly.uni-koeln.de/color/), without black and grey; blue last, as it is
# dark on ultrasound. Each further one is as far as can be from all before it, by CIEDE2000, for readers with full
# colour vision, with protanopia and with deuteranopia (simulated after Machado et al. 2009) alike; see its test.
PALETTE: tuple[RGB, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (204, 121, 167),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
    (170, 255, 221),
    (187, 238, 255),
    (0, 119, 102),
    (187, 34, 51),
    (102, 204, 136),
    (51, 136, 255),
    (187, 255, 187),
    (221, 170, 187),
    (51, 102, 119),
    (153, 68, 85),
    (204, 0, 153),
    (204, 102, 85),
    (119, 17, 255),
    (221, 136, 153),
    (204, 153, 85),
    (17, 221, 255),
    (170, 221, 119),
)


def label_colours(codes: Iterable[int], own: Mapping[int, RGB]) -> dict[int, RGB]:
    """Label code to red, green and blue, 0 to 255.

    A label keeps its own colour unless one before it has the same; any other gets the palette's at its place in the
    order of the codes, or the next one that is free.

    Args:
        codes: of all labels.
        own: the colours that a file gives to some of them.
    """
    codes = list(codes)
    first_with = {own[code]: code for code in reversed(codes) if code in own}
    colours = {code: colour for colour, code in first_with.items()}
    for place, code in enumerate(codes):
        start = place % len(PALETTE)
        free = (colour for colour in PALETTE[start:] + PALETTE[:start] if colour not in colours.values())
        if code not in colours:
            colours[code] = next(free, PALETTE[start])
    return {code: colours[code] for code in codes}


def hex_colour(colour: RGB) -> str:
    """A colour as `#RRGGBB`."""
    return "#{:02X}{:02X}{:02X}".format(*colour)
