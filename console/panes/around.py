"""What stands under candles and book where a market has the room: its last trades, and other markets, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.cells import price_text, quantities
from console.panes.drawing import Scene, fitted, width_of
from console.panes.sparks import PERIODS, STEP, Sparks
from console.screens.confirm_line import Line, Span
from console.text import safe_text
from storage.clock import HOUR

if TYPE_CHECKING:
    from console.market_data import MarketsView, Tape
    from console.state import ConsoleState
    from storage.market_models import Candle
    from storage.money import Price

OTHERS: Final = 4
"""Other markets that are shown at most."""

OLD_TAPE_S: Final = 15.0
OLD_CANDLES_S: Final = 180.0
"""Seconds after which what was fetched is called old: three times as long as it is asked for again."""

_NAME, _PRICE, _CHANGE = 7, 9, 8


def others_of(state: ConsoleState, market: str) -> tuple[str, ...]:
    """The other markets most worth a line: with a proposal, then held, then looked at."""
    proposed = [view.proposal.market for view in state.proposals]
    held = [holding.market for holding in state.portfolio.holdings if holding.bought.is_positive]
    looked = sorted(str(row["market"]) for row in state.looks)
    return tuple(other for other in dict.fromkeys((*proposed, *held, *looked)) if other != market)[:OTHERS]


def heading(words: Sequence[str], age: Span, width: int, scene: Scene) -> Line:
    """A thin line with a name in it and, at its end, how old what stands under it is; words that do not fit go."""
    across = scene.symbols.paper.across
    end = (Span(" "), age, Span(f" {across}", "muted")) if age.text else (Span(across, "muted"),)
    texts = [f"{across} {f' {across} '.join(words[:count])} " for count in range(len(words), 0, -1)]
    text = next((text for text in texts if len(text) + width_of(end) <= width), texts[-1])
    fill = max(width - len(text) - width_of(end), 0)
    return fitted((Span(text + across * fill, "muted"), *end), width, scene.symbols.cut)


def aged(fetched: float | None, limit: float, scene: Scene) -> Span:
    """How long ago something was fetched; ``old`` when that is too long."""
    if fetched is None:
        return Span("")
    old = scene.monotonic - fetched > limit
    text = scene.age(fetched)
    return Span(f"old, {text}" if old else text, "wait" if old else "muted")


def trade_lines(tape: Tape | None, scene: Scene, size: tuple[int, int], tick: Price | None) -> list[Line]:
    """The last trades, newest first: when, on which side the taker was, price, quantity."""
    width, height = size
    if height < 2:
        return []
    age = aged(None if tape is None else tape.fetched, OLD_TAPE_S, scene)
    head = heading(("last trades",), age, width, scene)
    if tape is None:
        return [head, (Span(" not fetched yet", "muted"),)]
    if not tape.trades:
        return [head, (Span(" nobody has traded here yet", "muted"),)]
    shown = tape.trades[: height - 1]
    prices = [price_text(trade.price, tick, 11, rounded=True) for trade in shown]
    room = max(map(len, prices))
    spell = fmt.clock if room <= 9 else fmt.minute
    lines: list[Line] = [head]
    sizes = quantities([trade.quantity for trade in shown])
    for trade, price, size_text in zip(shown, prices, sizes, strict=True):
        start = (Span(f" {spell(trade.at, scene.zone)} ", "muted"), Span(trade.side.upper(), trade.side.value))
        left = width - width_of(start) - room - 4
        side_gap = " " * (4 - len(trade.side.value))
        lines.append((*start, Span(f"{side_gap} {price:>{room}} {size_text:>{min(max(left, 1), 9)}}")))
    return [fitted(line, width, scene.symbols.cut) for line in lines]


def sparks_wanted(others: Sequence[str], view: MarketsView | None, width: int, *, ascii_only: bool) -> Sparks | None:
    """The one-line charts to draw; None while nothing is known or there is no room."""
    room = width - _NAME - _PRICE - _CHANGE - 5
    known = {} if view is None else view.candles
    if room < 4 or not any(known.get(other) for other in others):
        return None
    return Sparks(tuple(others), tuple(known.get(other, ()) for other in others), room, ascii_only)


def other_lines(
    others: Sequence[str],
    view: MarketsView | None,
    drawn: tuple[Sparks, Sequence[Line]] | None,
    state: ConsoleState,
    scene: Scene,
    width: int,
) -> list[Line]:
    """A heading and one line for each market: name, last close, ten hours of closes, and how far it came in them."""
    fetched = [] if view is None else [view.fetched[other] for other in others if other in view.fetched]
    span = f"{PERIODS * STEP // HOUR} h of 5 m closes"
    lines = [heading(("other markets", span), aged(min(fetched, default=None), OLD_CANDLES_S, scene), width, scene)]
    # While newer closes are drawn, the line before stays: it is a second older at most.
    sparks = {} if drawn is None else dict(zip(drawn[0].markets, drawn[1], strict=True))
    for other in others:
        candles = None if view is None else view.candles.get(other)
        lines.append(_other(other, candles, sparks.get(other, ()), state.tick_sizes.get(other), scene, width))
    return [fitted(line, width, scene.symbols.cut) for line in lines]


def _other(
    market: str, candles: Sequence[Candle] | None, spark: Sequence[Span], tick: Price | None, scene: Scene, width: int
) -> Line:
    name = f" {safe_text(market, 20):<{_NAME}.{_NAME}} "
    if candles is None or not candles:
        return (Span(name), Span("not fetched yet" if candles is None else "no trades in this time", "muted"))
    price = price_text(candles[-1].close, tick, _PRICE, rounded=True)
    room = width - _NAME - _PRICE - _CHANGE - 5
    change = candles[-1].close.ratio(candles[max(len(candles) - PERIODS, 0)].open) - 1
    moved = fmt.percent(change, spaced=False)
    token = "up" if change > 0 else "down" if change < 0 else ""
    return (
        Span(f"{name}{price:>{_PRICE}} "), *fitted(spark, max(room, 0)), Span(f" {moved:>{_CHANGE}}", token)
    )  # fmt: skip
