"""What became of a module's mutants, and whether that is good enough."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

REASONS: Final = Path(__file__).with_name("survivors.toml")
ENOUGH_PERCENT: Final = 95.0


@dataclass(frozen=True, slots=True, order=True)
class Survivor:
    """A change of the program that no test notices: the lines it takes and those it puts there."""

    module: str
    function: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.module} {self.function}\n    - {self.was}\n    + {self.becomes}"


@dataclass(frozen=True, slots=True)
class Result:
    """One module's mutants. A mutant is killed, out of time (which is noticed as well) or a survivor."""

    module: str
    mutants: int
    killed: int
    timed_out: int
    survivors: tuple[Survivor, ...]

    def __add__(self, other: Result) -> Result:
        """Both together, under the first one's name."""
        return Result(
            self.module,
            self.mutants + other.mutants,
            self.killed + other.killed,
            self.timed_out + other.timed_out,
            self.survivors + other.survivors,
        )

    @property
    def percent(self) -> float:
        """Noticed, of all: a survivor with a reason counts as a survivor."""
        return 100.0 * (self.killed + self.timed_out) / self.mutants if self.mutants else 0.0

    def unexplained(self, reasons: Mapping[Survivor, str]) -> list[Survivor]:
        """Survivors that the list of reasons does not hold."""
        return [survivor for survivor in self.survivors if survivor not in reasons]

    def good_enough(self, reasons: Mapping[Survivor, str]) -> bool:
        """Enough are noticed, and each of the others has its reason."""
        return self.percent >= ENOUGH_PERCENT and not self.unexplained(reasons)

    def as_json(self) -> dict[str, Any]:
        """The figures of one module."""
        return {
            "mutants": self.mutants,
            "killed": self.killed,
            "out of time": self.timed_out,
            "survived": len(self.survivors),
            "percent": round(self.percent, 1),
        }


def read_reasons(path: Path = REASONS) -> dict[Survivor, str]:
    """The survivors that cannot be killed, each with the reason why. Raises ValueError for one without."""
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", [])
    reasons = {}
    for row in rows:
        survivor = Survivor(row["module"], row["function"], row["was"].strip(), row["becomes"].strip())
        if not row.get("reason", "").strip():
            raise ValueError(f"no reason is given for {survivor}")
        reasons[survivor] = row["reason"]
    return reasons


def table(results: Iterable[Result]) -> str:
    """One line a module."""
    lines = [f"{'module':40} {'mutants':>8} {'killed':>7} {'survived':>9} {'percent':>8}"]
    for each in results:
        noticed = each.killed + each.timed_out
        lines.append(f"{each.module:40} {each.mutants:8} {noticed:7} {len(each.survivors):9} {each.percent:8.1f}")
    return "\n".join(lines)
