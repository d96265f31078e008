"""What the gauntlet found: figures per contender, and whether they prove anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from console.gauntlet.course import CONTENDERS, HORIZON_S, OURS, TIMES, Drawing, run_one, runs
from console.gauntlet.script import LATEST_S, draw_script
from console.gauntlet.tally import Tally

Progress = Callable[[], None]
"""Called after every run of every contender."""


class Verdict(StrEnum):
    """What the figures say."""

    PROVED = "proved"
    """Ours has no duplicate and no lost order, and each of the others has."""
    FAILED = "failed"
    """Ours has a duplicate or a lost order."""
    NOTHING = "proved nothing"
    """Nothing went wrong where something should have, or ours did less than the others: no stakes, no proof."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figures(_Part):
    """One contender over all runs; ``Tally`` says how each is counted from exchange.db."""

    policy: str
    one_order: int
    """Runs that ended with exactly one order at the exchange, as was wanted."""
    no_order: int
    """Runs that ended with none: refused, banned, or never applied."""
    duplicates: int
    """Orders beyond the first of their idea."""
    lost: int
    """Orders, or fills of them, that the contender does not know of and is not looking for."""
    unresolved: int
    """Orders of which it says UNKNOWN at the end, and goes on looking."""


class Report(_Part):
    """The whole gauntlet. The same runs and seed give the same report."""

    runs: int
    seed: int
    verdict: Verdict
    why: str
    times_an_idea_comes: int
    seconds_of_a_run: int
    latest_apply_s: float
    """No order is applied later than this after its request: see the scripts."""
    faults: dict[str, int]
    """In how many runs each fault was in force."""
    policies: tuple[Figures, ...]
    """Ours first."""


RIVALS: Final = tuple(name for name in CONTENDERS if name != OURS)


async def run_gauntlet(
    count: int, seed: int, drawing: Drawing = draw_script, progress: Progress = lambda: None
) -> Report:
    """Every run of every contender, one after the other. Raises VaultError, ExchangeError for what none should meet."""
    tallies: dict[str, list[Tally]] = {name: [] for name in CONTENDERS}
    faults: Counter[str] = Counter()
    for script, wish, own in runs(count, seed, drawing):
        faults.update(script.names)
        for name, enter in CONTENDERS.items():
            tallies[name].append(await run_one(enter, script, wish, own))
            progress()
    figures = {name: figures_of(name, found) for name, found in tallies.items()}
    verdict, why = judge(figures[OURS], [figures[name] for name in RIVALS])
    return Report(
        runs=count,
        seed=seed,
        verdict=verdict,
        why=why,
        times_an_idea_comes=TIMES,
        seconds_of_a_run=HORIZON_S,
        latest_apply_s=LATEST_S,
        faults=dict(sorted(faults.items())),
        policies=tuple(figures.values()),
    )


def figures_of(policy: str, tallies: list[Tally]) -> Figures:
    """The sums over all runs of one contender."""
    return Figures(
        policy=policy,
        one_order=sum(each.orders == 1 for each in tallies),
        no_order=sum(each.orders == 0 for each in tallies),
        duplicates=sum(each.duplicates for each in tallies),
        lost=sum(each.lost for each in tallies),
        unresolved=sum(each.unresolved for each in tallies),
    )


def judge(ours: Figures, rivals: list[Figures]) -> tuple[Verdict, str]:
    """The verdict, and one sentence on why."""
    if ours.duplicates or ours.lost:
        return Verdict.FAILED, f"{ours.policy} has {ours.duplicates} duplicate and {ours.lost} lost orders"
    unharmed = [each.policy for each in rivals if not each.duplicates and not each.lost]
    if unharmed:
        names = ", ".join(unharmed)
        return Verdict.NOTHING, f"nothing went wrong for {names} either: more runs or other faults are needed"
    if ours.one_order < min(each.one_order for each in rivals):
        return (
            Verdict.NOTHING,
            f"{ours.policy} got fewer ideas to the exchange than any other: who sends nothing errs not",
        )
    return Verdict.PROVED, "the same faults cost every other policy orders, and this program none"
