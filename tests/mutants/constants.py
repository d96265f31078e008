"""Mutants of a module's own constants, which mutmut leaves alone: a limit one off, a set without one of its members."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType, ModuleType
from typing import Any

from tests.mutants.forked import Change
from tests.mutants.result import Survivor
from tests.mutants.working_copy import ROOT


def changes_of(path: str) -> list[Change]:
    """Every other value of every constant of a module, given as its path."""
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    return [
        Change(Survivor(path, name, _text(getattr(module, name)), _text(other)), partial(_set, module, name, other))
        for name in _names(path)
        for other in _others(getattr(module, name))
    ]


def _names(path: str) -> list[str]:
    """The constants that stand at the top of the source."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return [
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id.isupper()
    ]


def _others(value: Any) -> Iterator[Any]:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield value + 1
        yield value - 1
    elif isinstance(value, frozenset):
        yield from (value - {member} for member in sorted(value))
    elif isinstance(value, tuple):
        yield from ((*value[:index], value[index] + 1, *value[index + 1 :]) for index in range(len(value)))
    elif isinstance(value, Mapping):
        yield from (MappingProxyType({k: v for k, v in value.items() if k != key}) for key in value)


def _text(value: Any) -> str:
    if isinstance(value, frozenset | Mapping):
        return ", ".join(sorted(str(member) for member in value))
    return str(value)


def _set(module: ModuleType, name: str, value: Any) -> None:
    setattr(module, name, value)
