"""Everything by which vault and exchange may come apart, drawn by seed; and what has to be said of each.

Half of the kinds are no differences at all: what our own orders did unseen, and money whose coming and going the
account's history tells of. Those are taken over without a word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID, uuid5

from storage.codes import ExecutionState, Side
from storage.database import Tx
from storage.execution_models import Execution
from tests.agreement.account import MARKETS
from tests.agreement.pair import Pair

CENT: Final = Decimal("0.01")
DUST: Final = Decimal("0.00000001")
FAR: Final = Decimal("0.5")
"""What other hands offer lies at half the price: nobody takes it."""


@dataclass
class Divergence:
    """What came apart, as it has to be told; the sentences of balances follow from both sides' figures."""

    name: str
    sentences: tuple[str, ...] = ()
    foreign_market: str | None = None
    halts: bool = False
    """The vault stops trading by itself when it sees this."""
    vanished: int | None = None
    """The execution whose order is gone without a trace: the operator's word settles it."""
    by_hand: tuple[str, str] | None = None
    """An order (market, id) that nobody but the operator can take back."""
    becomes: dict[int, ExecutionState] = field(default_factory=dict)
    """What executions of ours have to be once it is found."""
    told: Mapping[str, Decimal] = field(default_factory=dict)
    """What history tells of, by symbol: to be taken over exactly once."""


@dataclass
class Prepared:
    """Orders of ours that agree on both sides, for divergences to work on; each is used once."""

    resting: list[Execution] = field(default_factory=list)
    ended: list[Execution] = field(default_factory=list)
    given_up: list[Execution] = field(default_factory=list)


Plant = Callable[[Pair, Prepared, Random], Awaitable[Divergence]]


# our own orders, moved on while nobody looked ---------------------------------------------------------------------
async def _filled_in_part(pair: Pair, ready: Prepared, chance: Random) -> Divergence:
    ours = ready.resting.pop()
    for _ in range(chance.randint(1, 3)):
        pair.account.fill(_order_id(ours), _part(ours, chance))
    return Divergence("filled in part", becomes={ours.id: ExecutionState.PARTIALLY_FILLED})


async def _filled(pair: Pair, ready: Prepared, chance: Random) -> Divergence:
    ours = ready.resting.pop()
    first = _part(ours, chance)
    pair.account.fill(_order_id(ours), first)
    pair.account.fill(_order_id(ours), ours.quantity.value - first)
    return Divergence("filled", becomes={ours.id: ExecutionState.FILLED})


async def _canceled_by_hand(pair: Pair, ready: Prepared, chance: Random) -> Divergence:
    ours = ready.resting.pop()
    if chance.random() < 0.5:
        pair.account.fill(_order_id(ours), _part(ours, chance))
    await pair.account.cancel(ours.market, _order_id(ours))
    return Divergence("canceled by hand", becomes={ours.id: ExecutionState.CANCELED})


async def _fee_elsewhere(pair: Pair, ready: Prepared, chance: Random) -> Divergence:
    ours = ready.resting.pop()
    pair.account.fill(_order_id(ours), _part(ours, chance), fee_in="ADA")
    return Divergence("fee in another currency", becomes={ours.id: ExecutionState.PARTIALLY_FILLED})


async def vanished(pair: Pair, ready: Prepared, _chance: Random) -> Divergence:
    ours = ready.resting.pop()
    pair.account.forget(_order_id(ours))
    sentence = f"order {ours.order_id} of execution {ours.id} rests here, not there"
    return Divergence("missing at the exchange", (sentence,), vanished=ours.id)


async def _late(pair: Pair, ready: Prepared, _chance: Random) -> Divergence:
    """An order that was proven absent is there after all."""
    ours = ready.given_up.pop()
    await pair.account.place(_copy_of(ours) | {"clientOrderId": ours.client_order_id})
    return Divergence("late evidence", halts=True, becomes={ours.id: ExecutionState.SUBMITTED})


async def _second(pair: Pair, ready: Prepared, _chance: Random) -> Divergence:
    """Somebody used the id of an order of ours that has ended."""
    ours = ready.ended.pop()
    placed = await pair.account.place(_offer(pair, ours.market) | {"clientOrderId": ours.client_order_id})
    sentence = f"order {placed['orderId']} of execution {ours.id} rests there, not here"
    return Divergence("a second order", (sentence,), halts=True, by_hand=(ours.market, placed["orderId"]))


# fills that one side has and the other has not --------------------------------------------------------------------
async def _fill_lost(pair: Pair, ready: Prepared, _chance: Random) -> Divergence:
    ours = ready.ended.pop()

    def lose(tx: Tx) -> Mapping[str, Decimal]:
        row = tx.db.execute("SELECT * FROM fills WHERE execution_id = ? LIMIT 1", [ours.id]).fetchone()
        _unguarded(tx, "fills_no_delete", "DELETE FROM fills WHERE id = ?", [row["id"]])
        return {symbol: -change for symbol, change in _moved_by(row).items()}

    pair.explain(await pair.do(lose))
    return Divergence("a fill the vault lacks")


