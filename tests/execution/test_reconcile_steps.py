"""Each step of finding out what became of an order, with an exchange that answers as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from console.exchange.answers import Found, LookupFailed, Missing, OrderListing, OwnTrade, TradeListing
from console.exchange.errors import ExchangeError
from console.exchange.trade import TradeClient
from console.execution.reconcile import Findings, adopt_late_orders, gather_absence, reconcile_once
from storage.clock import HOUR, SECOND, Micros
from storage.codes import ExecutionState, Mode
from storage.database import Tx, Vault
from storage.evidence import apply_order
from storage.execution_models import Execution, VenueOrder
from storage.execution_rows import events_of, get_execution
from storage.policy_store import activate_policy, active_policy
from storage.trading_state import current_trading_state, resume
from tests.storage.builders import policy_with
from tests.storage.world import EXCHANGE, KEY, bring_to, own_idea, part_fill, venue_order
from tests.support import SteppedClock, opened_vault

E = ExecutionState
NONE_SUCH = Missing(404, 240)
NO_ORDERS, NO_TRADES = OrderListing((), True), TradeListing((), True)


@dataclass
class Told:
    """An exchange that answers as told, and remembers what it was asked; its time is the vault's."""

    clock: SteppedClock
    looks: list[Found | Missing | LookupFailed] = field(default_factory=lambda: [NONE_SUCH])
    """One for each look-up; the last one answers all that follow."""
    open: tuple[VenueOrder, ...] = ()
    listed: OrderListing = NO_ORDERS
    traded: TradeListing = NO_TRADES
    fails: str | None = None
    meanwhile: Callable[[], Awaitable[object]] | None = None
    fingerprint: str = KEY
    identity: str = EXCHANGE
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    async def time(self) -> Micros:
        return self.clock.now()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.step(seconds)

    async def find_order(self, market: str, client_order_id: str) -> Found | Missing | LookupFailed:
        self.asked.append(("look-up", market, client_order_id))
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    async def open_orders(self, market: str) -> tuple[VenueOrder, ...]:
        self._ask("open", market)
        return self.open

    async def orders(self, market: str, since_ms: int) -> OrderListing:
        self._ask("orders", market, since_ms)
        return self.listed

    async def own_trades(self, market: str, since_ms: int) -> TradeListing:
        self._ask("trades", market, since_ms)
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.traded

    def _ask(self, what: str, *about: Any) -> None:
        assert all(isinstance(each, str | int) for each in about)  # a query takes whole milliseconds
        self.asked.append((what, *about))
        if self.fails == what:
            raise ExchangeError(f"the {what} cannot be had")

    @property
    def client(self) -> TradeClient:
        return cast("TradeClient", self)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def vault(tmp_path: Path, clock: SteppedClock) -> AsyncIterator[Vault]:
    async with opened_vault(tmp_path / "paper", clock) as opened:
        yield opened


@pytest.fixture
def told(clock: SteppedClock) -> Told:
    return Told(clock)


async def brought_to(vault: Vault, state: ExecutionState, **idea: Any) -> Execution:
    return await vault.transact(lambda tx: bring_to(tx, state, own_idea(**idea)))


async def now(vault: Vault, execution: Execution) -> Execution:
    return await vault.read(lambda tx: get_execution(tx, execution.id))


async def provable_in_us(vault: Vault, execution: Execution) -> Micros:
    """How long until absence can be proven, by the policy in force."""
    submit = (await vault.read(active_policy)).policy.submit
    assert execution.signing is not None
    ends = (execution.signing.signed_at_ms + execution.signing.window_ms + submit.absence_margin_ms) * 1000
    return int(ends - vault.clock.now())


async def unknown(vault: Vault, clock: SteppedClock) -> Execution:
    """An UNKNOWN whose absence can be proven from now on."""
    execution = await brought_to(vault, E.UNKNOWN)
    clock.at += await provable_in_us(vault, execution) + 1
    return execution


async def reconcile(vault: Vault, told: Told) -> Findings:
    return await reconcile_once(vault, told.client, told.time, told.sleep)


async def newest_event(vault: Vault, execution: Execution) -> dict[str, Any]:
    return dict((await vault.read(lambda tx: events_of(tx, execution.id)))[-1])


