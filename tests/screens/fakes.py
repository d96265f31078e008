"""A driver of real values and no vault: what the screens are shown in tests, and what they asked for."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from console.execution.halting import HaltReport
from console.execution.outcome import End, Outcome
from console.execution.ticket import TicketView, look_ahead, round_trip, total_and_fee
from console.market_data import MarketsView, Tape
from console.settings import Looks, Settings
from console.state import ActivityLine, ConsoleState, Header, HistoryLine, Link, ProposalView
from storage.check_results import fails
from storage.checks import run_checks, verdict
from storage.clock import HOUR, MINUTE, SECOND, Micros
from storage.codes import (
    CheckCode,
    ExecutionState,
    HistoryStatus,
    Mode,
    OrderKind,
    OrderType,
    Side,
    Stage,
    TimeInForce,
    TradingState,
)
from storage.errors import NotFound
from storage.execution_models import Execution, Trade
from storage.gauges import Gauge
from storage.glance import Glimpse
from storage.locks import JobLock, MarketLock
from storage.market_models import Candle, PublicTrade
from storage.models import Actor, Check, Proposal, Question, Rationale, TradingRecord
from storage.money import Eur, Price, Quantity
from storage.portfolio import Holding, Portfolio
from tests.screens.sight_fakes import SightFake
from tests.screens.ways_fakes import WaysFake
from tests.storage.builders import (
    MONOTONIC,
    NOW,
    coins,
    eur,
    make_proposal,
    make_question,
    make_quote,
    make_rules,
    price,
)
from tests.support import SteppedClock

TICKS = {"BTC-EUR": price("1"), "SOL-EUR": price("0.01"), "ETH-EUR": price("0.1"), "ADA-EUR": price("0.00001")}
ACTOR = Actor("you@box1", "test-instance", 4242)


def stepped_clock() -> SteppedClock:
    """Both clocks where the builders' values are."""
    clock = SteppedClock(NOW)
    clock.seconds = MONOTONIC
    return clock


def flip_until(at: Micros) -> Check:
    """ANTI_FLIP, clearing at a time."""
    return fails(CheckCode.ANTI_FLIP, "3 min", "120 min", "bought 14:29", clears_at=at)


def proposal_view(proposal: Proposal | None = None, **changes: Any) -> ProposalView:
    """A proposal as the list shows it: ready, its price known 0.4 s ago."""
    question = make_question(proposal=proposal, with_ticket=False)
    checks = run_checks(question)
    at_risk, even = round_trip(question, look_ahead(question.order, question.quote))
    view = ProposalView(
        proposal=question.proposal,
        checks=checks,
        blocking=None,
        typed_reason=None,
        price=question.quote.ask,
        drift=Decimal("0.0017"),
        at_risk=at_risk,
        break_even=even,
        rules=question.quote.rules,
        quote_age=0.4,
        outlook=look_ahead(question.order, question.quote),
        time_in_force=question.order.time_in_force,
    )
    return replace(view, **changes)


def other_view(
    number: int, side: Side, market: str, amount: str, limit: str, now: str, left: Micros, **changes: Any
) -> ProposalView:
    """A proposal in another market."""
    tick = TICKS[market]
    proposal = make_proposal(
        id=number,
        market=market,
        side=side,
        eur=eur(amount),
        limit=price(limit),
        quantity=(eur(amount) / price(limit)).rounded_down(6),
        expires_at=NOW + left,
    )
    rules = make_rules(market=market, base=market.partition("-")[0], tick_size=tick)
    fields: dict[str, Any] = {"price": price(now), "rules": rules, "at_risk": None, "break_even": None}
    return replace(proposal_view(), proposal=proposal, **{**fields, **changes})


def four_proposals() -> tuple[ProposalView, ...]:
    """Two ready, one of them asking for its amount; two blocked until a time."""
    first = proposal_view()
    sol = other_view(
        1043, Side.BUY, "SOL-EUR", "40", "128.42", "129.80", 11 * MINUTE + 40 * SECOND,
        typed_reason="price moved 1.07 % since the proposal", drift=Decimal("0.0107"),
    )  # fmt: skip
    ada = other_view(
        1040, Side.BUY, "ADA-EUR", "25", "0.34120", "0.34405", 80 * SECOND,
        blocking=flip_until(NOW + 86 * MINUTE), drift=Decimal("0.0084"),
    )  # fmt: skip
    eth = other_view(
        1041, Side.SELL, "ETH-EUR", "24.60", "2066.0", "2064.8", 3 * MINUTE + 55 * SECOND,
        blocking=flip_until(NOW + 117 * MINUTE), drift=Decimal("-0.0006"),
    )  # fmt: skip
    return (first, sol, ada, eth)


