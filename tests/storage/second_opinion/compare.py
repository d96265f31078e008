"""Both opinions on the same random worlds, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.storage.second_opinion.asked import Bench
from tests.storage.second_opinion.rules import Opinion
from tests.storage.second_opinion.worlds import make_world

KEPT: Final = 2000


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One check about which the two differ: (passes, clears at) of the vault and of the statement."""

    case: int
    code: str
    vault: tuple[bool, int | None] | None
    stated: tuple[bool, int | None] | None
    world: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Everything, to be printed."""
        return {name: getattr(self, name) for name in ("case", "code", "vault", "stated", "world")}


@dataclass(slots=True)
class Report:
    """How often each check passed and failed, and every disagreement."""

    cases: int
    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    claimed: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)
    asked: list[tuple[Mapping[str, Any], Mapping[str, tuple[bool, int | None]]]] = field(default_factory=list)
    """The first worlds with the vault's answers."""

    @property
    def unseen(self) -> list[str]:
        """Checks that never passed or never failed: these cases say nothing about them."""
        return sorted({*self.passed, *self.failed} - (set(self.passed) & set(self.failed)))

    def summary(self) -> str:
        """A line for a person."""
        by_code = dict(Counter(found.code for found in self.disagreements))
        rates = {code: f"{self.failed[code] / self.cases:.0%}" for code in sorted(self.failed)}
        return f"{self.cases} cases, {self.claimed} pass all; disagreements {by_code}; unseen {self.unseen}; {rates}"


def compare(folder: Path, cases: int, seed: int) -> Report:
    """Ask both about so many worlds. A case's world depends on seed and number alone."""
    bench, report = Bench(folder), Report(cases)
    for case in range(cases):
        world = make_world(Random(f"{seed}/{case}"))
        vault, stated = bench.answers(world), Opinion(world).judge()
        if case < KEPT:
            report.asked.append((world, vault))
        for code in sorted({*vault, *stated}):
            if vault.get(code) != stated.get(code):
                report.disagreements.append(Disagreement(case, code, vault.get(code), stated.get(code), world))
            (report.passed if stated[code][0] else report.failed)[code] += 1
        report.claimed += all(passed for passed, _ in vault.values())
    return report
