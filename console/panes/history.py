"""Pane 4: what happened, fills and ghosts alike, newest first, a line between the days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.cells import market_name, price_text, priced, side_cell
from console.panes.rows import Cell, Column, Row
from console.screens.confirm_line import Span
from console.text import safe_text
from storage.codes import TERMINAL
from storage.money import Eur

if TYPE_CHECKING:
    from console.panes.drawing import Scene
    from console.past import HistoryLine
    from console.state import ConsoleState
    from storage.clock import Micros
    from storage.execution_models import Trade
    from storage.money import Price, Quantity

_STANDARD: Final = (
    Column("time", 5),
    Column("side", 4),
    Column("market", 7),
    Column("quantity", 11, "right"),
    Column("price", 9, "right"),
    Column("EUR", 8, "right"),
    Column("fee", 6, "right"),
    Column("end", 9),
    Column("now", 10),
)
_COMPACT: Final = (
    Column("time", 5),
    Column("side", 4),
    Column("market", 7),
    Column("deal", 18),
    Column("EUR", 9, "right"),
    Column("fee", 8),
    Column("end", 9),
    Column("now", 10),
)
"""Without titles every figure needs its word."""

_WIDE: Final = (
    Column("time", 8),
    Column("id", 5, "right"),
    Column("side", 4),
    Column("market", 9),
    Column("quantity", 16, "right"),
    Column("price", 12, "right"),
    Column("EUR", 10, "right"),
    Column("fee", 8, "right"),
    Column("end", 15),
)
WIDE_FROM: Final = 110
_WIDE_CELLS: Final = 1 + sum(column.width + 1 for column in _WIDE)
NOW_FROM: Final = 15
"""Cells of a narrow list from which its ends have room for what became of them since."""
NO_ROWS: Final = "none"


TITLED_ROWS: Final = 8
"""Rows from which a line is spent on the columns' titles."""


def columns(width: int, *, titled: bool = True) -> tuple[Column, ...]:
    """The columns that fit a pane of this inner width."""
    if width >= 78 and not titled:
        return _COMPACT
    if width >= WIDE_FROM:
        return (*_WIDE, Column("now", width - _WIDE_CELLS))
    if width >= 78:
        return _STANDARD
    rest = width - 27
    return (
        Column("time", 5),
        Column("side", 4),
        Column("coin", 5),
        Column("EUR", 8, "right"),
        *((Column("end", 6), Column("now", rest - 7)) if rest >= NOW_FROM else (Column("end", rest),)),
    )


@dataclass(frozen=True, slots=True)
class Past:
    """More than the newest lines: what is loaded, and what stands over and under it."""

    lines: tuple[HistoryLine, ...]
    folded: Mapping[str, tuple[int, Micros]]
    """Expired ideas that are only counted: how many there are by date, and when the newest of them expired."""
    head: str = ""
    foot: str = ""
    whole: bool = True
    """Whether the oldest day is loaded whole, so that its count is all there is."""


def rows(state: ConsoleState, scene: Scene, width: int, *, titled: bool = True, past: Past | None = None) -> list[Row]:
    """The history as rows of the same columns; ideas of earlier days that expired are one line a day."""
    told = Past(state.history, {}) if past is None else past
    if not told.lines and not told.folded:
        return [_note(NO_ROWS, "nothing yet")]
    draw = _compact_cells if width >= 78 and not titled else _cells
    drawn = [_note("head", told.head)] if told.head else []
    expired = Counter({date: count for date, (count, _) in told.folded.items()})
    expired.update(fmt.date(line.at, scene.zone) for line in told.lines if line.end == "expired")
    ends: list[tuple[Micros, HistoryLine | None]] = [(line.at, line) for line in told.lines]
    if told.folded:
        ends = sorted([*ends, *((at, None) for _, at in told.folded.values())], key=itemgetter(0), reverse=True)
    day = today = fmt.date(scene.now, scene.zone)
    oldest = "" if told.whole else fmt.date(ends[-1][0], scene.zone)
    for at, line in ends:
        own = fmt.date(at, scene.zone)
        if own != day:
            day = own
            drawn.append(_day_row(at, f"{expired[day]}{'+' if day == oldest else ''}" if expired[day] else "", scene))
        if line is not None and (day == today or line.end != "expired"):
            drawn.append(Row(line.key, draw(line, state, scene, width)))
    return [*drawn, _note("foot", told.foot)] if told.foot else drawn


def _note(key: str, text: str) -> Row:
    return Row(key, (Cell(text, "muted"),), selectable=False)


def _day_row(at: Micros, expired: str, scene: Scene) -> Row:
    across = scene.frame.across
    ideas = f" {across} {expired} expired" if expired else ""
    text = f"{across * 3} {fmt.day(at, scene.zone)}{ideas} {across * 3}"
    return _note(f"day {fmt.date(at, scene.zone)}", text)


