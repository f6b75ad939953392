"""YAML by hand: read as PyYAML reads it, and refused where it would grow, never end, or break the parser."""

import tracemalloc

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.core.yaml_file import MOST_DEPTH, MOST_VALUES, read_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)
REFUSED = {
    "laughs": (BOMB, "more than 10,000 values, with those that its aliases repeat"),
    "merged laughs": (BOMB.replace("a0: ", "<<: *a0\na0: "), ""),
    "contains itself": ("a: &a [1, *a]\n", "the value in line 1 contains itself"),
    "mapping contains itself": ("&a {b: *a}", "contains itself"),
    "a thousand deep": ("[" * 1000 + "]" * 1000, f"nested more than {MOST_DEPTH} deep, in line 1"),
    "a thousand deep in blocks": ("\n".join(" " * depth + "a:" for depth in range(1000)), "nested more than"),
    "long": ("a: 1\n" * 300_000, "longer than 1,000,000 bytes"),
    "many": ("[" + "1, " * (MOST_VALUES + 1) + "]", "more than 10,000 values"),
    "unhashable key": ("{[1]: 2}", "hashable"),
    "5,000 digits": ("a: " + "9" * 5000, "digits"),
    "no date": ("a: 2001-99-99", "month"),
    "no number": ("a: !!int x", ""),
    "tag": ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    "two documents": ("a: 1\n---\nb: 2\n", "expected a single document"),
    "twice": ("a: 1\na: 2\n", "the key 'a' stands there twice"),
    "no text": (b"\xff\xfe\x00", "utf-8"),
    "merge of nothing": ("<<: 3", "mapping"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_yaml_is_refused_in_little_memory(name, tmp_path):
    text, said = REFUSED[name]
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=said):
            read_yaml(path)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=5) | st.dictionaries(st.text(), inside, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_what_was_dumped_is_read_again(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.yaml"
    path.write_text(yaml.safe_dump(value), encoding="utf-8")
    assert read_yaml(path) == value


def test_aliases_and_merges_are_followed(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3}\nc: [*a, *a]\n")
    same = {"x": 1, "y": [2]}
    assert read_yaml(path) == {"a": same, "b": {"x": 3, "y": [2]}, "c": [same, same]}
    path.write_text("")
    assert read_yaml(path) is None