async def _fill_too_many(pair: Pair, ready: Prepared, _chance: Random) -> Divergence:
    ours = ready.ended.pop()

    def copy(tx: Tx) -> Mapping[str, Decimal]:
        tx.db.execute(
            "INSERT INTO fills (execution_id, market, side, fill_id, at, quantity, price, fee, fee_currency, taker,"
            " settled, stored_at) SELECT execution_id, market, side, 'copy of ' || fill_id, at, quantity, price, fee,"
            " fee_currency, taker, settled, stored_at FROM fills WHERE execution_id = ? LIMIT 1",
            [ours.id],
        )
        return _moved_by(tx.db.execute("SELECT * FROM fills ORDER BY id DESC LIMIT 1").fetchone())

    pair.explain(await pair.do(copy))
    return Divergence("a fill too many in the vault")


# orders of others -------------------------------------------------------------------------------------------------
async def _foreign(pair: Pair, _ready: Prepared, chance: Random) -> Divergence:
    market = chance.choice(MARKETS)
    # Without a name, with somebody's, or with one that looks like ours: that of a proposal nobody ever fired.
    somebodys = UUID(int=chance.getrandbits(128), version=4)
    like_ours = uuid5(UUID(pair.vault.info.incarnation), str(chance.randint(10**6, 10**9)))
    named = chance.choice(({}, {"clientOrderId": str(somebodys)}, {"clientOrderId": str(like_ours)}))
    own_operator = {"operatorId": pair.vault.info.operator_id} if chance.random() < 0.3 else {}
    placed = await pair.account.place(_offer(pair, market) | named | own_operator)
    return Divergence("a foreign order", (f"order {placed['orderId']} in {market} is not ours",), market)


async def _foreign_trade(pair: Pair, _ready: Prepared, chance: Random) -> Divergence:
    market = chance.choice(MARKETS)
    base = market.partition("-")[0]
    amount = _between(chance, 12, 90) / _price(pair, market)
    held = pair.account.store.balance(base)[0]
    side = "sell" if held > amount and chance.random() < 0.5 else "buy"
    body = {"market": market, "side": side, "orderType": "market", "amount": f"{amount.quantize(DUST):f}"}
    await pair.account.place(body)
    return Divergence(f"a foreign {side} that filled at once")


# money that came and went -----------------------------------------------------------------------------------------
async def _moved(pair: Pair, _ready: Prepared, chance: Random) -> Divergence:
    symbol = chance.choice(("EUR", "BTC", "ETH", "ADA", "SOL"))
    amount = _between(chance, 1, 500) if symbol == "EUR" else _between(chance, 1, 500).scaleb(-6)
    sign = -1 if pair.account.store.balance(symbol)[0] > amount and chance.random() < 0.5 else 1
    pair.account.move({symbol: sign * amount})
    return Divergence("a balance moved")


async def _dust(pair: Pair, _ready: Prepared, chance: Random) -> Divergence:
    symbol = chance.choice(("EUR", "BTC", "ADA"))
    smallest = chance.choice((CENT, DUST)) if symbol == "EUR" else DUST
    sign = -1 if pair.account.store.balance(symbol)[0] > smallest and chance.random() < 0.5 else 1
    pair.account.move({symbol: sign * smallest})
    return Divergence("the smallest difference there is")


async def _deposit(pair: Pair, _ready: Prepared, chance: Random) -> Divergence:
    symbol = chance.choice(("EUR", "ADA"))
    amount = _between(chance, 10, 900)
    pair.account.tell("deposit", receivedCurrency=symbol, receivedAmount=f"{amount:f}")
    return _told(pair, "a deposit", {symbol: amount})


async def _withdrawal(pair: Pair, _ready: Prepared, chance: Random) -> Divergence:
    """Its fee is taken in the same currency, or in another one."""
    amount, fee = _between(chance, 10, 200), Decimal("0.35")
    fee_in = chance.choice(("EUR", "ADA"))
    parts = {"sentCurrency": "EUR", "sentAmount": f"{amount:f}", "feesCurrency": fee_in, "feesAmount": f"{fee:f}"}
    pair.account.tell("withdrawal", **parts)
    changes = {"EUR": -amount}
    changes[fee_in] = changes.get(fee_in, Decimal(0)) - fee
    return _told(pair, "a withdrawal", changes)


async def _reward(pair: Pair, _ready: Prepared, chance: Random) -> Divergence:
    symbol, amount = chance.choice(("ADA", "SOL", "BTC")), DUST * chance.randint(1, 10**6)
    pair.account.tell("staking", receivedCurrency=symbol, receivedAmount=f"{amount:f}")
    return _told(pair, "a reward", {symbol: amount})


