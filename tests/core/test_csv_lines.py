"""Tables that a spreadsheet saved as CSV."""

import pytest

from ifss_keras.core.csv_lines import csv_lines, csv_records, has_decimal_commas
from ifss_keras.core.errors import InputError

KNOWN, NEEDED = ("subject", "volume_ml", "session"), ("subject", "volume_ml")


def records(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(csv_records(path, KNOWN, NEEDED))


@pytest.fixture
def table(tmp_path):
    return tmp_path / "table.csv"


@pytest.mark.parametrize(
    ("text", "decimal_commas"),
    [
        ("Subject,Volume-mL\nP1, 2.5 \n\nP2,3\n", False),
        ("\ufeffSubject;Volume-mL\r\nP1;2.5\r\n;\r\nP2;3\r\n", True),
    ],
)
def test_lines_are_records_by_the_names_of_the_columns(text, decimal_commas, table):
    found = records(table, text)
    assert found == [(2, {"subject": "P1", "volume_ml": "2.5"}), (4, {"subject": "P2", "volume_ml": "3"})]
    assert has_decimal_commas(table) is decimal_commas
    assert [line for line, _ in csv_lines(table)] == [1, 2, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("subject,volume_ml,sesion\nP1,2,1\n", "has the column sesion: expected one of .*did you mean session"),
        ("subject,volume_ml,\nP1,2,1\n", "a column without a name, number 3"),
        ("subject,volume_ml,subject\nP1,2,1\n", "has the column subject twice"),
        ("subject\nP1\n", "has no column volume_ml: expected subject, volume_ml, received subject"),
        ("", "has no column subject: .* received no columns"),
        ("subject,volume_ml\nP1,2,3\n", "Line 2 of .* has 3 values: expected 2"),
        ("subject,volume_ml\nP1,\n", "Line 2 of .* has no volume_ml"),
        (b"subject,volume_ml\nM\xfcller,2\n", "is no CSV in UTF-8"),
        (f"subject,volume_ml\n{200_000 * 'a'},2\n", "Line 2 of .* is no line of a CSV"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(text, said, table):
    with pytest.raises(InputError, match=said):
        records(table, text)


def test_a_table_that_there_is_not(table):
    with pytest.raises(InputError, match="does not exist: expected a CSV"):
        list(csv_lines(table))
