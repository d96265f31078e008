"""YAML and JSON of rules, read as a person reads them: each number as it is written, no field twice.

YAML 1.1 takes `0100` for 64, `1:30` for 90 and `1_0` for 10, and both formats keep the last of two values of one
field. A limit read so is not the one that was written.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

_NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _AsWritten(yaml.SafeLoader):
    """A loader that leaves numbers as their text."""


def _mapping(loader: _AsWritten, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands there twice", key.start_mark)
        seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
    return loader.construct_mapping(node, deep=True)


def _text(loader: _AsWritten, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_AsWritten.add_constructor("tag:yaml.org,2002:map", _mapping)
for _tag in _NUMBER_TAGS:
    _AsWritten.add_constructor(_tag, _text)


def yaml_as_written(text: str) -> Any:
    """What the text holds, numbers as their text. Raises yaml.YAMLError, also for a field that stands there twice."""
    return yaml.load(text, _AsWritten)  # noqa: S506 - a SafeLoader


def json_as_written(text: str) -> Any:
    """What the text holds, numbers as their text. Raises ValueError, also for a field that stands there twice."""
    return json.loads(text, object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name} stands there twice")
        found[name] = value
    return found
