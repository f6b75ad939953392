"""One numbering for the labels of several files, by their names and, where these lack, by their codes."""

from pathlib import Path

import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.exports.common_labels import MOST_LABELS, FileLabels, common_labels


def files(*held):
    """Files a, b, c, ... with these names by code; None is a code without one."""
    return [
        FileLabels(Path("abc"[place]), tuple(sorted(names)), {code: name for code, name in names.items() if name})
        for place, names in enumerate(held)
    ]


@pytest.mark.parametrize(
    ("held", "names", "numbers"),
    [
        ([{100: None, 7: None}], ("7", "100"), [{7: 1, 100: 2}]),
        ([{100: "SOL"}, {3: "sol", 2: "GM"}], ("GM", "SOL"), [{100: 2}, {2: 1, 3: 2}]),
        ([{100: "SOL", 150: "GM"}, {150: None}], ("SOL", "GM"), [{100: 1, 150: 2}, {150: 2}]),
        ([{1: "GL", 2: "GM"}, {1: "GM", 2: "GL"}], ("GL", "GM"), [{1: 1, 2: 2}, {1: 2, 2: 1}]),
        ([{5: "SOL"}, {}], ("SOL",), [{5: 1}, {}]),
    ],
)
def test_labels_of_one_name_are_one(held, names, numbers):
    found = common_labels(files(*held))
    assert found.names == names
    assert list(found.numbers) == numbers


@pytest.mark.parametrize(
    ("held", "said", "setting"),
    [
        ([{}], "has 0 labels: expected 1 to 253", None),
        ([dict.fromkeys(range(1, MOST_LABELS + 2))], "has 254 labels", None),
        ([{1: "SOL"}, {1: "GM"}, {1: None}], "c does not name its label 1, which is SOL and GM in other", "labels"),
        ([{1: "SOL", 4: "sol"}], "a calls both labels 1 and 4 sol", "labels"),
        ([{1: "SOL", 4: None}, {4: "SOL"}], "a calls both labels 1 and 4 SOL", "labels"),
        ([{1: "Ignore"}], "label 1 of a is called Ignore", "labels"),
        ([{9: "background"}], "label 9 of a is called background", "labels"),
    ],
)
def test_labels_that_do_not_go_together_are_refused(held, said, setting):
    with pytest.raises(InputError, match=said) as refused:
        common_labels(files(*held))
    assert refused.value.setting == setting
