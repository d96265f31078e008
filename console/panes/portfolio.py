"""Pane 6: what the account holds, what it is worth at the bid, what rests and what the day brought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.cells import at_text, price_text
from console.panes.rows import Cell, Column, Row
from console.screens.confirm_line import Span
from console.text import safe_text
from storage.clock import SECOND
from storage.codes import RESTING
from storage.money import CURRENCY, EXACT

if TYPE_CHECKING:
    from console.panes.drawing import Scene
    from console.state import ConsoleState
    from storage.execution_models import Execution
    from storage.portfolio import Holding

OLD_BALANCE: Final = 120 * SECOND
"""A comparison older than this no longer lets an order through, and is called old."""

_SHORT: Final = (
    Column("coin", 5),
    Column("quantity", 11, "right"),
    Column("EUR", 9, "right"),
    Column("result", 9, "right"),
)
_EUROS: Final = (Column("", 5), Column("", 9, "right"), Column("", 1), Column("", 20))
LONG_FROM: Final = 78
_LONG_EUROS: Final = (Column("", 5), Column("", 39, "right"), Column("", 1), Column("", 30))
"""What there is of euros stands under what coins are worth."""
_LONG: Final = (
    Column("coin", 7),
    Column("quantity", 13, "right"),
    Column("bid", 11, "right"),
    Column("worth EUR", 11, "right"),
    Column("cost", 11, "right"),
    Column("result", 9, "right"),
    Column("", 8, "right"),
)


def columns(width: int) -> tuple[Column, ...]:
    """The columns that fit a pane of this inner width."""
    return _LONG if width >= LONG_FROM else _SHORT


def rows(state: ConsoleState, scene: Scene, width: int) -> list[Row]:
    """Euros, coins by value, resting orders, the day."""
    return [
        Row("eur", _euros(state), columns=_EUROS if width < LONG_FROM else _LONG_EUROS),
        *(row for holding in state.portfolio.holdings for row in _held(holding, state, width)),
        *_unprotected(state),
        *_resting(state, width),
        Row("day", (_day(state, scene),)),
    ]


def title_facts(state: ConsoleState) -> tuple[Span, ...]:
    """All of it in euros at the bid."""
    total = state.portfolio.total
    return (Span("total unknown", "wait"),) if total is None else (Span(f"{fmt.eur(total)} EUR"),)


def age(state: ConsoleState, scene: Scene) -> Span:
    """Since the last comparison with the exchange, which the balances come from."""
    compared = state.portfolio.compared_at
    if compared is None:
        return Span("not compared yet", "wait")
    since = max(scene.now - compared, 0)
    old = since > OLD_BALANCE
    return Span(f"old, {fmt.age(since)}" if old else fmt.age(since), "wait" if old else "muted")


def _euros(state: ConsoleState) -> tuple[Cell, ...]:
    portfolio = state.portfolio
    held = "?" if portfolio.eur is None else fmt.eur(portfolio.eur)
    free = "?" if portfolio.free is None else fmt.eur(portfolio.free)
    return (Cell(CURRENCY), Cell(held), Cell(""), Cell(f"free {free}"))


def _held(holding: Holding, state: ConsoleState, width: int) -> list[Row]:
    """A coin, and under it its stops."""
    lines = [Row(f"h {holding.market}", _coin(holding, state, width))]
    tick = state.tick_sizes.get(holding.market)
    for stop in holding.stops:
        waits = f"{stop.trigger.type.words} @ {price_text(stop.trigger.price, tick, 12)}"
        word = "" if stop.state in RESTING else f" {stop.state}"
        text = f" {waits} for {fmt.quantity(stop.left, grouped=False)}{word}"
        lines.append(Row(f"r {stop.execution_id}", (Cell(text, "wait" if word else "muted"),)))
    return lines


def _unprotected(state: ConsoleState) -> list[Row]:
    """One line that names every position no stop loss would sell, with how much where it is a part."""
    bare = []
    for holding in state.portfolio.holdings:
        if holding.uncovered.is_positive:
            coin = safe_text(holding.market.rpartition("-")[0], 12)
            whole = holding.uncovered == holding.bought
            bare.append(coin if whole else f"{coin} {fmt.quantity(holding.uncovered, grouped=False)}")
    return [Row("bare", (Cell(f"no stop loss: {', '.join(bare)}", "wait"),))] if bare else []


def _coin(holding: Holding, state: ConsoleState, width: int) -> tuple[Cell, ...]:
    shape = columns(width)
    name = safe_text(holding.market.rpartition("-")[0], shape[0].width)
    quantity = fmt.quantity(holding.quantity, 8, grouped=False)
    room = shape[1].width
    if len(quantity) > room:
        quantity = fmt.quantity(holding.quantity, max(room - len(quantity.partition(".")[0]) - 1, 0), grouped=False)
    worth = Cell("no bid", "wait") if holding.value is None else Cell(fmt.eur(holding.value))
    share = _share(holding)
    if width < LONG_FROM:
        return (Cell(name), Cell(quantity), worth, share)
    tick = state.tick_sizes.get(holding.market)
    bid = "" if holding.bid is None else price_text(holding.bid, tick, 11, rounded=True)
    cost = "" if holding.cost is None else fmt.eur(holding.cost)
    result = "" if holding.result is None else fmt.eur_signed(holding.result)
    return (Cell(name), Cell(quantity), Cell(bid), worth, Cell(cost), Cell(result, share.style), share)


def _share(holding: Holding) -> Cell:
    """The result as a share of the cost, with its sign; coins from elsewhere have no cost and no result."""
    if holding.cost is None:
        return Cell("not ours", "muted")
    if holding.result is None or holding.cost.is_zero:
        return Cell("")
    share = EXACT.divide(holding.result.value, holding.cost.value)
    text = next(
        (text for decimals in (1, 0) if len(text := fmt.percent(share, decimals)) <= 7), fmt.percent(share, 0)
    )  # fmt: skip
    return Cell(text, "up" if share > 0 else "down" if share < 0 else "")


def _resting(state: ConsoleState, width: int) -> list[Row]:
    shown = {stop.execution_id for holding in state.portfolio.holdings for stop in holding.stops}
    others = [order for order in state.resting if order.id not in shown]
    if not others:
        return [Row("resting", (Cell("resting none", "muted"),))]
    return [Row(f"r {order.id}", (Cell(_order(order, state)),)) for order in others]


def _order(order: Execution, state: ConsoleState) -> str:
    tick = state.tick_sizes.get(order.market)
    coin = safe_text(order.market.rpartition("-")[0], 12)
    return f"resting {order.side.upper()} {order.quantity} {coin} {at_text(order, tick, 12)}"


def _day(state: ConsoleState, scene: Scene) -> Cell:
    portfolio = state.portfolio
    more = f" + {portfolio.fees_unknown} ?" if portfolio.fees_unknown else ""
    dot = scene.symbols.dot
    result, fees = fmt.eur_signed(portfolio.day_result), fmt.eur(portfolio.day_fees)
    return Cell(f"24 h {result} net {dot} fees {fees}{more}")