async def _told_in_part(pair: Pair, ready: Prepared, chance: Random) -> Divergence:
    """History tells of less than came: what it tells is taken over, the rest is a difference."""
    found = await _deposit(pair, ready, chance)
    pair.account.move(dict.fromkeys(found.told, CENT))
    found.name = "a deposit that is told of in part"
    return found


KINDS: Final[Mapping[Plant, frozenset[str]]] = {
    _filled_in_part: frozenset({"resting"}),
    _filled: frozenset({"resting"}),
    _canceled_by_hand: frozenset({"resting"}),
    _fee_elsewhere: frozenset({"resting"}),
    vanished: frozenset({"resting"}),
    _late: frozenset({"given_up"}),
    _second: frozenset({"ended"}),
    _fill_lost: frozenset({"ended"}),
    _fill_too_many: frozenset({"ended"}),
    _foreign: frozenset(),
    _foreign_trade: frozenset(),
    _moved: frozenset(),
    _dust: frozenset(),
    _deposit: frozenset(),
    _withdrawal: frozenset(),
    _reward: frozenset(),
    _told_in_part: frozenset(),
}
"""Every kind, and which prepared order it works on."""


def draw(chance: Random) -> list[Plant]:
    """One kind, or two or three at once."""
    return chance.sample(list(KINDS), chance.choice((1, 1, 2, 3)))


async def prepare(pair: Pair, kinds: list[Plant], chance: Random) -> Prepared:
    """Trade what these kinds need. Both sides agree afterwards."""
    ready = Prepared()
    for kind in kinds:
        market, eur = chance.choice(MARKETS), _between(chance, 12, 60)
        for need in KINDS[kind]:
            if need == "given_up":
                pair.account.spoil("POST /order: drop-before-apply x1")
            outcome = await pair.fire(market=market, eur=eur, rests=need != "ended")
            if outcome.execution_id is None:
                raise AssertionError(f"refused while both agree: {outcome.reason}")
            if need == "given_up":
                await pair.pass_time(20)
                await pair.reconcile()
            ours = await pair.execution(outcome.execution_id)
            expected = {"ended": ExecutionState.FILLED, "given_up": ExecutionState.ABSENT}
            if ours.state is not expected.get(need, ExecutionState.SUBMITTED):
                raise AssertionError(f"execution {ours.id} is {ours.state}, prepared as {need}")
            getattr(ready, need).append(ours)
    return ready


def _told(pair: Pair, name: str, changes: Mapping[str, Decimal]) -> Divergence:
    pair.account.move(changes)
    pair.explain(changes)
    return Divergence(name, told=changes)


def _order_id(execution: Execution) -> str:
    if execution.order_id is None:
        raise AssertionError(f"execution {execution.id} has no order")
    return execution.order_id


def _part(ours: Execution, chance: Random) -> Decimal:
    return (ours.quantity.value * Decimal(chance.randint(5, 30)) / 100).quantize(DUST)


def _between(chance: Random, least: int, most: int) -> Decimal:
    return Decimal(chance.randint(least * 100, most * 100)) / 100


def _price(pair: Pair, market: str) -> Decimal:
    fills = pair.account.store.fills("market = ? ORDER BY seq DESC LIMIT 1", [market])
    return fills[0].price if fills else PRICE[market]


PRICE: Final = {"BTC-EUR": Decimal(60_000), "ETH-EUR": Decimal(2_000)}
"""About what a coin costs where nobody has traded yet."""


def _offer(pair: Pair, market: str) -> dict[str, str]:
    price = (_price(pair, market) * FAR).quantize(Decimal(1))
    amount = (20 / price).quantize(DUST)
    return {"market": market, "side": "buy", "orderType": "limit", "amount": f"{amount:f}", "price": f"{price:f}"}


def _copy_of(ours: Execution) -> dict[str, str]:
    return {
        "market": ours.market, "side": "buy" if ours.side is Side.BUY else "sell", "orderType": "limit",
        "amount": str(ours.quantity), "price": str(ours.limit),
    }  # fmt: skip


def _unguarded(tx: Tx, guard: str, sql: str, values: list[object]) -> None:
    """Change what the vault lets nobody change."""
    (made,) = tx.db.execute("SELECT sql FROM sqlite_master WHERE name = ?", [guard]).fetchone()
    tx.db.execute(f"DROP TRIGGER {guard}")
    tx.db.execute(sql, values)
    tx.db.execute(made)


def _moved_by(row: Mapping[str, object]) -> dict[str, Decimal]:
    """What a row of the vault's fills stands for, in euros as every fill of the simulated exchange."""
    quantity, price, fee = (Decimal(str(row[name])) for name in ("quantity", "price", "fee"))
    base, sign = str(row["market"]).partition("-")[0], 1 if row["side"] == "buy" else -1
    return {base: sign * quantity, "EUR": -sign * quantity * price - fee}
