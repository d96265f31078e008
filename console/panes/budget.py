"""Pane 2: how much of every cap is used, and when room comes back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.screens.confirm_line import Line, Span
from storage.money import Eur

if TYPE_CHECKING:
    from console.panes.drawing import Scene
    from console.state import ConsoleState
    from storage.gauges import Gauge

BAR: Final = 10
FIGURE: Final = 10
"""Cells of a figure, so that what follows stands in one column; fewer where a longer time needs them."""
_WORDS: Final = {
    "calls": "calls",
    "calls_hour": "hour",
    "cost": "cost",
    "scans": "scans",
    "trades": "trades",
    "trades_hour": "tr. 1h",
    "exits": "exits",
    "exits_hour": "ex. 1h",
    "exposure": "expos.",
    "loss": "loss",
}
_ROOMY_WORDS: Final = {
    "calls_hour": "calls 1 h",
    "trades_hour": "trades 1 h",
    "exits_hour": "exits 1 h",
    "exposure": "exposure",
}
ROOMY: Final = 50
"""Cells from which nothing is abbreviated."""
_ALWAYS: Final = ("calls", "calls_hour", "cost", "trades", "exposure")
_THEN: Final = ("scans", "loss", "trades_hour", "exits", "exits_hour")
"""Which gauges stay where there is no room for all; in a taller pane the others follow in this order."""

_EURO: Final = ("cost", "exposure")


def lines(state: ConsoleState, scene: Scene, width: int, height: int) -> list[Line]:
    """The gauges in their fixed order, as many as there are rows for; on one row calls and trades alone."""
    known = {gauge.name: gauge for gauge in state.gauges}
    if height == 1:
        return [_one_line(known, scene)]
    shown = {*_ALWAYS, *_THEN[: max(height - len(_ALWAYS), 0)]}
    drawn = [_line(gauge, known, scene, width) for name, gauge in known.items() if name in shown]
    return drawn[:height]


def _one_line(known: dict[str, Gauge], scene: Scene) -> Line:
    calls, trades = known["calls"], known["trades"]
    return (
        Span(" calls "),
        *_bar(calls, scene),
        Span(f" {_figure(calls)}"),
        Span(f"  trades {_figure(trades)}", "wait" if _at_its_end(trades) else ""),
    )


def _line(gauge: Gauge, known: dict[str, Gauge], scene: Scene, width: int) -> Line:
    figure = _amount(gauge, known)
    roomy = width >= ROOMY
    word = _ROOMY_WORDS.get(gauge.name, _WORDS[gauge.name]) if roomy else _WORDS[gauge.name]
    head = f" {word:<{10 if roomy else 6}} "
    room = width - len(head) - BAR - len(figure) - 1
    tails = _tails(gauge, scene)
    if gauge.name == "trades" and not _at_its_end(gauge) and _at_its_end(known["trades_hour"]):
        # the hour is what stops the next trade
        tails = [Span(f"{tail.text} h", "wait") for tail in _tails(known["trades_hour"], scene)]
    tail = next((tail for tail in tails if len(tail.text) <= room), Span(""))
    column = max(min(FIGURE, len(figure) + 1 + room - len(tail.text)), len(figure) + 1)
    return (Span(head), *_bar(gauge, scene), Span(f"{figure:<{column}}"), tail)


def _bar(gauge: Gauge, scene: Scene) -> Line:
    """Used, reserved, free. Anything used shows at least one cell, and only what is full shows none free."""
    symbols = scene.symbols
    if gauge.used is None or gauge.cap <= 0:
        return (Span(symbols.free * BAR, "muted"),)
    used = _cells(gauge.used, gauge.cap)
    both = max(_cells(gauge.used + gauge.reserved, gauge.cap), used + (1 if gauge.reserved > 0 and used < BAR else 0))
    token = "wait" if _at_its_end(gauge) else ""
    return (
        Span(symbols.used * used, token),
        Span(symbols.reserved * (both - used), "wait"),
        Span(symbols.free * (BAR - both), "muted"),
    )


def _cells(amount: Decimal, cap: Decimal) -> int:
    if amount >= cap:
        return BAR
    cells = int((amount * BAR / cap).to_integral_value())
    return min(max(cells, 1 if amount > 0 else 0), BAR - 1)


def _at_its_end(gauge: Gauge) -> bool:
    return gauge.full and (gauge.name != "loss" or gauge.used is None or gauge.used > 0)


def _amount(gauge: Gauge, known: dict[str, Gauge]) -> str:
    if gauge.name == "loss":
        return f"   {_loss(gauge, known['exposure'])}"
    if gauge.name in _EURO:
        return f"   {_figure(gauge)} EUR"
    used, _, cap = _figure(gauge).partition("/")
    return f"{used:>4}/{cap}"


def _figure(gauge: Gauge) -> str:
    if gauge.name in _EURO:
        decimals = 2 if gauge.name == "cost" else 0
        used = "?" if gauge.used is None else _euros(gauge.used + gauge.reserved, decimals)
        return f"{used}/{_euros(gauge.cap, decimals)}"
    used = "?" if gauge.used is None else f"{gauge.used + gauge.reserved:f}"
    return f"{used}/{gauge.cap:f}"


def _euros(amount: Decimal, decimals: int) -> str:
    """Euros for a gauge: whole ones where cents say nothing, never rounded to less than there is."""
    if decimals:
        return fmt.eur(Eur(amount), grouped=False)
    return f"{amount.to_integral_value('ROUND_CEILING'):f}"


def _loss(gauge: Gauge, exposure: Gauge) -> str:
    """The loss of 24 h as a share of the exposure limit, beside the share at which buying ends."""
    if exposure.cap <= 0:
        return f"{'?' if gauge.used is None else _euros(gauge.used, 2)}/0 EUR"
    limit = f"{fmt.percent(gauge.cap / exposure.cap, 1, signed=False, spaced=False)[:-1].removesuffix('.0')} % 24 h"
    if gauge.used is None:
        return f"? of {limit}"
    share = fmt.percent(gauge.used / exposure.cap, 1, signed=False, spaced=False)[:-1]
    return f"{'0' if gauge.used == 0 else share} of {limit}"


def _tails(gauge: Gauge, scene: Scene) -> list[Span]:
    """When room comes back, or when it is full at this pace; in ever shorter wordings, each true by itself."""
    if gauge.used is None:
        return [Span("no bid", "wait")]
    if gauge.cap <= 0:
        return [Span("none", "muted")]
    if _at_its_end(gauge) and gauge.name in ("exposure", "loss"):
        return [Span("reached", "stop" if gauge.name == "loss" else "wait")]
    filling = gauge.full_at is not None and not gauge.full
    at = gauge.full_at if filling else gauge.frees_at
    if at is None:
        return []
    word = "full" if filling else "frees" if gauge.name == "cost" else "+1"
    token = "wait" if _at_its_end(gauge) else "muted"
    # Every window is at most 24 hours long: the time alone still says which day it is.
    times = (fmt.soon(at, scene.now, scene.zone), fmt.minute(at, scene.zone))
    return [Span(f"{word} {time}", token) for time in times]
