"""The card *since you left*: money first, then what was done, missed, changed, and what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.cells import at_text
from console.panes.drawing import Scene, paragraph
from console.screens.bars import counted
from console.screens.base import DRIVER_ERRORS, frame_lines, keyed
from console.screens.cards import Card
from console.screens.confirm_line import NARROW, Line, Span
from console.symbols import UNICODE
from console.text import safe_text
from storage.money import Eur

if TYPE_CHECKING:
    from console.state import ConsoleState
    from storage.clock import Micros
    from storage.execution_models import Execution
    from storage.presence import Absence

ASK_SECONDS: Final = 10.0
RUNNERS_NAMED: Final = 2
"""Consoles and workers that the card names beside this one; of more it says how many."""


class SinceCard(Card, inherit_bindings=False):
    """What happened while nobody pressed a key. It goes on counting until somebody does."""

    def __init__(self, since: Micros) -> None:
        super().__init__()
        self.since = since
        self.absence: Absence | None = None
        self.problem: str | None = None

    def on_mount(self) -> None:
        """Read what happened, now and every ten seconds."""
        self._ask()
        self.set_interval(ASK_SECONDS, self._ask)

    def _ask(self) -> None:
        self.background(self._learn, "absence")

    async def _learn(self) -> None:
        try:
            self.absence, self.problem = await self.console.driver.absence(self.since), None
        except DRIVER_ERRORS as error:
            self.problem = safe_text(error, 200)
        self.redraw()

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """One line a subject."""
        inner, state = width - 2, self.console.driver.state
        titles = [Span("SINCE YOU LEFT", "strong"), Span(fmt.age(max(scene.now - self.since, 0)))]
        today = Span(f"{fmt.day(scene.now, scene.zone)} {fmt.minute(scene.now, scene.zone)}")
        now = [today] if width >= NARROW else []
        last = f"last key {fmt.day(self.since, scene.zone)} {fmt.minute(self.since, scene.zone)}"
        if self.absence is not None:
            last = f" {scene.symbols.dot} ".join((last, *runners(self.absence, state, scene)))
        body: list[Line] = [*paragraph(" ", last, inner - 1, 2 if width >= NARROW else 6), ()]
        if self.absence is None:
            body.append((Span(f" {self.problem or 'reading'}", "wait"),))
        else:
            for label, text, token in subjects(self.absence, state, scene):
                rows = paragraph(f" {label:<11} ", text, inner - 1, 5)
                body += [(row[0], Span(row[1].text, token)) for row in rows]
        return frame_lines(scene, titles, now, [*body, (), keyed(" {Enter} goes on")], width)


def subjects(absence: Absence, state: ConsoleState | None, scene: Scene) -> list[tuple[str, str, str]]:
    """Label, words and colour token of each line of the card."""
    dot = f" {scene.symbols.dot} "
    alerts = absence.alerts
    look = "nothing" if not alerts else f"{counted(len(alerts), 'alert')}{dot}{safe_text(alerts[0].text, 160)}"
    return [
        ("money", _money(absence, state, dot, scene), ""),
        ("did", _did(absence, state, dot), "stop" if absence.undecided else ""),
        ("missed", _missed(absence, dot), ""),
        ("limits", _limits(absence, dot, scene), "wait" if absence.trading else ""),
        ("look at", look, "wait" if alerts else ""),
        ("now", _now(state), ""),
    ]


def runners(absence: Absence, state: ConsoleState | None, scene: Scene) -> list[str]:
    """Who ran the jobs meanwhile: each with when it ended, or that it runs on; this console last."""
    own = None if state is None else state.instance
    others = [runner for runner in absence.runners if runner.instance != own]
    told = []
    for runner in others[:RUNNERS_NAMED]:
        name = safe_text(runner.instance, 20)
        if runner.runs or runner.last is None:
            told.append(f"{name} runs on")
        else:
            ended = fmt.until(runner.last, scene.now, scene.zone)
            told.append(f"{name} ran until {ended}{', killed' if runner.killed else ''}")
    if len(others) > RUNNERS_NAMED:
        told.append(f"{len(others) - RUNNERS_NAMED} more ran")
    if any(runner.instance == own and runner.runs for runner in absence.runners):
        told.append("jobs run here now")
    elif not any(runner.runs for runner in absence.runners):
        told.append("nobody runs the jobs now")
    return told


def _money(absence: Absence, state: ConsoleState | None, dot: str, scene: Scene) -> str:
    """``1 188.73 → 1 204.30 EUR +15.57 (+1.3 %)``, as far as both are known, then what was dealt and what it cost."""
    after = None if state is None else state.portfolio.total
    parts = [_worth(absence, after, "→" if scene.symbols.name == UNICODE.name else "to")]
    if absence.fills:
        parts.append(f"sold with {fmt.eur_signed(absence.result)} after fees" if absence.result != Eur.zero() else "")
        parts.append(f"{counted(absence.fills, 'fill')}, fees {fmt.eur(absence.fees)}")
    else:
        parts.append("nothing was bought or sold")
    if absence.flows:
        parts.append(f"{counted(absence.flows, 'deposit or withdrawal', 'deposits or withdrawals')} in it")
    if absence.model_cost.is_positive:
        parts.append(f"model cost {'at most ' if absence.model_open else ''}{fmt.eur(absence.model_cost)}")
    return dot.join(part for part in parts if part)


def _worth(absence: Absence, after: Eur | None, to: str) -> str:
    before = absence.before
    if after is None:
        return "worth not known now" + ("" if before is None else f", {fmt.eur(before)} EUR before")
    if before is None:
        return f"worth {fmt.eur(after)} EUR, before is not known"
    change = after - before
    share = "" if before.is_zero else f" ({fmt.percent(change.ratio(before), 1)})"
    return f"{fmt.eur(before)} {to} {fmt.eur(after)} EUR {fmt.eur_signed(change)}{share}"


def _did(absence: Absence, state: ConsoleState | None, dot: str) -> str:
    kinds = (
        (absence.undecided, "UNKNOWN or on its way"),
        (absence.filled, "filled"),
        (absence.canceled, "cancelled"),
        (absence.resting, "resting"),
    )
    told = [f"{len(orders)} {word}: {_named(orders, state)}" for orders, word in kinds if orders]
    return dot.join(told) if told else "no order ended or came to rest"


def _named(orders: Sequence[Execution], state: ConsoleState | None) -> str:
    """The newest order of a kind in words, and that there are more."""
    order = orders[0]
    tick = None if state is None else state.tick_sizes.get(order.market)
    limit = f" {at_text(order, tick)}"
    more = f" and {len(orders) - 1} more" if len(orders) > 1 else ""
    return f"{order.side.value.upper()} {safe_text(order.market.partition('-')[0], 10)}{limit}{more}"


def _missed(absence: Absence, dot: str) -> str:
    parts = [f"{counted(absence.expired, 'idea')} expired"] if absence.expired else []
    parts += [f"{counted(absence.refused, 'refusal')} by the gate"] if absence.refused else []
    return dot.join(parts) if parts else "no idea expired"


def _limits(absence: Absence, dot: str, scene: Scene) -> str:
    parts = [f"trading {safe_text(absence.trading[-1], 120)}"] if absence.trading else ["trading unchanged"]
    parts.append(f"policy {safe_text(absence.policies[-1], 40)}" if absence.policies else "policy unchanged")
    if absence.stages:
        parts.append(f"stage {safe_text(absence.stages[-1], 20)}")
    if absence.sweep is not None:
        agrees = f"exchange agrees {scene.symbols.passed}"
        parts.append(agrees if absence.sweep.clean else "exchange and vault differ")
    return dot.join(parts)


def _now(state: ConsoleState | None) -> str:
    if state is None:
        return "not known yet"
    ready = sum(view.blocking is None for view in state.proposals)
    return f"{counted(len(state.proposals), 'idea')} live, {ready} ready"
