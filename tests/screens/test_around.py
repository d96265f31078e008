"""Last trades and other markets under candles and book; our own fills among the candles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from itertools import pairwise

import pytest

from console.market_data import MarketsView, Tape
from console.panes.around import OTHERS, other_lines, others_of, sparks_wanted, trade_lines
from console.panes.cells import quantities
from console.panes.chart import Wanted, column_of, marked
from console.panes.drawing import Scene, width_of
from console.panes.market import BESIDE, Beside, lines, plan
from console.panes.sparks import PERIODS, STEP, Sparks, closes, draw_sparks
from console.screens.confirm_line import Line, Span
from console.symbols import SETS
from storage.codes import Mode, Side
from tests.screens.fakes import console_state, some_candles, some_view, trade_line
from tests.storage.builders import MONOTONIC, NOW, coins, price

SCENE = Scene(NOW, MONOTONIC, Mode.PAPER, UTC, "UTC", SETS["unicode"])
STATE = console_state()
VIEW = some_view()


def text(line: Line) -> str:
    return "".join(span.text for span in line)


def test_the_newest_trades_stand_in_columns_under_their_age() -> None:
    drawn = [text(line) for line in trade_lines(VIEW.tape, SCENE, (34, 4), price("1"))]
    assert drawn == [
        "─ last trades ──────────── 2.0 s ─",
        " 14:32:08 BUY  61 150    0.0010   ",
        " 14:32:01 SELL 61 155    0.0380   ",
        " 14:31:54 SELL 61 160    0.0750   ",
    ]


@pytest.mark.parametrize(
    ("tape", "said"),
    [(None, "not fetched yet"), (Tape((), MONOTONIC), "nobody has traded here yet")],
)
def test_what_is_not_known_of_trades_is_said(tape: Tape | None, said: str) -> None:
    assert said in text(trade_lines(tape, SCENE, (34, 4), None)[1])


def test_trades_that_are_old_are_called_so() -> None:
    assert VIEW.tape is not None
    old = Tape(VIEW.tape.trades, MONOTONIC - 40)
    head = trade_lines(old, SCENE, (34, 4), None)[0]
    assert ("old, 40 s", "wait") in head


def test_other_markets_are_those_proposed_then_held_then_looked_at_and_never_the_one_shown() -> None:
    assert others_of(STATE, "BTC-EUR") == ("SOL-EUR", "ADA-EUR", "ETH-EUR", "XRP-EUR")
    assert len(others_of(STATE, "LTC-EUR")) == OTHERS


def drawn_others(width: int, view: MarketsView | None = VIEW) -> list[str]:
    others = others_of(STATE, "BTC-EUR")
    wanted = sparks_wanted(others, view, width, ascii_only=False)
    drawn = None if wanted is None else (wanted, draw_sparks(wanted))
    return [text(line) for line in other_lines(others, view, drawn, STATE, SCENE, width)]


@pytest.mark.parametrize("width", [36, 50, 90])
def test_other_markets_are_one_line_each_and_one_that_was_not_fetched_says_so(width: int) -> None:
    drawn = drawn_others(width)
    assert [len(line) for line in drawn] == [width] * 5
    assert drawn[0].startswith("─ other markets")
    assert drawn[0].endswith(" 12 s ─")
    assert drawn[1].startswith(" SOL-EUR    128.0")
    assert drawn[1].rstrip().endswith("%")
    assert drawn[4].rstrip() == " XRP-EUR not fetched yet"


def test_before_anything_is_fetched_all_say_so_and_no_age_is_claimed() -> None:
    drawn = drawn_others(50, None)
    assert drawn[0].rstrip("─ ").endswith("closes")
    assert all("not fetched yet" in line for line in drawn[1:])


def test_while_newer_closes_are_drawn_the_line_before_stays_with_its_market() -> None:
    others = others_of(STATE, "BTC-EUR")
    wanted = sparks_wanted(others, VIEW, 50, ascii_only=False)
    assert wanted is not None
    drawn = (wanted, draw_sparks(wanted))
    newer = replace(VIEW, candles={market: rows[:-1] for market, rows in VIEW.candles.items()})
    before = [text(line) for line in other_lines(others, VIEW, drawn, STATE, SCENE, 50)]
    after = [text(line) for line in other_lines(others[::-1], newer, drawn, STATE, SCENE, 50)]
    line_of = {line.split()[0]: set(line) & set("▁▂▃▄▅▆▇█") for line in before}
    assert line_of["SOL-EUR"]
    assert {line.split()[0]: set(line) & set("▁▂▃▄▅▆▇█") for line in after[1:]} == {
        name: signs for name, signs in line_of.items() if "-" in name
    }


def test_candles_of_another_market_never_stand_under_this_ones_name() -> None:
    state = console_state(candles={market: some_candles() for market in ("BTC-EUR", "SOL-EUR")})
    divided = plan(BESIDE, 12, 6)
    made = Wanted("BTC-EUR", some_candles(), *divided.chart, price("61000"), price("61300"), False)
    drawn = (made, [(Span("│", "up"),)] * 12)
    assert "│" in text(lines(state, ("BTC-EUR", None), drawn, SCENE, (BESIDE, 12))[5])[: divided.left]
    other = [text(line)[: divided.left] for line in lines(state, ("SOL-EUR", None), drawn, SCENE, (BESIDE, 12))]
    assert "drawing the candles" in "".join(other)
    assert "│" not in "".join(other)


def test_a_market_that_nobody_traded_says_so() -> None:
    view = replace(VIEW, candles={**VIEW.candles, "XRP-EUR": ()})
    assert "no trades in this time" in drawn_others(50, view)[4]


def test_a_period_without_a_trade_has_the_close_before_it() -> None:
    first, second, third = some_candles(3)
    gapped = (first, replace(second, at=first.at + 3 * STEP), replace(third, at=first.at + 4 * STEP))
    before = float(first.close.value)
    assert closes(gapped) == [before] * 3 + [float(second.close.value), float(third.close.value)]
    assert closes(()) == []
    assert len(closes((first, replace(second, at=first.at + 10**15)))) == PERIODS


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_line_rises_where_the_closes_rise_and_fills_its_cells(ascii_only: bool) -> None:
    rising = tuple(replace(candle, close=price(str(100 + place))) for place, candle in enumerate(some_candles(48)))
    [line, nothing] = draw_sparks(Sparks(("LTC-EUR", "DOT-EUR"), (rising, ()), 16, ascii_only))
    assert width_of(line) == width_of(nothing) == 16
    drawn = text(line)
    assert drawn.isascii() is ascii_only
    order = "_.-'" if ascii_only else "▁▂▃▄▅▆▇█"
    places = [order.index(sign) for sign in drawn]
    assert all(before <= after for before, after in pairwise(places))
    assert (places[0], places[-1]) == (0, len(order) - 1)
    assert not text(nothing).strip()


@pytest.mark.parametrize("height", [12, 15, 16, 19, 28, 50])
@pytest.mark.parametrize("width", [BESIDE, 78, 85, 198])
def test_the_parts_of_a_pane_fill_it_exactly(width: int, height: int) -> None:
    divided = plan(width, height, 6, OTHERS)
    assert divided.chart[1] + divided.others == height
    assert divided.book[1] + divided.trades == height
    assert divided.left + 1 + divided.book[0] == width
    body = lines(STATE, ("BTC-EUR", STATE.proposals[0]), None, SCENE, (width, height), Beside(VIEW))
    assert {width_of(line) for line in body[: divided.book[1] - 1]} <= {width, width - divided.book[0]}
    assert len(body) == height
    assert ("last trades" in "".join(map(text, body))) is (height >= 16)


def test_our_own_fills_stand_among_the_candles_at_their_time_and_price() -> None:
    candles = some_candles(20)
    wanted = Wanted("BTC-EUR", candles, 30, 10, price("61000"), price("61300"), False)
    assert column_of(candles[-1].at + 1, wanted) == 29
    assert column_of(candles[0].at, wanted) == 10
    assert column_of(candles[0].at - 1, wanted) is None
    assert column_of(candles[-1].at + STEP, wanted) is None
    fill = trade_line(37, candles[5].at + 7, Side.BUY, "BTC-EUR", "0.001", "61299", "0.07")
    state = console_state(history=(fill,), candles={"BTC-EUR": candles})
    divided = plan(BESIDE, 12, 6)
    made = Wanted("BTC-EUR", candles, *divided.chart, price("61000"), price("61300"), False)
    body = lines(state, ("BTC-EUR", None), (made, [()] * 12), SCENE, (BESIDE, 12))
    assert text(body[0]).index("B") == 1 + divided.axis + 1 + divided.chart[0] - 20 + 5


def test_a_mark_replaces_one_cell_and_keeps_the_rest() -> None:
    line = (Span("abc", "up"), Span("def", "down"))
    assert marked(line, 4, Span("B", "accent")) == (
        Span("abc", "up"), Span("d", "down"), Span("B", "accent"), Span("f", "down"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("amounts", "shown"),
    [
        (("1.1", "0.08204"), ["1.1000", "0.0820"]),
        (("2722.98454", "0.4", "0.0001", "0"), ["2722.98", "0.40", "<0.01", "0.00"]),
        (("123456.7", "8"), ["123457", "8"]),
        ((), []),
    ],
)
def test_quantities_of_a_column_have_as_many_decimals_as_the_largest_has_room_for(
    amounts: tuple[str, ...], shown: list[str]
) -> None:
    assert quantities([coins(amount) for amount in amounts]) == shown