def header(**changes: Any) -> Header:
    """PAPER, ACTIVE, everything alive."""
    fields = Header(
        mode=Mode.PAPER,
        trading=TradingRecord(1, TradingState.ACTIVE, "new vault", "setup", NOW - HOUR),
        halt_file=None,
        policy_name="semi-auto",
        policy_hash="7f3a" + "0" * 60,
        stage=Stage.MATURE,
        source="simulated, seed 7",
        link=Link(MONOTONIC - 0.4, None),
        next_look_at=NOW + 41 * SECOND,
        scheduler="here",
        in_flight=0,
        unknown=0,
        resting=0,
        dead_man=False,
    )
    return replace(fields, **changes)


def halted(**changes: Any) -> Header:
    """A header after a stop."""
    record = TradingRecord(9, TradingState.HALTED, "stop key", "you@box1", NOW - 2 * MINUTE)
    return header(trading=record, **changes)


def look_rows(rows: tuple[tuple[str, str, str, str | None], ...]) -> tuple[sqlite3.Row, ...]:
    """Rows as the vault gives them: market, outcome, nearest, distance."""
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    db.execute("CREATE TABLE looks (id INTEGER, at INTEGER, market TEXT, outcome TEXT, nearest TEXT, numbers TEXT)")
    for number, (market, outcome, nearest, distance) in enumerate(rows):
        numbers = json.dumps({} if distance is None else {"distance": distance})
        values = (number, NOW - 128 * SECOND, market, outcome, nearest, numbers)
        db.execute("INSERT INTO looks VALUES (?, ?, ?, ?, ?, ?)", values)
    found = tuple(db.execute("SELECT * FROM looks").fetchall())
    db.close()
    return found


LOOKS = (
    ("BTC-EUR", "proposed", "", None),
    ("ETH-EUR", "duplicate", "", None),
    ("SOL-EUR", "quiet", "4 h -0.2 of 2 %", "4.1"),
    ("XRP-EUR", "quiet", "1 h +1.4 of 1.5 %", "0.1"),
    ("ADA-EUR", "nothing", "volume z 0.8 of 1.0", "0.9"),
)


def trade_line(
    number: int, at: Micros, side: Side, market: str, quantity: str, at_price: str, fee: str | None, **changes: Any
) -> HistoryLine:
    """A trade in the history."""
    value = coins(quantity) * price(at_price) if quantity != "0" else Eur.zero()
    trade = Trade(
        id=number,
        execution_id=500 + number,
        proposal_id=1000 + number,
        market=market,
        side=side,
        kind=OrderKind.ENTRY,
        status=HistoryStatus.CONFIRMED,
        execution_state=ExecutionState.FILLED,
        quantity=coins(quantity),
        price=price(at_price) if quantity != "0" else None,
        value=value,
        fee=None if fee is None else eur(fee),
        at=at,
        ordered=coins(quantity) if quantity != "0" else coins("0.00041"),
        limit=price(at_price),
        ordered_eur=eur("24.97") if quantity == "0" else value,
    )
    end = changes.get("end", "FILLED")
    states = {"RESTS": ExecutionState.SUBMITTED, "UNKNOWN": ExecutionState.UNKNOWN}
    trade = replace(trade, execution_state=states.get(end, ExecutionState.FILLED))
    return replace(HistoryLine(f"t{number}", at, side, market, trade, value, "FILLED"), **changes)


def ghost(key: str, at: Micros, side: Side, market: str, amount: str, end: str) -> HistoryLine:
    """A proposal that became no trade."""
    return HistoryLine(key, at, side, market, None, eur(amount), end)


