"""Tables on a terminal: nothing that is to be copied is broken."""

import pytest
import rich.console

from ifss_keras.cli.console import print_table

COLUMNS = ["muscle", "mL", "95 % interval", "mL by area curve"]
ROWS = [["Gastrocnemius medialis left", "248.51", "241.6 to 255.3", "248.03"], ["比目鱼肌 [b]", "9.20", "-", "9.31"]]


@pytest.fixture
def printed(capsys, monkeypatch):
    """A function from a width to the lines of the table on a terminal that wide."""

    def lines(width, columns=COLUMNS, rows=ROWS):
        wide = rich.console.Console
        monkeypatch.setattr(rich.console, "Console", lambda **_: wide(width=width))
        print_table("Volumes", columns, rows)
        return capsys.readouterr().out.splitlines()

    return lines


@pytest.mark.parametrize("width", [58, 80, 120])
def test_a_table_breaks_between_words_only(printed, width):
    lines = printed(width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert all(row[0] in text and row[1] in text and row[3] in text for row in ROWS)
    assert ("241.6 to 255.3" in text) is (width > 58)


def test_names_of_29_signs_have_their_table_in_80_columns(printed):
    columns = ["muscle", "mL", "95 % interval", "slices", "annotated", "mL by area curve"]
    row = ["Gastrocnemius lateralis right", "192.8", "146.8 to 238.8", "2 to 20", "3", "192.7"]
    lines = printed(80, columns, [row])
    assert {len(line) for line in lines[1:]} <= {79, 80}
    assert row[0] in "\n".join(lines)


def test_a_terminal_too_narrow_has_a_list_for_each_row(printed):
    assert printed(50) == [
        "Volumes",
        "Gastrocnemius medialis left",
        "  mL: 248.51",
        "  95 % interval: 241.6 to 255.3",
        "  mL by area curve: 248.03",
        "比目鱼肌 [b]",
        "  mL: 9.20",
        "  95 % interval: -",
        "  mL by area curve: 9.31",
    ]


def test_a_name_longer_than_the_terminal_is_whole(printed):
    name = "x" * 200
    assert name in printed(80, ["name", "MB"], [[name, "1.0"]])


def test_the_presets_of_this_package_are_whole_in_80_columns(printed):
    from ifss_keras.zoo import released_presets

    rows = [
        [f"{name} (default)", "1,234,567", "12.3", "Apache-2.0", held.summary]
        for name, held in released_presets().items()
    ]
    text = "\n".join(printed(80, ["name", "parameters", "MB", "licence", "summary"], rows))
    assert all(f"{name} (default)" in text for name in released_presets())
