"""A vault and an exchange that agree, on one stepped clock: the real order path here, other hands there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

from console.exchange.answers import NoAnswer
from console.execution.adopt import adopt_differences
from console.execution.duties import Parts, reconcile_and_sweep
from console.execution.executor import Executor
from console.execution.fills import follow_orders
from console.execution.keeper import keep
from console.execution.outcome import Outcome
from console.execution.sweep import sweep_once
from console.gauntlet.private import Clients
from storage.clock import SECOND
from storage.codes import JobName, Mode, OrderKind, Side
from storage.database import Tx, Vault
from storage.execution_models import Execution
from storage.execution_rows import get_execution
from storage.gate import draw_ticket
from storage.leases import acquire_lease, register_job
from storage.money import Eur, Price, Quantity
from storage.policy_store import activate_policy, active_policy
from storage.proposals import create_proposal
from storage.sweeps import Adoption
from storage.trading_state import current_trading_state, halt, resume
from tests.agreement.account import MARKETS, Account, history_with_moves
from tests.storage.builders import policy_with
from tests.storage.world import own_idea
from tests.support import OPERATOR, SeededEntropy

T = TypeVar("T")

EUROS: Final = Decimal(1_000_000)
ANSWER_S: Final = 10.0
"""How long an order's answer is waited for, as every preset has it."""

THROUGH: Final = Decimal("0.005")
AWAY: Final = Decimal("0.015")
"""How far through the book a limit is that fills at once, and how far from it one that rests."""

RULES: Final[Mapping[str, Any]] = {
    "name": "test", "allowlist": MARKETS, "cooldown_min": 0, "anti_flip_min": 0, "cooldown_after_loss_min": 0,
    "trades": {"per_day": 10_000, "per_hour": 10_000}, "exits": {"per_day": 10_000, "per_hour": 10_000},
    "order": {"min_eur": 10, "max_eur": 10_000}, "exposure_eur": 1_000_000, "drawdown_pct": 100,
}  # fmt: skip
"""No pause between trades and no end of them: what is refused here is refused for what the exchange holds."""


class NoPrices(AssertionError):
    """No idea can be confirmed: the exchange shows no prices, or the rate limit lets nobody ask for them."""