def some_history() -> tuple[HistoryLine, ...]:
    """A day: two fills, an expired idea, a refusal, and a fill of the day before."""
    return (
        trade_line(37, NOW - 3 * MINUTE, Side.BUY, "ETH-EUR", "0.01211", "2064.3", "0.07"),
        ghost("p1036", NOW - 12 * MINUTE, Side.BUY, "SOL-EUR", "40", "expired"),
        trade_line(35, NOW - 34 * MINUTE, Side.SELL, "ADA-EUR", "73.1", "0.34210", "0.07"),
        ghost("d7", NOW - 52 * MINUTE, Side.BUY, "XRP-EUR", "25", "refused SPREAD"),
        trade_line(30, NOW - 26 * HOUR, Side.BUY, "BTC-EUR", "0.00082", "60020", "0.13"),
    )


def activity(kind: str = "gate.refused", subject: str = "1041", **payload: Any) -> ActivityLine:
    """One event of a minute ago."""
    details = payload or {"side": "sell", "market": "ETH-EUR", "codes": ["ANTI_FLIP"]}
    return ActivityLine(88, NOW - MINUTE, kind, subject, details)


def execution(number: int = 537, state: ExecutionState = ExecutionState.SUBMITTED, **changes: Any) -> Execution:
    """A resting buy of 0.00041 BTC at 60900."""
    row = Execution(
        id=number,
        proposal_id=1037,
        revision=1,
        market="BTC-EUR",
        side=Side.BUY,
        kind=OrderKind.ENTRY,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=coins("0.00041"),
        limit=price("60900"),
        state=state,
        client_order_id="5b1e7c1e-4d0a-5f2c-8a77-0c6d1f2e9f02",
        order_id=None if state is ExecutionState.UNKNOWN else "ord-1",
        request_body="{}",
        policy_hash="7f3a",
        actor="you@box1",
        instance="test-instance",
        claimed_at=NOW - 3 * MINUTE,
        submitting_at=NOW - 3 * MINUTE,
        signing=None,
        unknown_at=NOW - 2 * MINUTE if state is ExecutionState.UNKNOWN else None,
        ended_at=None,
        updated_at=NOW - 3 * MINUTE,
        venue_status=None,
    )
    return replace(row, **changes)


def gauge(name: str, used: str | None, cap: str, reserved: str = "0", **changes: Any) -> Gauge:
    """One cap and what stands against it."""
    figure = None if used is None else Decimal(used)
    return replace(Gauge(name, figure, Decimal(reserved), Decimal(cap)), **changes)


def some_gauges() -> tuple[Gauge, ...]:
    """A day on which a few calls and trades were made."""
    return (
        gauge("calls", "6", "15", "1", frees_at=NOW + 130 * MINUTE),
        gauge("calls_hour", "1", "5", frees_at=NOW + 38 * MINUTE),
        gauge("cost", "0.31", "2", frees_at=NOW + 130 * MINUTE),
        gauge("scans", "24", "50", frees_at=NOW + 8 * HOUR, full_at=NOW + 758 * MINUTE),
        gauge("trades", "3", "5", frees_at=NOW + 21 * HOUR),
        gauge("trades_hour", "1", "3", frees_at=NOW + 57 * MINUTE),
        gauge("exits", "1", "20", frees_at=NOW + 23 * HOUR),
        gauge("exits_hour", "0", "10"),
        gauge("exposure", "412", "2000"),
        gauge("loss", "0", "300"),
    )


def market_lock(market: str, words: str, clears_at: Micros | None, side: Side | None = None) -> MarketLock:
    """One thing that may not be done."""
    code = CheckCode.COOLDOWN if words == "cooling" else CheckCode.ANTI_FLIP
    return MarketLock(market, side, code, words, clears_at, "bought 14:29")


def some_market_locks() -> tuple[MarketLock, ...]:
    """What the last trades forbid."""
    return (
        market_lock("ETH-EUR", "no SELL", NOW + 117 * MINUTE, Side.SELL),
        market_lock("ADA-EUR", "no BUY", NOW + 86 * MINUTE, Side.BUY),
        market_lock("ETH-EUR", "cooling", NOW + 12 * MINUTE),
    )


def job_lock(job: str, holder: str | None = None, fence: int = 1, **changes: Any) -> JobLock:
    """A job and its lease; held ones have two minutes left."""
    ttl = None if holder is None else 112 * SECOND
    return replace(JobLock(job, holder, fence, ttl, NOW + 41 * SECOND, 0, None, False), **changes)


