"""Who acts on a vault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a name for people, the process's random instance id, and its pid."""

    name: str
    instance: str
    pid: int