async def test_an_order_found_at_once_is_adopted_and_nothing_more_is_asked(vault: Vault, told: Told) -> None:
    execution = await brought_to(vault, E.UNKNOWN)
    told.looks = [Found(venue_order(execution, "new"))]
    assert await reconcile(vault, told) == Findings(found=[execution.id])
    assert told.asked == [("look-up", "BTC-EUR", execution.client_order_id)]
    event = await newest_event(vault, execution)
    assert (event["after"], event["source"]) == ("SUBMITTED", "look-up by client order id")
    assert event["evidence"] == {"order_id": f"order-{execution.id}", "status": "new", "filled": "0"}


async def test_absence_is_proven_by_two_more_look_ups_and_three_listings(
    vault: Vault, told: Told, clock: SteppedClock
) -> None:
    execution = await unknown(vault, clock)
    began, other = clock.now(), replace(venue_order(execution, "new"), client_order_id="other", order_id="other")
    told.open, told.listed = (other,), OrderListing((other, other), True)
    told.traded = TradeListing((OwnTrade("other", None, "BTC-EUR", "buy", part_fill(execution, 1)),), True)
    assert await reconcile(vault, told) == Findings(absent=[execution.id])

    assert execution.signing is not None
    since_ms = execution.signing.signed_at_ms - 3_600_000
    look_up = ("look-up", "BTC-EUR", execution.client_order_id)
    listings = [("open", "BTC-EUR"), ("orders", "BTC-EUR", since_ms), ("trades", "BTC-EUR", since_ms)]
    assert told.asked == [look_up, look_up, look_up, *listings]
    lag_ms = (await vault.read(active_policy)).policy.submit.lookup_lag_ms
    assert told.slept == [lag_ms / 1000 + 0.05]
    event = await newest_event(vault, execution)
    assert (event["after"], event["source"]) == ("ABSENT", "absence")
    assert event["evidence"] == {
        "began_at": began,
        "look_ups": [[began, 404, 240], [began + (lag_ms + 50) * 1000, 404, 240]],
        "open_orders_seen": 1,
        "orders_seen": 2,
        "trades_seen": 1,
        "listed_from": since_ms * 1000,
        "key_fingerprint": KEY,
        "exchange_identity": EXCHANGE,
    }


@pytest.mark.parametrize(("early_us", "said"), [(0, "0.0 s"), (2_350_000, "2.4 s")])
async def test_before_window_and_margin_are_over_nothing_is_listed(
    vault: Vault, told: Told, clock: SteppedClock, early_us: Micros, said: str
) -> None:
    execution = await brought_to(vault, E.UNKNOWN)
    clock.at += await provable_in_us(vault, execution) - early_us
    findings = await reconcile(vault, told)
    assert findings == Findings(open={execution.id: f"absence can be proven in {said} at the earliest"})
    assert not findings.changed
    assert len(told.asked) == 1


def live_with_a_short_margin(tx: Tx) -> None:
    """Let a LIVE vault trade under a policy that would take an order for absent after its window and a tenth of one."""
    resume(tx, current_trading_state(tx).id, "trying it")
    activate_policy(tx, policy_with(submit={"absence_margin_ms": 500}), active_policy(tx).activation_id)


async def test_in_live_ten_windows_are_waited_for(tmp_path: Path, told: Told, clock: SteppedClock) -> None:
    async with opened_vault(tmp_path / "live", clock, mode=Mode.LIVE) as vault:
        await vault.transact(live_with_a_short_margin)
        execution = await brought_to(vault, E.UNKNOWN)
        assert execution.signing is not None
        clock.at = execution.signing.signed_at_ms * 1000
        findings = await reconcile(vault, told)
        assert findings.open == {execution.id: "absence can be proven in 55.0 s at the earliest"}
        clock.at += 55 * SECOND + 1
        assert (await reconcile(vault, told)).absent == [execution.id]


def seen(execution: Execution) -> VenueOrder:
    """The order, its client order id in another case."""
    return venue_order(execution, "new", client_order_id=execution.client_order_id.upper())


