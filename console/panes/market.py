"""Pane 5: candles and book of one market, with the selected proposal's prices marked in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.around import other_lines, others_of, trade_lines
from console.panes.cells import price_text, quantities
from console.panes.chart import Wanted, column_of, marked, price_range, row_of
from console.panes.drawing import Scene, fitted
from console.panes.proposals import QUOTE_SECONDS, most_urgent
from console.screens.confirm_line import Line, Span
from console.text import fit, safe_text
from storage.clock import HOUR, MINUTE
from storage.codes import Side
from storage.money import Price

if TYPE_CHECKING:
    from console.market_data import MarketsView
    from console.panes.sparks import Sparks
    from console.state import ConsoleState, ProposalView
    from storage.market_models import Candle, Level, Quote

BESIDE: Final = 70
"""Cells from which the book stands beside the candles, not under them."""

BOOK: Final = 34
_LEVELS: Final = 8
_MARK: Final = 3

ROOMY: Final = 16
"""Rows from which last trades stand under the book and other markets under the candles."""

_LEAST_TRADES: Final = 7
"""Rows of the last trades with their heading, at least."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A price of the proposal, drawn in the chart: ``L`` its limit, ``X`` where it is wrong, ``E`` where it pays."""

    sign: str
    word: str
    price: Price


@dataclass(frozen=True, slots=True)
class Plan:
    """How the pane is divided: cells and rows of chart and book."""

    chart: tuple[int, int]
    axis: int
    book: tuple[int, int]
    beside: bool
    trades: int = 0
    """Rows of the last trades under the book."""
    others: int = 0
    """Rows of the other markets under the candles."""

    @property
    def left(self) -> int:
        """Cells left of the book."""
        return self.chart[0] + self.axis + _MARK + 2


def market_of(state: ConsoleState, selected: ProposalView | None) -> tuple[str, ProposalView | None] | None:
    """The market to show: of the selected proposal, of the most urgent one, else the first that was quoted."""
    view = selected if selected is not None else most_urgent(state.proposals)
    view = state.proposals[0] if view is None and state.proposals else view
    if view is not None:
        return view.proposal.market, view
    market = min(state.quotes, default=None)
    return None if market is None else (market, None)


def named(market: str) -> str:
    """A market's name as a title may show it."""
    return safe_text(market, 20)


def marks_of(view: ProposalView | None) -> tuple[Mark, ...]:
    """Limit, break-even and the price that proves it wrong, as far as the proposal has them."""
    if view is None:
        return ()
    prices = (
        ("L", "limit", view.proposal.limit),
        ("E", "even", view.break_even),
        ("X", "wrong", view.proposal.rationale.invalidation_price),
    )
    return tuple(Mark(sign, word, price) for sign, word, price in prices if price is not None)