def _cells(line: HistoryLine, state: ConsoleState, scene: Scene, width: int) -> tuple[Cell, ...]:
    trade, shape = line.trade, columns(width)
    tick = state.tick_sizes.get(line.market)
    if width < 78:
        head = (Cell(fmt.minute(line.at, scene.zone)), side_cell(line.side), Cell(market_name(line.market, 5)))
        if len(shape) < 6:
            return (*head, Cell(fmt.eur(line.eur)), end_cell(line, shape[-1].width))
        return (*head, Cell(fmt.eur(line.eur)), *_end(line, shape[-2].width, shape[-1].width))
    wide = width >= WIDE_FROM
    quantity = price = fee = token = ""
    if trade is not None:
        amount, at = _deal(trade)
        room = shape[4 if wide else 3].width
        quantity = fmt.quantity(amount)
        quantity = quantity if len(quantity) <= room else fmt.quantity(amount, 6)
        price = "market" if at is None else price_text(at, tick, shape[5 if wide else 4].width, rounded=True)
        fee, token = _fee(trade), _deal_token(trade)
    figures = (
        Cell(quantity, token), Cell(price, token), Cell(fmt.eur(line.eur), token), Cell(fee),
        *_end(line, shape[-2].width, shape[-1].width),
    )  # fmt: skip
    name = Cell(market_name(line.market, shape[3 if wide else 2].width))
    if not wide:
        return (Cell(fmt.minute(line.at, scene.zone)), side_cell(line.side), name, *figures)
    proposal = _proposal_id(line)
    return (
        Cell(fmt.clock(line.at, scene.zone)),
        Cell("" if proposal is None else str(proposal)),
        side_cell(line.side),
        name,
        *figures,
    )


def _compact_cells(line: HistoryLine, state: ConsoleState, scene: Scene, width: int) -> tuple[Cell, ...]:
    """``14:29 BUY ETH-EUR 0.01211 @ 2 064.3 25.00 fee 0.07 FILLED now +0.4 %``; a ghost has its end for its deal."""
    trade, tick = line.trade, state.tick_sizes.get(line.market)
    head = (Cell(fmt.minute(line.at, scene.zone)), side_cell(line.side), Cell(market_name(line.market, 7)))
    if trade is None:
        return (*head, end_cell(line, 18), Cell(fmt.eur(line.eur)), Cell(""))
    amount, at = _deal(trade)
    price = "market" if at is None else price_text(at, tick, 9, rounded=True)
    quantity = fmt.quantity(amount, grouped=False)
    room = max(18 - 3 - len(price), 3)
    if len(quantity) > room:
        quantity = fmt.quantity(amount, max(room - len(quantity.partition(".")[0]) - 1, 0), grouped=False)
    fee, token = _fee(trade), _deal_token(trade)
    fee = f"fee {fee}" if fee and trade.fee is not None else fee
    return (
        *head, Cell(f"{quantity} @ {price}", token), Cell(fmt.eur(line.eur), token), Cell(fee), *_end(line, 9, 10)
    )  # fmt: skip


def _deal(trade: Trade) -> tuple[Quantity, Price | None]:
    """What was dealt at which average; while nothing is filled, what was ordered at which limit, None for none."""
    return (trade.quantity, trade.price) if trade.quantity.is_positive else (trade.ordered, priced(trade))


def _fee(trade: Trade) -> str:
    if trade.quantity.is_zero:
        return ""
    return "fee ?" if trade.fee is None else fmt.eur(trade.fee)


def _deal_token(trade: Trade) -> str:
    """What was asked for and came to nothing is grey; its end says why."""
    return "muted" if trade.quantity.is_zero and trade.execution_state in TERMINAL else ""


def _proposal_id(line: HistoryLine) -> int | None:
    if line.trade is not None:
        return line.trade.proposal_id
    return int(line.key[1:]) if line.key.startswith("p") and line.key[1:].isdigit() else None


def _end(line: HistoryLine, width: int, room: int) -> tuple[Cell, ...]:
    """How it ended, and what a sell earned, or how far the bid is from a buy; a long end takes the room of both."""
    end = end_cell(line, width + 1 + room)
    if len(end.text) > width:
        return (end,)
    if line.earned is not None:
        gained = "up" if line.earned > Eur.zero() else "down" if line.earned < Eur.zero() else ""
        amount = fmt.eur_signed(line.earned)
        return (end, Cell(f"{amount} EUR" if len(amount) + 4 <= room else amount, gained))
    if line.since is None:
        return (end,)
    token = "up" if line.since > 0 else "down" if line.since < 0 else ""
    change = fmt.percent(line.since, 1)
    return (end, Cell(f"now {change}" if len(change) + 4 <= room else change, token))


def end_cell(line: HistoryLine, room: int) -> Cell:
    """How it ended; a refusal by its code alone where the room is short. What became no trade is a ghost, in grey."""
    text = safe_text(line.end, 60)
    if len(text) > room:
        text = text.removeprefix("refused ")
    if line.end == "UNKNOWN":
        return Cell(text, "stop")
    return Cell(text, "muted" if line.trade is None else "strong" if line.end == "FILLED" else "")


def title_facts(state: ConsoleState, scene: Scene) -> list[Span]:
    """What the pane's title says: the last 24 hours in fills and money."""
    if not state.history:
        return []
    fills = "1 fill" if state.fills_today == 1 else f"{state.fills_today} fills"
    return [Span(f"24 h: {fills} {scene.symbols.dot} {fmt.eur_signed(state.day_result)} EUR after fees")]


def resting_execution(state: ConsoleState, line: HistoryLine | None) -> int | None:
    """The execution behind a line of history, if it rests at the exchange."""
    resting = {execution.id for execution in state.resting}
    if line is not None and line.trade is not None and line.trade.execution_id in resting:
        return line.trade.execution_id
    return None