def some_job_locks() -> tuple[JobLock, ...]:
    """Two held, one of them elsewhere; one free, one that waits for work, one that failed."""
    return (
        job_lock("expire", next_run_at=NOW - HOUR, fence=9),
        job_lock("keeper", ACTOR.instance, 3),
        job_lock("look", fence=41),
        job_lock("reconcile", "box2-instance", 7, next_run_at=NOW + 22 * SECOND),
        job_lock("scan", fence=12, failures=2, error="the exchange is silent"),
    )


def holding(market: str, quantity: str, bid: str | None, cost: str | None) -> Holding:
    """A coin; bought by this vault if it has a cost."""
    amount = coins(quantity)
    value = None if bid is None else amount * price(bid)
    paid = None if cost is None else eur(cost)
    result = None if value is None or paid is None else value - paid
    bought = Quantity.zero() if cost is None else amount
    return Holding(market, amount, None if bid is None else price(bid), value, bought, paid, result)


def some_portfolio(**changes: Any) -> Portfolio:
    """Euros, a coin that rose, a coin from elsewhere."""
    held = (
        holding("BTC-EUR", "0.0061", "61148", "366"),
        holding("ETH-EUR", "0.01211", "2064.8", "25.07"),
        holding("XRP-EUR", "28.2", "0.50106", None),
    )
    made = Portfolio(
        compared_at=NOW - 21 * SECOND,
        eur=eur("792.13"),
        free=eur("767.16"),
        free_fetched=MONOTONIC - 1.0,
        holdings=held,
        day_result=eur("1.84"),
        day_fees=eur("0.18"),
        fees_unknown=0,
    )
    return replace(made, **changes)


def job_run(number: int, at: Micros, job: str, text: str, *, failed: bool = False) -> ActivityLine:
    """One run of a job that changed something."""
    return ActivityLine(number, at, f"job.{job}", "", {"text": text, "holder": ACTOR.instance, "failed": failed})


def some_candles(count: int = 60) -> tuple[Candle, ...]:
    """Five-minute candles that rise, fall and rise, the last one at the price of the book."""
    made = []
    for number in range(count):
        middle = 61150 - abs((number * 37) % 41 - 20) * 8 - (count - 1 - number) * 6
        rise = 30 if number % 3 else -25
        made.append(
            Candle(
                at=NOW - (count - number) * 5 * MINUTE,
                open=Price.of(middle - rise),
                high=Price.of(middle + 60),
                low=Price.of(middle - 70),
                close=Price.of(middle + rise),
                volume=Quantity.of("0.4"),
            )
        )
    return tuple(made)


def moved(candles: tuple[Candle, ...], share: Decimal, back: int) -> tuple[Candle, ...]:
    """The same candles at another price, begun so many candles earlier in their own pattern."""
    prices = [candles[place - back] for place in range(len(candles))]
    return tuple(
        replace(
            candle, open=made.open.scaled(share), high=made.high.scaled(share), low=made.low.scaled(share),
            close=made.close.scaled(share),
        )
        for candle, made in zip(candles, prices, strict=True)
    )  # fmt: skip


def some_view() -> MarketsView:
    """A dozen last trades two seconds old, and candles of three other markets; a fourth was not fetched yet."""
    trades = tuple(
        PublicTrade(
            NOW - number * 7 * SECOND,
            Side.SELL if number % 3 else Side.BUY,
            price(str(61150 + number * 5 % 13)),
            coins(f"0.0{1 + number * 37 % 89:02}"),
        )
        for number in range(12)
    )
    candles = {
        market: moved(some_candles(), Decimal(share), back)
        for market, share, back in (
            ("ETH-EUR", "0.0337", 7), ("SOL-EUR", "0.0021", 21), ("ADA-EUR", "0.0000056", 40),
        )
    }  # fmt: skip
    return MarketsView(Tape(trades, MONOTONIC - 2.0), candles, dict.fromkeys(candles, MONOTONIC - 12.0))