def plan(width: int, height: int, axis: int, others: int = 0) -> Plan:
    """Candles and book beside or above each other, as the pane's shape asks; ``others`` are other markets to show."""
    if width >= BESIDE:
        cells = max(width - BOOK - axis - _MARK - 3, 1)
        if height < ROOMY:
            return Plan((cells, height), axis, (BOOK, height), True)
        below, rows = others + 1 if others else 0, min(2 * _LEVELS + 2, height - _LEAST_TRADES)
        return Plan((cells, height - below), axis, (BOOK, rows), True, height - rows, below)
    rows = min(max(height * 5 // 12, 3), 2 * _LEVELS + 2)
    above = max(height - rows, 0)
    return Plan((max(width - axis - _MARK - 2, 1), above), axis, (width, height - above), False)


def wanted(
    state: ConsoleState, market: str, marks: Sequence[Mark], width: int, height: int, *, ascii_only: bool
) -> Wanted | None:
    """The chart to draw for a pane of this size; None while there are no candles or no room."""
    candles = state.candles.get(market, ())
    divided = plan_of(state, market, width, height)
    span = price_range(candles, [mark.price for mark in marks], divided.chart[0])
    if span is None or divided.chart[1] < 1:
        return None
    return Wanted(market, candles, *divided.chart, *span, ascii_only)


def plan_of(state: ConsoleState, market: str, width: int, height: int) -> Plan:
    """How a pane of this size is divided for this market."""
    axis = _axis_width(state.candles.get(market, ()), state.tick_sizes.get(market))
    return plan(width, height, axis, len(others_of(state, market)))


@dataclass(frozen=True, slots=True)
class Beside:
    """What else is shown where there is room: last trades, and other markets with their drawn lines."""

    view: MarketsView | None = None
    sparks: tuple[Sparks, Sequence[Line]] | None = None


def lines(
    state: ConsoleState,
    shown: tuple[str, ProposalView | None] | None,
    drawn: tuple[Wanted, Sequence[Line]] | None,
    scene: Scene,
    size: tuple[int, int],
    beside: Beside = Beside(),
) -> list[Line]:
    """The pane's body. ``drawn`` is the newest finished chart with what it was drawn from."""
    width, height = size
    if shown is None:
        return [(Span(" no market is quoted yet", "muted"),)]
    market, view = shown
    marks, tick = marks_of(view), state.tick_sizes.get(market)
    divided = plan_of(state, market, width, height)
    chart = _chart(state, market, marks, drawn, divided, tick)
    book = _book(state.quotes.get(market), view, marks, scene, divided.book, tick)
    if not divided.beside:
        return [*chart, *book]
    if divided.others:
        others = others_of(state, market)
        chart += other_lines(others, beside.view, beside.sparks, state, scene, divided.left)
    if divided.trades:
        book += [()] * (divided.book[1] - len(book))
        tape = None if beside.view is None else beside.view.tape
        book += trade_lines(tape, scene, (divided.book[0], divided.trades), tick)
    left = width - BOOK - 1
    wall = Span(scene.frame.down, "muted")
    return [
        (*fitted(chart[row] if row < len(chart) else (), left), wall, *(book[row] if row < len(book) else ()))
        for row in range(height)
    ]


def title_facts(state: ConsoleState, market: str) -> tuple[Span, ...]:
    """How long a candle is, and how old the newest one."""
    candles = state.candles.get(market, ())
    if len(candles) < 2:
        return (Span("no candles yet", "muted"),)
    step = candles[-1].at - candles[-2].at
    length = f"{step // HOUR} h" if step >= HOUR and step % HOUR == 0 else f"{step // MINUTE} m"
    return (Span(f"{length} candles"),)


def age(state: ConsoleState, market: str, scene: Scene) -> Span:
    """Since the book was last confirmed."""
    quote = state.quotes.get(market)
    if quote is None or quote.book_confirmed is None:
        return Span("no book", "wait")
    old = scene.monotonic - quote.book_confirmed > QUOTE_SECONDS
    text = scene.age(quote.book_confirmed)
    return Span(f"old, {text}" if old else text, "wait" if old else "muted")


def _axis_width(candles: Sequence[Candle], tick: Price | None) -> int:
    return max((len(_price(candle.high, tick)) for candle in candles[-1:]), default=1)


def _price(price: Price, tick: Price | None) -> str:
    return price_text(price, tick, 11, rounded=True)


def _chart(
    state: ConsoleState,
    market: str,
    marks: Sequence[Mark],
    drawn: tuple[Wanted, Sequence[Line]] | None,
    divided: Plan,
    tick: Price | None,
) -> list[Line]:
    width, height = divided.chart
    if not state.candles.get(market):
        return _said("no candles yet", height)
    if drawn is None or (drawn[0].market, drawn[0].width, drawn[0].height) != (market, width, height):
        return _said("drawing the candles", height)
    made, body = drawn
    signs: dict[int, str] = {}
    for mark in marks:
        row = row_of(mark.price, made.low, made.high, height)
        if row is not None:
            signs[row] = signs.get(row, "") + mark.sign
    labelled = {0: made.high, height // 2: _middle(made), height - 1: made.low} if height >= 5 else {0: made.high}
    if 1 < height < 5:
        labelled[height - 1] = made.low
    fills = _fills(state, market, made, height)
    lines: list[Line] = []
    for row in range(height):
        label = _price(labelled[row], tick) if row in labelled else ""
        sign = f" {signs[row]}"[: _MARK + 1] if row in signs else ""
        drawing = fitted(body[row], width)
        for column, side in fills.get(row, ()):
            drawing = marked(drawing, column, Span(side, "accent strong"))
        lines.append((Span(f" {label:>{divided.axis}} ", "muted"), *drawing, Span(sign, "accent")))
    return lines


def _fills(state: ConsoleState, market: str, made: Wanted, height: int) -> dict[int, list[tuple[int, str]]]:
    """Our own fills in the chart, by its rows: the column of their time, and ``B`` or ``S``."""
    found: dict[int, list[tuple[int, str]]] = {}
    for line in reversed(state.history):
        trade = line.trade
        if trade is None or line.market != market or trade.price is None:
            continue
        row, column = row_of(trade.price, made.low, made.high, height), column_of(trade.at, made)
        if row is not None and column is not None:
            found.setdefault(row, []).append((column, line.side.value[0].upper()))
    return found


def _middle(made: Wanted) -> Price:
    return Price(((made.low.value + made.high.value) / 2).normalize())


def _said(text: str, height: int) -> list[Line]:
    return [(Span(f" {text}", "muted"),), *([()] * (height - 1))] if height > 0 else []


def _book(
    quote: Quote | None,
    view: ProposalView | None,
    marks: Sequence[Mark],
    scene: Scene,
    size: tuple[int, int],
    tick: Price | None,
) -> list[Line]:
    """Asks above the spread, bids below it, the best next to it; then the proposal's prices, where there is room."""
    width, height = size
    if quote is None or not (quote.asks or quote.bids):
        return _said("no book", height)
    legend = _legend(marks, scene, width, tick) if height >= 7 else []
    levels = min((height - 1 - len(legend)) // 2, _LEVELS)
    asks, bids = quote.asks[:levels], quote.bids[:levels]
    largest = max(level.quantity.value for level in (*asks, *bids)) if asks or bids else None
    room = max((len(_price(level.price, tick)) for level in (*asks, *bids)), default=1)
    drawn: list[Line] = []
    sizes = dict(zip((*asks, *bids), quantities([level.quantity for level in (*asks, *bids)]), strict=True))
    cells = max(8, *map(len, sizes.values())) if sizes else 8
    for word, side in (("ask", tuple(reversed(asks))), ("bid", bids)):
        if word == "bid":
            drawn.append(_spread(quote, tick))
        for level in side:
            bar = 0 if largest is None or largest <= 0 else max(int(level.quantity.value * 8 / largest), 1)
            text = f" {word} {_price(level.price, tick):>{room}} {sizes[level]:>{cells}} "
            drawn.append(_level(text, bar, _reached(view, word, level), scene, width))
    return [fitted(line, width, scene.symbols.cut) for line in (*drawn, *legend)][:height]


def _level(text: str, bar: int, reached: str, scene: Scene, width: int) -> tuple[Span, ...]:
    end = reached if len(text) + bar + 1 + len(reached) <= width else "<" if reached else ""
    return (Span(text), Span(scene.symbols.free * bar, "muted"), Span(f" {end}" if end else "", "accent"))


def _reached(view: ProposalView | None, word: str, level: Level) -> str:
    """Names the proposal on the levels its limit reaches."""
    if view is None or view.proposal.limit is None:
        return ""
    buys = view.proposal.side is Side.BUY
    if (word == "ask") is not buys:
        return ""
    within = level.price <= view.proposal.limit if buys else level.price >= view.proposal.limit
    return f"< {view.proposal.id}" if within else ""


def _spread(quote: Quote, tick: Price | None) -> Line:
    if quote.ask is None or quote.bid is None:
        return (Span(" one side of the book is empty", "wait"),)
    gap = quote.ask - quote.bid
    middle = (quote.ask + quote.bid).value / 2
    share = fmt.percent(gap.value / middle, 3, signed=False) if middle > 0 else "?"
    return (Span(f" spread {_price(gap, tick)} EUR, {share}", "muted"),)


def _legend(marks: Sequence[Mark], scene: Scene, width: int, tick: Price | None) -> list[Line]:
    """What the signs in the chart stand for: ``L 61 200 · E 61 471 · X 60 400``."""
    if not marks:
        return []
    texts = [f"{mark.sign} {_price(mark.price, tick)}" for mark in marks]
    text = f" {f' {scene.symbols.dot} '.join(texts)}"
    if len(text) > width:
        text = " " + " ".join(texts)
    return [(Span(fit(safe_text(text.strip(), 200), max(width - 1, 1)).rjust(width), "accent"),)]
