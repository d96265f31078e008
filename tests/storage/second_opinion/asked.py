"""The same world as the vault has it: rows in its tables, the real reading of facts, and the real checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from storage.checks import run_checks
from storage.clock import HOUR, MINUTE
from storage.codes import CheckCode, Mode, OrderKind, OrderType, Origin, ProposalState, Side, TimeInForce
from storage.database import Tx
from storage.gate import ask
from storage.market_models import ClockSample, Level, MarketRules, Quote
from storage.models import Order, Proposal, Ticket
from storage.money import Eur, Price, Quantity
from storage.orders import order_digest
from storage.policies import Policy, read_policy
from tests.storage.builders import make_proposal
from tests.storage.world import bare_tx
from tests.support import SteppedClock

NEVER_SENT: Final = ("CLAIMED", "ABANDONED")
LIVE: Final = ("CLAIMED", "SUBMITTING", "UNKNOWN", "SUBMITTED", "PARTIALLY_FILLED")


class Bench:
    """An empty vault in memory that is filled with one world after the other; its triggers and parents are off."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.tx: Tx = bare_tx(folder, SteppedClock())
        db = self.tx.db
        for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {row['name']}")
        db.execute("PRAGMA foreign_keys = OFF")

    def answers(self, world: Mapping[str, Any]) -> dict[str, tuple[bool, int | None]]:
        """What the vault's checks say: for each code whether it passes, and when it clears."""
        self.tx.now, self.tx.monotonic = world["now"], world["monotonic"]
        policy = read_policy(world["policy"])
        in_force = policy.hash()
        with self._filled(world, policy, in_force):
            ticket, quote = _ticket(world, in_force), _quote(world["quote"])
            question = ask(self.tx, _proposal(world), quote, ticket=ticket, typed_amount=world["typed"])
            return {check.code.value: (check.passed, check.clears_at) for check in run_checks(question)}

    @contextmanager
    def _filled(self, world: Mapping[str, Any], policy: Policy, in_force: str) -> Iterator[None]:
        halt = self.tx.folder / "HALT"
        if world["halt_file"]:
            halt.touch()
        self.tx.db.execute("BEGIN")
        try:
            self._standing(world, policy, in_force)
            for attempt in world["history"]:
                self._attempt(attempt)
            yield
        finally:
            self.tx.db.execute("ROLLBACK")
            halt.unlink(missing_ok=True)

    def _insert(self, table: str, **row: Any) -> None:
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        self.tx.db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608 - named in this file

    def _standing(self, world: Mapping[str, Any], policy: Policy, in_force: str) -> None:
        db, now, sweep = self.tx.db, world["now"], world["sweep"]
        by = {"actor": "operator", "instance": "test"}
        self._insert("policies", hash=in_force, name=policy.name, canonical=policy.canonical(), created_at=now)
        db.execute("UPDATE policy_activations SET hash = ? WHERE active = 1", (in_force,))
        self._insert("trading_state", state=world["trading"], reason="random", actor="operator", at=now - HOUR)
        self._insert("stage_changes", stage=world["stage"], reason="random", actor="operator", at=now - HOUR)
        db.execute("DELETE FROM audit_log")
        if world["audit_at"] is not None:
            self._insert(
                "audit_log", seq=1, at=world["audit_at"], kind="k", subject="s", pid=1, payload="{}", mac="m" * 64, **by
            )
        if world["keeper"]:
            lease = {"holder": "another console", "expires_at": now + MINUTE}
            self._insert("scan_jobs", job="keeper", next_run_at=now, interval_us=MINUTE, **lease)
        if sweep is not None:
            foreign = {"foreign_markets": json.dumps(sweep["foreign"]), "differences": "[]", "balances": "{}"}
            times = {"started_at": sweep["at"], "finished_at": sweep["at"], "clean": int(sweep["clean"])}
            whose = {"baseline": 0, "key_fingerprint": "k", "exchange_identity": "x"}
            self._insert("exchange_sweeps", **foreign, **times, **whose, **by)

    def _attempt(self, attempt: Mapping[str, Any]) -> None:
        number, state, fills = attempt["id"], attempt["state"], attempt["fills"]
        stored = sum((Decimal(fill["quantity"]) for fill in fills), Decimal(0))
        sent = None if state in NEVER_SENT else attempt["claimed_at"]
        same = {"market": attempt["market"], "side": attempt["side"]}
        self._insert(
            "trade_executions", id=number, proposal_id=attempt["proposal"], revision=1, decision_id=1,
            client_order_id=f"{number:036}", state=state, kind=attempt["kind"], order_type=attempt["type"],
            time_in_force=None, quantity=attempt["quantity"], limit_price=attempt["limit"], eur=attempt["eur"],
            digest="d" * 64, request_body="{}", policy_hash="p", actor="operator", instance="test",
            claimed_at=attempt["claimed_at"], submitting_at=sent, signed_at_ms=sent, window_ms=sent,
            key_fingerprint=sent and "k", exchange_identity=sent and "x", order_id=f"order-{number}",
            venue_filled=attempt["reported"], fills_short=int(stored < Decimal(attempt["reported"])),
            updated_at=attempt["updated_at"], **same,
        )  # fmt: skip
        for index, fill in enumerate(fills):
            self._insert(
                "fills", execution_id=number, fill_id=f"{number}/{index}", at=fill["at"], quantity=fill["quantity"],
                price=fill["price"], fee=fill["fee"], fee_currency=fill["fee_in"], taker=1, settled=None,
                stored_at=fill["at"], **same,
            )  # fmt: skip
        empty = state not in LIVE and state != "FILLED" and Decimal(attempt["reported"]) == 0
        status = "confirmed" if fills else "failed" if empty else "pending"
        traded_at = max([attempt["claimed_at"], *(fill["at"] for fill in fills)])
        self._insert(
            "trade_history", execution_id=number, proposal_id=attempt["proposal"], status=status, traded_at=traded_at,
            **same,
        )  # fmt: skip


