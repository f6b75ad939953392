"""YAML that somebody wrote by hand: plain values, each key once, and no more of them than stand there to be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

MOST_BYTES = 1_000_000
MOST_VALUES = 10_000  # with every alias (`*name`) written out
MOST_DEPTH = 30


def read_yaml(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such YAML.
    """
    with open(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES:,} bytes")
    text = content.decode("utf-8")  # UnicodeDecodeError is a ValueError
    try:
        _check_depth(text)
        loader = _EachKeyOnce(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _count(node, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise ValueError(str(error)) from error


class _EachKeyOnce(yaml.SafeLoader):
    """YAML in which no mapping has a key twice; PyYAML takes the last."""

    def construct_mapping(self, node, deep=False):
        seen = []
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            seen.append(self.construct_object(key, deep=True))
            if seen[-1] in seen[:-1]:
                line = key.start_mark.line + 1
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {seen[-1]!r} stands there twice, again in line {line}"
                )
        return super().construct_mapping(node, deep)


def _check_depth(text: str) -> None:
    """Refuses what is nested deeper than the parser can follow."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise ValueError(f"its values are nested more than {MOST_DEPTH} deep, in line {event.start_mark.line + 1}")


def _count(node: yaml.Node, counts: dict[int, int | None]) -> int:
    """The values in a node, aliases written out; `counts` are of nodes that were met, None while they are open."""
    if id(node) in counts:
        if counts[id(node)] is None:
            raise ValueError(f"the value in line {node.start_mark.line + 1} contains itself")
        return counts[id(node)]
    counts[id(node)] = None
    inside = []
    if isinstance(node, yaml.MappingNode):
        inside = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        inside = node.value
    total = 1 + sum(_count(part, counts) for part in inside)
    if total > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values, with those that its aliases repeat")
    counts[id(node)] = total
    return total