@dataclass
class Pair:
    """Both sides, and what the vault has been told of by something else than its own orders."""

    account: Account
    clients: Clients
    parts: Parts
    explained: dict[str, Decimal]
    """By symbol: where it began, what history tells of, what was adopted, what was put into the vault by force."""

    our_ids: set[str] = field(default_factory=set)
    """Client order ids of whatever this vault sent."""

    @property
    def vault(self) -> Vault:
        """The one vault."""
        return self.parts.vault

    async def do(self, change: Callable[[Tx], T]) -> T:
        """One transaction."""
        return await self.vault.transact(change)

    async def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the vault."""
        return await self.vault.read(lambda tx: [dict(row) for row in tx.db.execute(sql, values)])

    async def execution(self, execution_id: int) -> Execution:
        """One execution as the vault has it."""
        return await self.vault.read(lambda tx: get_execution(tx, execution_id))

    # trading --------------------------------------------------------------------------------------------------
    async def fire(
        self, *, side: Side = Side.BUY, market: str = MARKETS[0], rests: bool = False, eur: Decimal = Decimal(15),
        away: Decimal = AWAY, quantity: Decimal | None = None,
    ) -> Outcome:  # fmt: skip
        """Confirm a new idea at once: it fills, or it rests ``away`` from the book."""
        if rests:
            await self.do(_keeper_comes)
        quote = await self.parts.quotes.fetch(market)
        if quote.rules is None or quote.bid is None or quote.ask is None:
            raise NoPrices("the exchange shows no prices")
        buying = side is Side.BUY
        near = quote.ask if buying is not rests else quote.bid
        through = -away if rests else THROUGH
        wanted = near.value * (1 + through if buying else 1 - through)
        limit = Price(wanted).to_tick(quote.rules.tick_size, up=not buying)
        step = Decimal(1).scaleb(-quote.rules.quantity_decimals)
        amount = Quantity((eur / limit.value).quantize(step) if quantity is None else quantity)
        kind = OrderKind.ENTRY if buying else OrderKind.EXIT
        idea = own_idea(
            market=market, side=side, kind=kind, quantity=amount, limit=limit, eur=Eur((amount * limit).value)
        )
        proposal = await self.do(lambda tx: create_proposal(tx, idea))
        ticket = await self.vault.read(lambda tx: draw_ticket(tx, proposal))
        outcome = await self.parts.executor.execute(ticket, quote)
        if outcome.client_order_id is not None:
            self.our_ids.add(outcome.client_order_id)
        return outcome

    async def sweep(self) -> bool:
        """Compare now."""
        return await sweep_once(self.vault, self.clients.trade, self.clients.readonly, self.account.clock.sleep)

    async def reconcile(self) -> None:
        """What the job does at its turn: settle, and compare if a minute is over."""
        await reconcile_and_sweep(self.parts)

    async def follow(self) -> None:
        """The jobs of fills and keeper at their turn."""
        await follow_orders(self.vault, self.clients.trade)
        await keep(self.vault, self.clients.trade, self.parts.executor)

    async def pass_time(self, seconds: float) -> None:
        """Let so much time pass while fills and keeper have their turns, and reconcile has none."""
        while seconds > 0:
            await self.account.clock.sleep(min(seconds, 20))
            seconds -= 20
            await self.follow()

    async def cancel(self, execution_id: int) -> None:
        """Take an order of ours back."""
        if isinstance(answer := await self.parts.executor.cancel(execution_id), NoAnswer):
            raise AssertionError(f"no answer to a cancel: {answer}")

    # stop and go ----------------------------------------------------------------------------------------------
    async def halted(self) -> None:
        """Trading is off."""
        await self.do(lambda tx: halt(tx, "to settle what differs"))

    async def active(self) -> None:
        """Trading is on again."""
        await self.do(lambda tx: resume(tx, current_trading_state(tx).id, "settled"))

    async def adopt(self) -> Adoption:
        """Accept what is left."""
        parts = self.parts
        adoption = await adopt_differences(parts.vault, parts.trade, parts.readonly, parts.sleep, "seen by hand")
        here = self.here()
        self.explain(
            {symbol: amount - here.get(symbol, Decimal(0)) for symbol, amount in self.account.totals().items()}
        )
        return adoption

    def explain(self, changes: Mapping[str, Decimal]) -> None:
        """The vault has been told of these."""
        for symbol, change in changes.items():
            self.explained[symbol] = self.explained.get(symbol, Decimal(0)) + change

    # what both sides hold -------------------------------------------------------------------------------------
    async def found(self) -> list[str]:
        """What the newest comparison found."""
        (row,) = await self.rows("SELECT clean, differences FROM exchange_sweeps ORDER BY id DESC LIMIT 1")
        differences: list[str] = json.loads(row["differences"])
        if bool(row["clean"]) is bool(differences):
            raise AssertionError(f"clean and not: {row}")
        return differences

    def here(self) -> dict[str, Decimal]:
        """What the vault must expect: what it was told of, and the fills of its own orders as the exchange has them."""
        totals = dict(self.explained)
        marks = ", ".join("?" for _ in self.our_ids)
        ours = f"order_id IN (SELECT order_id FROM orders WHERE client_order_id IN ({marks}))"  # noqa: S608 - marks only
        for fill in self.account.store.fills(ours, sorted(self.our_ids)):
            base, _, quote = fill.market.partition("-")
            sign = 1 if fill.side == "buy" else -1
            for symbol, change in (
                (base, sign * fill.amount), (quote, -sign * fill.amount * fill.price), (fill.fee_currency, -fill.fee)
            ):  # fmt: skip
                totals[symbol] = totals.get(symbol, Decimal(0)) + change
        return totals

    def balance_sentences(self) -> list[str]:
        """What a comparison must say of the balances, to the last digit."""
        here, there = self.here(), self.account.totals()
        return [
            f"{symbol}: the exchange has {digits(there.get(symbol))}, the vault expects {digits(here.get(symbol))}"
            for symbol in sorted(here.keys() | there.keys())
            if here.get(symbol, Decimal(0)) != there.get(symbol, Decimal(0))
        ]


def digits(amount: Decimal | None) -> str:
    """An amount as people write it: no exponent, no zeros at the end."""
    text = format(amount or Decimal(0), "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _keeper_comes(tx: Tx) -> None:
    register_job(tx, JobName.KEEPER, 10 * SECOND)
    acquire_lease(tx, JobName.KEEPER, tx.actor.instance)


@asynccontextmanager
async def paired(folder: Path, seed: int, **rules: Any) -> AsyncIterator[Pair]:
    """A new vault beside a new exchange, compared once: they agree."""
    with history_with_moves():
        async with (
            aclosing(Account(folder, seed, EUROS)) as account,
            aclosing(await account.clients(ANSWER_S)) as clients,
        ):
            vault = await Vault.open(folder / "vault", Mode.PAPER, account.clock, SeededEntropy(seed), OPERATOR)
            try:
                policy = policy_with(**{**RULES, **rules})
                await vault.transact(lambda tx: activate_policy(tx, policy, active_policy(tx).activation_id))
                executor = Executor(vault, clients.trade, account.clock)
                clock = account.clock
                parts = Parts(vault, clients.readonly, clients.trade, clients.quotes, executor, clock, clock.sleep)
                pair = Pair(account, clients, parts, account.totals())
                await reconcile_and_sweep(parts, force=True)
                yield pair
            finally:
                await vault.close()
