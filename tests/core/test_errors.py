"""What a user reads stays readable."""

import pytest

from ifss_keras.core.errors import MOST_CHARACTERS, InputError
from ifss_keras.zoo.catalogue import find_architecture


def test_a_sentence_keeps_both_ends_of_what_is_too_long():
    assert str(InputError("x" * MOST_CHARACTERS)) == "x" * MOST_CHARACTERS
    with pytest.raises(InputError) as refused:
        find_architecture("9" * 5000)
    told = str(refused.value)
    assert len(told) == MOST_CHARACTERS + len(" ... ")
    assert told.startswith("There is no network '999")
    assert "999 ... 999" in told
    assert "IFSSNet" in told[-MOST_CHARACTERS // 2 :]