def console_state(**changes: Any) -> ConsoleState:
    """An ordinary afternoon."""
    state = ConsoleState(
        read_at=MONOTONIC - 0.2,
        now=NOW,
        header=header(),
        proposals=four_proposals(),
        looks=look_rows(LOOKS),
        history=some_history(),
        activity=(activity(),),
        unknown=(),
        resting=(),
        day_result=eur("1.84"),
        fills_today=2,
        tick_sizes=TICKS,
        gauges=some_gauges(),
        market_locks=some_market_locks(),
        job_locks=some_job_locks(),
        portfolio=some_portfolio(),
        runs=(job_run(4, NOW - 128 * SECOND, "look", "looked at 5, proposed 1"),),
        quotes={"BTC-EUR": make_quote()},
        candles={"BTC-EUR": some_candles()},
        instance=ACTOR.instance,
    )
    return replace(state, **changes)


def resting_state() -> ConsoleState:
    """One entry rests; its row leads the history."""
    row = trade_line(37, NOW - 3 * MINUTE, Side.BUY, "BTC-EUR", "0", "60900", None, end="RESTS", eur=eur("24.97"))
    return console_state(header=header(resting=1), resting=(execution(),), history=(row, *some_history()[1:]))


def unknown_state() -> ConsoleState:
    """Nobody knows what became of one order."""
    row = trade_line(37, NOW - 3 * MINUTE, Side.BUY, "BTC-EUR", "0", "60900", None, end="UNKNOWN", eur=eur("24.97"))
    unknown = execution(state=ExecutionState.UNKNOWN)
    return console_state(header=header(unknown=1), unknown=(unknown,), history=(row, *some_history()[1:]))


HOSTILE = (
    "[/price] reached",
    "[@click=app.quit]x[/]",
    "\x1b]52;c;aGk=\x07\x1b[31mred\x9b2J",
    "pay \u202eRUE-CTB\u202c now",
    "A" * 10_000,
)


def hostile_state() -> ConsoleState:
    """Every text from outside is an attack."""
    views = tuple(
        replace(
            proposal_view(),
            proposal=make_proposal(
                id=1050 + number,
                rationale=Rationale(text, text, price("60400"), text, text),
                oracle=text,
            ),
            blocking=fails(CheckCode.SPREAD, text, text, text),
        )
        for number, text in enumerate(HOSTILE)
    )
    return console_state(
        proposals=views,
        header=header(source=HOSTILE[2], policy_name=HOSTILE[1], scheduler=HOSTILE[3]),
        activity=(activity("alert.critical", HOSTILE[2], text=HOSTILE[1]),),
        history=(ghost("d1", NOW - MINUTE, Side.BUY, HOSTILE[2], "25", HOSTILE[0]),),
        looks=look_rows((("BTC-EUR", "quiet", HOSTILE[2], None),)),
    )


def ticket_view(question: Question, **changes: Any) -> TicketView:
    """A ticket of a question as the vault draws it, held before 0.0061 BTC."""
    checks = run_checks(question)
    total, fee = total_and_fee(question)
    outlook = look_ahead(question.order, question.quote)
    at_risk, even = round_trip(question, outlook)
    assert question.ticket is not None
    view = TicketView(
        proposal=question.proposal,
        ticket=question.ticket,
        question=question,
        checks=checks,
        blocking=verdict(checks),
        outlook=outlook,
        total=total,
        fee=fee,
        typed=None if total is None else str(total),
        typed_reason=None,
        at_risk=at_risk,
        break_even=even,
        held_after=coins("0.00651"),
        exposure_after=eur("437.1"),
        exposure_limit=eur("2000"),
        trades_after=4,
        trades_limit=5,
    )
    return replace(view, **changes)


