"""The panes beside the proposals: what they say, where they stand, how they are reached."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.cells import cell_len
from textual import events

from console.panes import budget
from console.panes.activity import quiet_text
from console.panes.chart import draw_candles, price_range, row_of
from console.panes.drawing import Scene
from console.panes.framing import Title, body_lines
from console.panes.locks import lock_text
from console.panes.market import marks_of, plan, wanted
from console.panes.shape import PANES, REPLACING, Shape, lay_out
from console.screens.confirm_line import Span
from console.state import ConsoleState
from storage.clock import DAY, HOUR, MINUTE, SECOND
from storage.codes import ExecutionState, Mode, Side
from tests.screens.fakes import (
    HOSTILE,
    FakeDriver,
    activity,
    console_state,
    execution,
    four_proposals,
    gauge,
    header,
    holding,
    hostile_state,
    job_lock,
    job_run,
    market_lock,
    resting_state,
    some_candles,
    some_gauges,
    some_portfolio,
    trade_line,
)
from tests.screens.support import Running, console
from tests.storage.builders import MONOTONIC, NOW, levels, make_quote, price

TITLES = {"1": "1 Proposals", "2": "2 Budget", "3": "3 Locks", "4": "4 History", "5": "5 BTC-EUR",
          "6": "6 Portfolio", "7": "7 Activity"}  # fmt: skip
SIZES = [(40, 12), (44, 16), (44, 20), (79, 24), (80, 12), (80, 16), (80, 20), (80, 24), (100, 30), (119, 40),
         (120, 20), (120, 24), (120, 36), (160, 40), (200, 60)]  # fmt: skip
SCENE = Scene(NOW, MONOTONIC, Mode.PAPER)


def budget_with(**changes: object) -> ConsoleState:
    """An ordinary afternoon with some gauges replaced, by name."""
    return console_state(gauges=tuple(changes.get(each.name, each) for each in some_gauges()))


def line_with(running: Running, text: str) -> str:
    found = [line for line in running.lines if text in line]
    assert found, running.text
    return found[0]


# ---- where things stand


@pytest.mark.parametrize("mode", list(Mode))
def test_every_size_is_filled_exactly_and_every_joint_meets_its_walls(mode: Mode) -> None:
    scene = replace(SCENE, mode=mode)
    frame = scene.frame
    titles = {name: Title(name.title(), (Span("of a kind"),), Span("0.2 s")) for name in PANES}
    meets = {
        frame.join_left: (True, True), frame.join_right: (True, True), frame.cross: (True, True),
        frame.join_top: (False, True), frame.join_bottom: (True, False), frame.down: (True, True),
    }  # fmt: skip
    joint, seen = re.compile("[" + re.escape("".join(meets)) + "]"), set[Shape]()
    for width in (40, 60, 79, 80, 101, 119, 120, 121, 160, 200):
        for height in (12, 13, 16, 17, 19, 20, 22, 23, 24, 25, 30, 36, 47, 60):
            for pane in PANES:
                middle = pane if pane in REPLACING else "budget"
                for alone, welcome in ((False, False), (True, False), (False, True)):
                    shape = lay_out(width, height, pane, middle, alone=alone, welcome=welcome)
                    assert shape.box(pane) is not None or welcome or (not alone and width >= 80)
                    if shape in seen:  # many panes share one frame
                        continue
                    seen.add(shape)
                    lines = ["".join(span.text for span in line) for line in body_lines(shape, titles, scene, pane)]
                    assert shape.head + len(lines) + 2 == height
                    assert {cell_len(line) for line in lines} == {width}
                    for row, line in enumerate(lines):
                        for found in joint.finditer(line, 1, width - 1):
                            column, (above, below) = found.start(), meets[found[0]]
                            # Where a title's words stand in the way there is no joint, but never a plain border.
                            assert not above or row == 0 or lines[row - 1][column] != frame.across
                            assert not below or row + 1 == len(lines) or lines[row + 1][column] != frame.across


async def test_at_80_by_24_everything_stands_where_it_belongs() -> None:
    async with console() as running:
        lines = running.lines
        assert [lines[row][:12] for row in (2, 11, 17)] == ["├1 Proposals", "├2 Budget ─ ", "├4 History ─"]
        assert lines[11][39:48] == "┬3 Locks "
        assert [line[39] for line in lines[12:17]] == ["│"] * 5
        assert lines[3].startswith("│   id side market")
        assert lines[4].startswith("│▸1042 BUY")
        assert lines[8].startswith("│      quiet at 14:30")
        assert lines[9].startswith("│ why ")
        assert lines[10].startswith("│ risk ")
        assert "refused 1041" in lines[22]


async def test_wide_screens_show_all_seven() -> None:
    async with console(size=(120, 36)) as running:
        for title in TITLES.values():
            assert title in running.text
        assert running.lines[2][79:89] == "┬5 BTC-EUR"
        assert running.lines[15][79:91] == "┼6 Portfolio"
        assert running.lines[23][79:90] == "┼7 Activity"


@pytest.mark.parametrize("key", ["5", "6", "7"])
async def test_keys_5_to_7_replace_budget_and_locks_in_place(key: str) -> None:
    async with console() as running:
        before = running.lines
        await running.press(key)
        lines = running.lines
        assert lines[11].startswith(f"├{TITLES[key]}")
        assert "2 Budget" not in running.text
        assert lines[3:11] == before[3:11]
        assert lines[18:][:4] == before[18:22]
        await running.press("1")
        assert TITLES[key] in running.text
        await running.press("3")
        assert "2 Budget" in running.text
        assert TITLES[key] not in running.text


@pytest.mark.parametrize("size", [(44, 12), (80, 24), (120, 36)])
async def test_tab_goes_through_all_seven_and_back(size: tuple[int, int]) -> None:
    async with console(size=size) as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        seen = []
        for _ in PANES:
            seen.append(dashboard.focused_pane)
            assert TITLES[str(PANES.index(seen[-1]) + 1)] in running.text
            await running.press("tab")
        assert tuple(seen) == PANES
        assert dashboard.focused_pane == "proposals"
        await running.press("shift+tab")
        assert dashboard.focused_pane == "activity"


@pytest.mark.parametrize("key", list(TITLES))
async def test_z_gives_any_pane_the_whole_inside(key: str) -> None:
    async with console() as running:
        await running.press(key, "z")
        titled = [line for line in running.lines if any(title in line for title in TITLES.values())]
        assert titled == [running.lines[2]]
        assert TITLES[key] in titled[0]
        await running.press("q")
        assert "4 History" in running.text


async def test_narrow_screens_show_one_pane_at_a_time() -> None:
    async with console(size=(40, 12)) as running:
        for key, title in TITLES.items():
            await running.press(key)
            shown = [each for each in TITLES.values() if each in running.text]
            assert shown == [title]
        assert "UNKNOWN 0" in running.lines[1]


async def test_a_click_into_a_list_is_a_step_to_its_pane() -> None:
    async with console() as running:
        await running.pilot.click(offset=(50, 13))
        dashboard = running.app.dashboard
        assert dashboard is not None
        assert dashboard.focused_pane == "locks"
        assert running.driver.asked == []


async def test_a_focus_event_that_comes_late_does_not_take_the_focus_back() -> None:
    async with console(size=(120, 36)) as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        await running.press("5")
        dashboard.post_message(events.DescendantFocus(dashboard.proposals))
        await running.pilot.pause()
        assert dashboard.focused_pane == "market"


@pytest.mark.parametrize("key", list(TITLES))
async def test_a_dialog_that_closes_gives_the_focus_back_to_its_pane(key: str) -> None:
    async with console(size=(120, 36)) as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        await running.press(key)
        pane = dashboard.focused_pane
        await running.press("h")
        await running.until(lambda: running.screens[-1] == "StopBar")
        await running.press("q")
        await running.until(lambda: running.screens == ("DashboardScreen",))
        await running.pilot.pause()
        assert dashboard.focused_pane == pane == PANES[int(key) - 1]


async def test_digits_after_a_decline_are_reasons_and_no_panes() -> None:
    async with console() as running:
        await running.press("d", "2")
        dashboard = running.app.dashboard
        assert dashboard is not None
        assert dashboard.focused_pane == "proposals"
        await running.until(lambda: ("note", 1042, "too big") in running.driver.asked)


@pytest.mark.parametrize("size", SIZES)
async def test_every_pane_fills_its_lines_at_every_size(size: tuple[int, int]) -> None:
    async with console(size=size) as running:
        for key in (*TITLES, "z", "2", "5", "z"):
            await running.press(key)
            assert {cell_len(line) for line in running.lines} == {size[0]}
            assert all(line[0] in "┌│├└" and line[-1] in "┐│┤┘" for line in running.lines)


@pytest.mark.parametrize("size", [(44, 20), (80, 24), (120, 36)])
async def test_hostile_text_in_every_pane_does_nothing(size: tuple[int, int]) -> None:
    state = replace(
        hostile_state(),
        market_locks=tuple(market_lock(text, text, NOW + HOUR) for text in HOSTILE),
        job_locks=tuple(job_lock(text, text, failures=2, error=text) for text in HOSTILE),
        portfolio=some_portfolio(holdings=tuple(holding(f"{text}-EUR", "1", "2", None) for text in HOSTILE)),
        runs=tuple(job_run(number, NOW, text, text) for number, text in enumerate(HOSTILE)),
    )
    async with console(FakeDriver(state), size) as running:
        for key in TITLES:
            await running.press(key, "down", "z", "down", "z")
            assert all(line.isprintable() for line in running.lines)
            assert {cell_len(line) for line in running.lines} == {size[0]}
        assert running.driver.asked == []
        assert running.screens == ("DashboardScreen",)


async def test_ascii_has_no_sign_of_the_other_set() -> None:
    driver = FakeDriver(console_state(), looks={"symbols": "ascii"})
    async with console(driver, (120, 36)) as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        await running.until(lambda: dashboard.chart.drawn is not None)
        dashboard.refresh_all()
        await running.pilot.pause()
        assert running.text.isascii()
        assert "####+....." in running.text
        assert "*ETH-EUR no SELL until 16:29" in running.text


# ---- pane 2


async def test_a_gauge_names_used_cap_and_when_room_comes_back() -> None:
    async with console() as running:
        assert "│ calls  ████▒░░░░░   7/15   +1 16:42  │" in running.text
        assert "│ cost   ██░░░░░░░░   0.31/2.00 EUR    │" in running.text
        await running.press("2", "z")
        assert "scans      █████░░░░░  24/50   full Wed 03:10" in running.text
        assert "exits 1 h  ░░░░░░░░░░   0/10" in running.text


async def test_a_cap_of_zero_reads_0_of_0() -> None:
    state = budget_with(
        trades=gauge("trades", "0", "0"), exposure=gauge("exposure", "0", "0"), loss=gauge("loss", "0", "0")
    )
    async with console(FakeDriver(state), (120, 36)) as running:
        assert "trades ░░░░░░░░░░   0/0    none" in running.text
        assert "expos. ░░░░░░░░░░   0/0 EUR" in running.text
        assert "loss   ░░░░░░░░░░   0.00/0 EUR" in running.text


async def test_a_figure_that_is_not_known_is_a_question_mark() -> None:
    state = budget_with(exposure=gauge("exposure", None, "2000", missing="the best bid of XRP-EUR is missing"))
    async with console(FakeDriver(state)) as running:
        assert "expos. ░░░░░░░░░░   ?/2000 EUR no bid" in running.text


async def test_the_hour_that_is_full_is_what_the_trades_wait_for() -> None:
    state = budget_with(trades_hour=gauge("trades_hour", "3", "3", frees_at=NOW + 12 * MINUTE))
    async with console(FakeDriver(state)) as running:
        assert "trades ██████░░░░   3/5    +1 14:44 h" in running.text


@pytest.mark.parametrize(
    ("inner", "shown"), [(38, "3/5  +1 Wed 11:32"), (55, "3/5    +1 Wed 11:32"), (36, "3/5    +1 11:32")]
)
def test_room_that_comes_back_tomorrow_names_its_day_where_that_fits(inner: int, shown: str) -> None:
    drawn = budget.lines(console_state(), SCENE, inner, 10)
    texts = ["".join(span.text for span in line) for line in drawn]
    assert any(text.endswith(shown) for text in texts), texts
    assert max(len(text) for text in texts) <= inner


@pytest.mark.parametrize(("used", "bar"), [("1", "█░░░░░░░░░"), ("1999", "█████████░"), ("2000", "██████████")])
async def test_a_bar_is_empty_only_at_nothing_and_full_only_at_the_cap(used: str, bar: str) -> None:
    async with console(FakeDriver(budget_with(exposure=gauge("exposure", used, "2000")))) as running:
        assert f"expos. {bar}   {used}/2000 EUR" in running.text


async def test_a_loss_is_a_share_beside_its_limit() -> None:
    async with console(FakeDriver(budget_with(loss=gauge("loss", "44", "300"))), (120, 36)) as running:
        assert "loss   █░░░░░░░░░   2.2 of 15 % 24 h" in running.text


# ---- pane 3


async def test_locks_put_markets_before_jobs_and_count_down() -> None:
    async with console() as running:
        assert running.lines[12][39:] == "│▪ETH-EUR no SELL until 16:29  1:57:00  │"
        # What is wrong with a job is not what a short pane leaves out.
        assert running.lines[15][39:].startswith("│ scan      free  f12        next 0:41")
        assert running.lines[16][39:].startswith("│    2 failed: the exchange is silent")
        await running.step(1.0)
        assert "1:56:59" in running.lines[12]


async def test_a_free_job_says_when_and_one_that_waits_for_work_that_it_does() -> None:
    async with console(size=(120, 36)) as running:
        assert "look      free  f41        next 0:41" in running.text
        assert "reconcile box2  f7    1:52 next 0:22" in running.text
        await running.press("3", "z")
        shown = [" ".join(line.split()) for line in running.lines]
        assert any("keeper here f3 1:52 next 0:41" in line for line in shown)
        assert any("expire free f9 on need" in line for line in shown)


async def test_jobs_that_say_whether_all_works_come_before_those_that_wait_for_work() -> None:
    jobs = tuple(job_lock(name) for name in ("expire", "fills", "invariants", "keeper", "look", "reconcile", "scan"))
    async with console(FakeDriver(console_state(job_locks=jobs, market_locks=())), (120, 36)) as running:
        shown = [line.split("│")[2].split()[0] for line in running.lines[17:23]]
        assert shown == ["look", "scan", "reconcile", "keeper", "expire", "fills"]


async def test_a_job_that_failed_or_is_paused_says_why() -> None:
    broken = (
        job_lock("look", fence=3, failures=2, error="no candles"),
        job_lock("scan", fence=8, failures=8, error="gone", paused=True),
    )
    async with console(FakeDriver(console_state(job_locks=broken, market_locks=())), (120, 36)) as running:
        assert "look      free  f3         next 0:41" in running.text
        assert "2 failed: no candles" in running.text
        assert "scan      free  f8         paused" in running.text
        assert "8 failed: gone" in running.text
        await running.press("3", "z")
        assert "no market is locked" in running.text


async def test_what_stops_every_market_stands_as_all() -> None:
    locks = (market_lock("", "exchange differs", None), market_lock("SOL-EUR", "foreign order", None))
    async with console(FakeDriver(console_state(market_locks=locks))) as running:
        assert "│▪all     exchange differs " in running.text
        assert "│▪SOL-EUR foreign order" in running.text
        assert "3 Locks ─ 1 market · 5 jobs" in running.text


def test_a_lock_into_another_day_names_it_as_far_as_there_is_room() -> None:
    lock = market_lock("ETH-EUR", "no SELL", NOW + DAY, Side.SELL)
    assert lock_text(lock, SCENE, 40) == "no SELL until Wed 25 Nov 14:32"
    assert lock_text(lock, SCENE, 23) == "no SELL to 25 Nov 14:32"
    assert lock_text(market_lock("ETH-EUR", "no SELL", NOW + HOUR), SCENE, 17) == "no SELL to 15:32"


async def test_a_long_list_of_locks_scrolls_under_the_cursor() -> None:
    many = tuple(market_lock(f"C{number}-EUR", "cooling", NOW + HOUR) for number in range(12))
    async with console(FakeDriver(console_state(market_locks=many))) as running:
        await running.press("3", "end")
        await running.until(lambda: "▸expire" in running.text)
        assert "C0-EUR" not in running.text
        await running.press("home")
        await running.until(lambda: "▸C0-EUR" in running.text)


def test_a_long_quiet_line_loses_words_before_figures() -> None:
    state = console_state()
    whole = quiet_text(state, SCENE, 200)
    assert whole == "quiet at 14:30: 3 of 5 markets · nearest XRP 1 h +1.4 of 1.5 % · 0:41"
    assert quiet_text(state, SCENE, len(whole) - 1) == whole.replace(" markets", "")
    assert quiet_text(state, SCENE, len(whole) - 9) == whole.replace(": 3 of 5 markets", "")


# ---- pane 5


async def test_the_market_follows_the_selected_proposal() -> None:
    quotes = {"BTC-EUR": make_quote(), "SOL-EUR": make_quote(market="SOL-EUR", asks=levels(("129.80", "3")))}
    async with console(FakeDriver(console_state(quotes=quotes))) as running:
        await running.press("5")
        assert "5 BTC-EUR ─ 5 m candles" in running.text
        await running.press("1", "down")
        await running.sees("5 SOL-EUR ─ no candles yet")
        assert "no candles yet" in line_with(running, "│ no candles")
        assert "129.80" in running.text


async def test_the_book_marks_what_the_limit_reaches_and_names_the_marks() -> None:
    quote = make_quote(
        asks=levels(("61152", "0.082"), ("61300", "0.41")), bids=levels(("61148", "0.23"), ("61147", "1"))
    )
    async with console(FakeDriver(console_state(quotes={"BTC-EUR": quote})), (120, 40)) as running:
        assert "< 1042" in line_with(running, "ask 61 152")
        assert "< 1042" not in line_with(running, "ask 61 300")
        assert "< 1042" not in line_with(running, "bid 61 148")
        assert "spread 4 EUR, 0.007 %" in running.text
        asks = [row for row, line in enumerate(running.lines) if "ask 61" in line]
        assert running.lines.index(line_with(running, "ask 61 300")) == min(asks)


async def test_a_tall_market_pane_names_its_marks() -> None:
    async with console(size=(120, 50)) as running:
        assert "L 61 200 · E 61 459 · X 60 400" in running.text


async def test_candles_are_drawn_beside_the_loop_with_the_marks_at_their_prices() -> None:
    async with console(size=(120, 36)) as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        await running.until(lambda: dashboard.chart.drawn is not None)
        await running.until(lambda: "drawing the candles" not in running.text)
        chart = [line[79:] for line in running.lines[3:10]]
        assert any("┃" in line for line in chart)
        assert any("╏" in line for line in chart)
        assert chart[0].rstrip("│ ").endswith("E")
        assert chart[6].rstrip("│ ").endswith("X")
        assert "60 400" in chart[6]


async def test_a_chart_is_not_drawn_again_without_reason_nor_twice_in_a_second() -> None:
    async with console(size=(120, 36)) as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        await running.until(lambda: dashboard.chart.times_drawn == 1)
        for _ in range(20):
            dashboard.refresh_all()
        await running.step(5.0)
        assert dashboard.chart.times_drawn == 1
        running.driver.show(replace(console_state(), candles={"BTC-EUR": some_candles(59)}))
        await running.until(lambda: dashboard.chart.times_drawn == 2)
        running.driver.show(replace(console_state(), candles={"BTC-EUR": some_candles(58)}))
        await running.pilot.pause()
        dashboard.refresh_all()
        assert dashboard.chart.times_drawn == 2
        await running.step(1.0)
        await running.until(lambda: dashboard.chart.times_drawn == 3)


async def test_no_chart_is_drawn_while_its_pane_is_hidden() -> None:
    async with console() as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        await running.step(2.0)
        assert (dashboard.chart.times_drawn, dashboard.chart.drawn) == (0, None)
        await running.press("5")
        await running.until(lambda: dashboard.chart.times_drawn == 1)


async def test_no_market_at_all_says_so() -> None:
    async with console(FakeDriver(console_state(proposals=(), quotes={}, candles={})), (120, 36)) as running:
        assert "no market is quoted yet" in running.text


async def test_a_book_that_is_old_or_missing_says_so() -> None:
    old = make_quote(book_confirmed=MONOTONIC - 40)
    async with console(FakeDriver(console_state(quotes={"BTC-EUR": old})), (120, 36)) as running:
        assert "old, 40 s" in running.lines[2]
    none = make_quote(asks=(), bids=(), book_confirmed=None)
    async with console(FakeDriver(console_state(quotes={"BTC-EUR": none})), (120, 36)) as running:
        assert "no book" in running.lines[2]
        assert "│ no book" in running.text


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (31, 7), (200, 50)])
def test_a_chart_has_the_size_that_was_asked(size: tuple[int, int]) -> None:
    state = console_state()
    span = price_range(state.candles["BTC-EUR"], [price("60400")], size[0])
    assert span is not None
    asked = wanted(state, "BTC-EUR", marks_of(state.proposals[0]), 120, 40, ascii_only=True)
    assert asked is not None
    drawn = draw_candles(replace(asked, width=size[0], height=size[1], low=span[0], high=span[1]))
    texts = ["".join(text for text, _ in line) for line in drawn]
    assert len(texts) == size[1]
    assert all(cell_len(text) <= size[0] and text.isascii() for text in texts)
    assert any(text.strip() for text in texts)


def test_rising_and_falling_candles_have_their_tokens() -> None:
    state = console_state()
    asked = wanted(state, "BTC-EUR", (), 120, 40, ascii_only=False)
    assert asked is not None
    tokens = {token for line in draw_candles(asked) for text, token in line if text.strip()}
    assert tokens == {"up", "down"}
    drawn = draw_candles(asked)
    bodies = {
        token: {sign for line in drawn for text, own in line if own == token for sign in text} for token in tokens
    }
    assert ("┃" in bodies["up"], "╏" in bodies["up"]) == (True, False)
    assert ("┃" in bodies["down"], "╏" in bodies["down"]) == (False, True)
    rising = tuple(candle for candle in some_candles() if candle.close > candle.open)
    only_up = replace(asked, candles=rising)
    assert {token for line in draw_candles(only_up) for text, token in line if text.strip()} == {"up"}


def test_prices_stand_on_their_lines_and_far_marks_do_not_flatten_the_candles() -> None:
    low, high = price("100"), price("200")
    assert [row_of(price(at), low, high, 10) for at in ("200", "195", "100", "99", "201")] == [0, 0, 9, None, None]
    candles = some_candles()
    span = price_range(candles, [price("1")], 60)
    assert span == price_range(candles, [], 60)
    assert price_range((), [price("1")], 60) is None
    flat = replace(candles[0], open=low, high=low, low=low, close=low)
    assert price_range((flat,), [], 60) == (price("99.9"), price("100.1"))


def test_the_book_keeps_three_rows_and_the_chart_gets_the_rest() -> None:
    for width in range(20, 120, 7):
        for height in range(3, 50):
            divided = plan(width, height, 6)
            assert divided.chart[0] >= 1
            if not divided.beside:
                assert divided.chart[1] + divided.book[1] == height
                assert divided.book[1] >= 3


# ---- pane 6


async def test_the_portfolio_adds_up_and_carries_its_signs() -> None:
    async with console(size=(120, 36)) as running:
        assert "6 Portfolio ─ 1 204.27 EUR" in running.text
        assert "EUR      792.13   free 767.16" in running.text
        assert "BTC    0.00610000    373.00    +1.9 %" in running.text
        assert "ETH    0.01211000     25.00    -0.3 %" in running.text
        assert "XRP   28.20000000     14.13  not ours" in running.text
        assert "24 h +1.84 net · fees 0.18" in running.text


async def test_a_coin_without_a_bid_leaves_the_total_unknown() -> None:
    held = some_portfolio(holdings=(holding("DOGE-EUR", "7", None, None),))
    async with console(FakeDriver(console_state(portfolio=held)), (120, 36)) as running:
        assert "6 Portfolio ─ total unknown" in running.text
        assert "no bid" in line_with(running, "DOGE")


async def test_balances_that_were_never_or_long_ago_compared_say_so() -> None:
    held = some_portfolio(compared_at=None, eur=None, free=None)
    async with console(FakeDriver(console_state(portfolio=held)), (120, 36)) as running:
        assert "not compared yet" in line_with(running, "6 Portfolio")
        assert "EUR           ?   free ?" in running.text
    old = some_portfolio(compared_at=NOW - 121 * SECOND)
    async with console(FakeDriver(console_state(portfolio=old)), (120, 36)) as running:
        assert "old, 2 m 1 s" in line_with(running, "6 Portfolio")


async def test_resting_orders_and_fees_to_come_are_in_the_portfolio() -> None:
    state = replace(resting_state(), portfolio=some_portfolio(fees_unknown=1))
    async with console(FakeDriver(state), (120, 36)) as running:
        assert "resting BUY 0.00041 BTC @ 60 900" in running.text
        assert "fees 0.18 + 1 ?" in running.text


# ---- pane 7


async def test_activity_is_newest_first_wraps_and_has_runs_among_writes() -> None:
    refused = activity("gate.refused", "1041", side="sell", market="ETH-EUR", codes=["ANTI_FLIP", "COOLDOWN"])
    state = console_state(activity=(refused,), runs=(job_run(4, NOW - 30 * SECOND, "look", "looked at 5, proposed 2"),))
    async with console(FakeDriver(state), (120, 36)) as running:
        body = [line[80:119].rstrip() for line in running.lines[24:28]]
        assert body[0] == " 14:31:38 look: looked at 5, proposed 2"
        assert body[1] == " 14:31:08 refused 1041 SELL ETH-EUR"
        assert body[2] == "          ANTI_FLIP COOLDOWN"
        running.driver.show(
            replace(state, activity=(replace(activity("trading.halted", "3", reason="stop key"), seq=89), refused))
        )
        await running.sees("HALTED stop key")


async def test_a_run_that_failed_says_so() -> None:
    state = console_state(runs=(job_run(4, NOW, "look", "no candles", failed=True),), activity=())
    async with console(FakeDriver(state)) as running:
        await running.press("7")
        await running.sees("look failed: no candles")


async def test_nothing_yet_is_said() -> None:
    state = console_state(runs=(), activity=())
    async with console(FakeDriver(state)) as running:
        await running.press("7")
        await running.sees("nothing yet")


# ---- pane 4 without titles


async def test_history_at_80_by_24_needs_no_titles() -> None:
    first = trade_line(37, NOW - 3 * MINUTE, Side.BUY, "ETH-EUR", "0.01211", "2064.3", "0.07", since=Decimal("0.004"))
    part = trade_line(36, NOW - 4 * MINUTE, Side.BUY, "BTC-EUR", "0.0001", "61000", None, end="PART, CANCELED",
                      since=Decimal("0.004"))  # fmt: skip
    state = console_state(history=(first, part, *console_state().history[1:2]))
    async with console(FakeDriver(state)) as running:
        assert running.lines[18].startswith(
            "│ 14:29 BUY  ETH-EUR 0.01211 @ 2 064.3      25.00 fee 0.07 FILLED    now +0.4 %"
        )
        assert "fee ?    PART, CANCELED" in running.lines[19]
        assert "now" not in running.lines[19]
        assert running.lines[20].startswith("│ 14:20 BUY  SOL-EUR expired                40.00")


# ---- idle


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_an_idle_console_draws_nothing_again(size: tuple[int, int]) -> None:
    async with console(size=size) as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        await running.until(lambda: size[0] < 120 or dashboard.chart.times_drawn == 1)
        dashboard.refresh_all()
        await running.pilot.pause()
        tables = [table for name in PANES if (table := dashboard.bodies.table(name)) is not None]
        blocks = [dashboard.bodies.budget, dashboard.bodies.market, dashboard.bodies.detail]
        before = [table.lines_drawn for table in tables]
        drawn: list[None] = []
        for block in blocks:
            block.on_drawn = lambda: drawn.append(None)
        for _ in range(10):
            dashboard.refresh_all()
        await running.pilot.pause()
        assert [table.lines_drawn for table in tables] == before
        assert drawn == []


async def test_an_unknown_order_does_not_move_a_pane() -> None:
    unknown = execution(state=ExecutionState.UNKNOWN)
    async with console() as running:
        before = running.lines[11][:40], running.lines[17][:12]
        running.driver.show(console_state(header=header(unknown=1), unknown=(unknown,), proposals=four_proposals()[:1]))
        await running.sees("UNKNOWN 1")
        assert (running.lines[11][:40], running.lines[17][:12]) == before