def _maybe(kind: Any, text: str | None) -> Any:
    return None if text is None else kind(text)


def _proposal(world: Mapping[str, Any]) -> Proposal:
    given = world["proposal"]
    return make_proposal(
        id=given["id"],
        revision=given["revision"],
        state=ProposalState(given["state"]),
        origin=Origin(given["origin"]),
        kind=OrderKind(given["kind"]),
        market=given["market"],
        side=Side(given["side"]),
        order_type=OrderType(given["type"]),
        quantity=Quantity.of(given["quantity"]),
        limit=_maybe(Price.of, given["limit"]),
        confidence=given["confidence"],
        overrides={CheckCode(code): why for code, why in given["overrides"].items()},
        expires_at=given["expires_at"],
    )


def _order(given: Mapping[str, Any]) -> Order:
    return Order(
        mode=Mode(given["mode"]),
        proposal_id=given["proposal"],
        revision=given["revision"],
        kind=OrderKind(given["kind"]),
        market=given["market"],
        side=Side(given["side"]),
        order_type=OrderType(given["type"]),
        time_in_force=_maybe(TimeInForce, given["in_force"]),
        quantity=Quantity.of(given["quantity"]),
        limit=_maybe(Price.of, given["limit"]),
        overrides=tuple(sorted(given["overrides"].items())),
    )


def _ticket(world: Mapping[str, Any], in_force: str) -> Ticket | None:
    given = world["ticket"]
    if given is None:
        return None
    drawn_under = in_force if given["policy"] == world["policy"] else read_policy(given["policy"]).hash()
    return Ticket(_order(given["order"]), order_digest(_order(given["digested"])), drawn_under, world["now"])


def _quote(given: Mapping[str, Any]) -> Quote:
    clock = given["clock"]
    return Quote(
        market=given["market"],
        rules=_maybe(_rules, given["rules"]),
        bids=tuple(Level(Price.of(at), Quantity.of(size)) for at, size in given["bids"]),
        asks=tuple(Level(Price.of(at), Quantity.of(size)) for at, size in given["asks"]),
        last=_maybe(Price.of, given["last"]),
        book_confirmed=given["book_at"],
        available_eur=_maybe(Eur.of, given["eur"]),
        available_base=_maybe(Quantity.of, given["coins"]),
        balance_fetched=given["balance_at"],
        balance_fetched_at=given["balance_time"],
        taker_fee=_maybe(Decimal, given["fee"]),
        other_bids={market: Price.of(bid) for market, bid in given["other_bids"].items()},
        clock=None if clock is None else ClockSample(clock["exchange"], clock["at"]),
    )


def _rules(given: Mapping[str, Any]) -> MarketRules:
    return MarketRules(
        market=given["market"],
        base=given["market"].partition("-")[0],
        quote="EUR",
        status=given["status"],
        minimum_quantity=Quantity.of(given["min_quantity"]),
        minimum_value=Eur.of(given["min_value"]),
        maximum_quantity=Quantity.of(given["max_quantity"]),
        quantity_decimals=given["decimals"],
        tick_size=Price.of(given["tick"]),
        order_types=frozenset(given["types"]),
        maximum_open_orders=given["max_open"],
    )
