"""docs/formats.md says what is, and other programs agree on voxels, places and millilitres of every format."""

import pytest

from ifss_keras.volumes.formats.registry import FORMATS
from tests.volumes.formats import formats_page


@pytest.mark.parametrize(("name", "suffix", "by", "check"), formats_page.CHECKS, ids=lambda held: str(held)[:24])
def test_another_program_agrees(name, suffix, by, check):
    values, mm, ml = formats_page.agreement(check, suffix)
    assert values == 0
    assert mm < 2e-5  # float32 in the headers of NIfTI
    assert ml < 1e-6


def test_every_written_format_is_checked():
    checked = {suffix for _, suffix, _, _ in formats_page.CHECKS}
    assert {suffix for suffix, held in FORMATS.items() if held.write} - checked == {".dcm"}  # as .seg.dcm


def test_the_page_is_the_one_that_is_made_here():
    assert formats_page.PAGE.read_text(encoding="utf-8") == formats_page.page()