@pytest.mark.parametrize("where", ["second look-up", "third look-up", "open", "orders"])
async def test_an_order_seen_anywhere_is_adopted(vault: Vault, told: Told, clock: SteppedClock, where: str) -> None:
    execution = await unknown(vault, clock)
    order, other = seen(execution), replace(seen(execution), client_order_id="other", order_id="other")
    if where == "open":
        told.open = (other, order)
    elif where == "orders":
        told.listed = OrderListing((other, order), True)
    else:
        misses = 1 if where == "second look-up" else 2
        told.looks = [*[NONE_SUCH] * misses, Found(order)]
    assert await reconcile(vault, told) == Findings(found=[execution.id])
    event = await newest_event(vault, execution)
    assert (event["after"], event["source"]) == ("SUBMITTED", "listing")


async def test_whatever_is_missing_leaves_it_open_and_says_what(vault: Vault, told: Told, clock: SteppedClock) -> None:
    execution = await unknown(vault, clock)
    ours = OwnTrade("o", execution.client_order_id.upper(), "BTC-EUR", "buy", part_fill(execution, 1))
    failed, other_code = LookupFailed("timeout"), Missing(404, 0)
    cut = "the listings were not read from an hour before signing to their end"
    gaps: list[tuple[dict[str, Any], str]] = [
        ({"traded": TradeListing((ours,), True)}, "a listing shows our order"),
        ({"traded": TradeListing((), False)}, cut),
        ({"listed": OrderListing((), False)}, cut),
        ({"looks": [NONE_SUCH, failed]}, "a look-up failed: timeout"),
        ({"looks": [NONE_SUCH, NONE_SUCH, failed]}, "a look-up failed: timeout"),
        ({"looks": [NONE_SUCH, NONE_SUCH, other_code]}, "a look-up did not say that there is no such order"),
        ({"fingerprint": "another"}, "the look-ups were made with another key or at another exchange"),
        ({"identity": "another"}, "the look-ups were made with another key or at another exchange"),
        ({"fails": "open"}, "a listing failed: the open cannot be had"),
        ({"fails": "trades"}, "a listing failed: the trades cannot be had"),
    ]
    for changes, said in gaps:
        findings = await reconcile(vault, replace(told, looks=[NONE_SUCH], **changes) if "looks" not in changes
                                   else replace(told, **changes))  # fmt: skip
        assert findings == Findings(open={execution.id: said})
        assert (await now(vault, execution)).state is E.UNKNOWN
    assert (await reconcile(vault, told)).absent == [execution.id]


async def test_a_listing_without_an_order_known_to_exist_proves_nothing(
    vault: Vault, told: Told, clock: SteppedClock
) -> None:
    known = await brought_to(vault, E.SUBMITTED)
    elsewhere = await brought_to(vault, E.SUBMITTED, market="ETH-EUR")
    execution = await unknown(vault, clock)
    assert (await reconcile(vault, told)).open == {execution.id: "a listing lacks an order that is known to exist"}
    assert elsewhere.market == "ETH-EUR"
    told.listed = OrderListing((venue_order(known, "new"),), True)
    assert (await reconcile(vault, told)).absent == [execution.id]


async def test_an_order_older_than_the_listing_need_not_be_in_it(vault: Vault, told: Told, clock: SteppedClock) -> None:
    await brought_to(vault, E.SUBMITTED)
    clock.at += HOUR
    execution = await unknown(vault, clock)
    assert (await reconcile(vault, told)).absent == [execution.id]


async def test_what_is_still_being_sent_is_left_alone_until_it_is_overdue(
    vault: Vault, told: Told, clock: SteppedClock
) -> None:
    execution = await brought_to(vault, E.SUBMITTING)
    assert await reconcile(vault, told) == Findings(open={execution.id: "being sent"})
    assert execution.signing is not None
    submit = (await vault.read(active_policy)).policy.submit
    clock.at = (execution.signing.signed_at_ms + execution.signing.window_ms + submit.request_timeout_ms) * 1000
    assert await reconcile(vault, told) == Findings(open={execution.id: "being sent"})
    clock.at += 1
    findings = await reconcile(vault, told)
    assert (await now(vault, execution)).state in (E.UNKNOWN, E.ABSENT)
    assert findings.absent == [execution.id] or "absence can be proven" in findings.open[execution.id]