class FakeDriver(WaysFake, SightFake):
    """What the screens see of the program. Its book is confirmed at every quote; its orders wait to be answered."""

    def __init__(
        self, state: ConsoleState | None = None, *, mode: Mode = Mode.PAPER, looks: Mapping[str, Any] | None = None
    ) -> None:
        WaysFake.__init__(self)
        SightFake.__init__(self)
        self.settings = Settings(looks=Looks(**{"utc": True, **(looks or {})}))
        self.mode = mode
        self.read_only = False
        self.clock = stepped_clock()
        self.actor = ACTOR
        self.current = state
        self.glimpses: tuple[Glimpse, ...] = ()
        self.startup = "starting the simulated exchange"
        self.problem: str | None = None
        self.asked: list[tuple[Any, ...]] = []
        """Every call that changes something, in order."""
        self.around: MarketsView | None = some_view()
        self.quotes = 0
        self.quote_changes: dict[str, Any] = {}
        self.ticket_changes: dict[str, Any] = {}
        self.ended: Proposal | None = None
        """A proposal that is no longer open, of which a ticket can still be read."""
        self.facts_changes: dict[str, Any] = {}
        self.ticket_error: Exception | None = None
        self.execution_changes: dict[str, Any] = {}
        self.answer: asyncio.Future[Outcome] | None = None
        self.failure: Exception | None = None
        self.screens_at_fire: tuple[str, ...] = ()
        self.watch_screens: Callable[[], tuple[str, ...]] = tuple
        self._callbacks: list[Callable[[], None]] = []

    @property
    def state(self) -> ConsoleState | None:
        return self.current

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def look_at(self, market: str, others: frozenset[str]) -> MarketsView | None:
        return self.around

    def show(self, state: ConsoleState) -> None:
        """A newer state, read now."""
        self.current = replace(state, read_at=self.clock.monotonic() - 0.2, now=self.clock.now())
        for callback in tuple(self._callbacks):
            callback()

    def find_proposal(self, proposal_id: int) -> Proposal:
        state = self.current
        assert state is not None
        known = [view.proposal for view in state.proposals] + ([] if self.ended is None else [self.ended])
        found = next((proposal for proposal in known if proposal.id == proposal_id), None)
        if found is None:
            raise NotFound(f"there is no proposal {proposal_id}")
        return found

    async def ticket(self, proposal_id: int) -> TicketView:
        await asyncio.sleep(0)
        if self.ticket_error is not None:
            raise self.ticket_error
        self.quotes += 1
        proposal = self.find_proposal(proposal_id)
        now = {"book_confirmed": self.clock.monotonic() - 0.4}
        fresh = {"now": self.clock.now(), "monotonic": self.clock.monotonic(), **self.facts_changes}
        question = make_question(proposal=proposal, quote={**now, **self.quote_changes}, facts=fresh)
        return ticket_view(question, **{"blocking": None, **self.ticket_changes})

    async def fire(self, view: TicketView, *, typed: bool) -> Outcome:
        self.asked.append(("fire", view.proposal.id, typed))
        self.screens_at_fire = self.watch_screens()
        self.answer = asyncio.get_running_loop().create_future()
        return await self.answer

    async def decline(self, proposal_id: int, note: str | None) -> None:
        self._ask("decline", proposal_id, note)

    async def note_decline(self, proposal_id: int, note: str) -> None:
        self._ask("note", proposal_id, note)

    async def undo_decline(self, proposal_id: int) -> None:
        self._ask("undo", proposal_id)

    async def look_now(self) -> None:
        self._ask("look")

    async def halt(self, reason: str, *, stops: bool = False) -> HaltReport:
        self._ask("halt, stops too" if stops else "halt", reason)
        return HaltReport(True, "stopped: no order can leave", 1, ())

    async def reduce(self, reason: str) -> None:
        self._ask("reduce", reason)

    async def resume(self, lifts: int, reason: str) -> None:
        self._ask("resume", lifts, reason)

    async def cancel(self, execution_id: int) -> str:
        self._ask("cancel", execution_id)
        return "1037 is cancelled, nothing was filled"

    async def execution_outcome(self, execution_id: int) -> Outcome:
        return outcome(**self.execution_changes)

    def in_flight(self) -> int:
        return 0 if self.answer is None or self.answer.done() else 1

    def _ask(self, *what: Any) -> None:
        self.asked.append(what)
        if self.failure is not None:
            raise self.failure


def outcome(**changes: Any) -> Outcome:
    """0.00041 BTC bought at 61152."""
    value = Quantity.of("0.00041") * Price.of("61152")
    made = Outcome(
        end=End.ACCEPTED,
        proposal_id=1042,
        order=make_question().order,
        execution_id=538,
        client_order_id="5b1e7c1e-4d0a-5f2c-8a77-0c6d1f2e9f02",
        state=ExecutionState.FILLED,
        reason="",
        failed=(),
        holder=None,
        filled=coins("0.00041"),
        average=price("61152"),
        value=value,
        fee=eur("0.07"),
        seconds=0.31,
    )
    return replace(made, **changes)