async def test_a_claim_nobody_sent_is_given_up(vault: Vault, told: Told, clock: SteppedClock) -> None:
    execution = await brought_to(vault, E.CLAIMED)
    assert await reconcile(vault, told) == Findings()
    clock.at += 11 * SECOND
    findings = await reconcile(vault, told)
    assert findings == Findings(abandoned=[execution.id])
    assert findings.changed
    assert told.asked == []


async def test_what_another_process_found_meanwhile_is_not_called_absent(
    vault: Vault, told: Told, clock: SteppedClock
) -> None:
    execution = await unknown(vault, clock)

    async def adopted() -> None:
        await vault.transact(lambda tx: apply_order(tx, execution.id, venue_order(execution, "new"), "stream", {}))

    told.meanwhile = adopted
    said = f"execution {execution.id} is not proven absent: it is SUBMITTED, not UNKNOWN"
    assert await reconcile(vault, told) == Findings(open={execution.id: said})
    assert (await now(vault, execution)).state is E.SUBMITTED


async def test_one_that_stays_open_does_not_hold_up_the_next(vault: Vault, told: Told, clock: SteppedClock) -> None:
    first, second = await brought_to(vault, E.UNKNOWN), await brought_to(vault, E.UNKNOWN)
    told.looks = [NONE_SUCH, Found(venue_order(second, "canceled"))]
    findings = await reconcile(vault, told)
    assert (list(findings.open), findings.found) == ([first.id], [second.id])
    assert findings.changed


async def test_what_was_never_signed_has_nothing_to_be_looked_for(vault: Vault, told: Told) -> None:
    execution = await brought_to(vault, E.CLAIMED)
    submit = (await vault.read(active_policy)).policy.submit
    gathered = await gather_absence(told.client, told.time, told.sleep, execution, submit, frozenset())
    assert (gathered, told.asked) == ("nothing was signed", [])


@pytest.mark.parametrize("findings", [Findings(found=[1]), Findings(absent=[1]), Findings(abandoned=[1])])
def test_anything_that_moved_is_a_change(findings: Findings) -> None:
    assert findings.changed
    assert not Findings(open={1: "why"}).changed


class TestLateOrders:
    async def test_an_order_given_up_within_the_hour_is_found_in_the_listing(
        self, vault: Vault, told: Told, clock: SteppedClock
    ) -> None:
        early = await brought_to(vault, E.REJECTED)
        clock.at += 10 * SECOND
        late = await brought_to(vault, E.ABSENT)
        unsent = await brought_to(vault, E.ABANDONED)
        assert (early.signing, unsent.signing) != (None, early.signing)
        told.listed = OrderListing((venue_order(late, "filled", client_order_id=late.client_order_id.upper()),), True)
        assert await adopt_late_orders(vault, told.client) == 1
        assert early.signing is not None
        assert told.asked == [("orders", "BTC-EUR", early.signing.signed_at_ms - 3_600_000)]
        event = await newest_event(vault, late)
        assert (event["before"], event["after"], event["source"]) == ("ABSENT", "FILLED", "late listing")
        assert (await now(vault, early)).state is E.REJECTED

    async def test_every_market_is_listed_once(self, vault: Vault, told: Told) -> None:
        orders = [await brought_to(vault, E.ABSENT, market=market) for market in ("ETH-EUR", "BTC-EUR", "ETH-EUR")]
        told.listed = OrderListing(tuple(venue_order(each, "new") for each in orders if each.market == "ETH-EUR"), True)
        assert await adopt_late_orders(vault, told.client) == 2
        assert [asked[:2] for asked in told.asked] == [("orders", "BTC-EUR"), ("orders", "ETH-EUR")]

    @pytest.mark.parametrize(("after_us", "looked_for"), [(HOUR - 1, True), (HOUR, False)])
    async def test_after_an_hour_it_is_not_looked_for(
        self, vault: Vault, told: Told, clock: SteppedClock, after_us: Micros, looked_for: bool
    ) -> None:
        execution = await brought_to(vault, E.ABSENT)
        clock.at = execution.updated_at + after_us
        assert await adopt_late_orders(vault, told.client) == 0
        assert bool(told.asked) is looked_for

    async def test_what_was_never_sent_is_not_looked_for(self, vault: Vault, told: Told) -> None:
        await brought_to(vault, E.ABANDONED)
        assert await adopt_late_orders(vault, told.client) == 0
        assert told.asked == []
