"""When an operator last pressed a key, and what happened since: rows the vault has anyway, put together."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from decimal import Decimal

from storage.clock import Micros
from storage.codes import RESTING, UNDECIDED, ExecutionState, JobName
from storage.database import Tx
from storage.execution_models import Execution
from storage.execution_rows import read_execution, read_fill
from storage.facts import all_fills, newest_sweep, read_book
from storage.flows import account_flows
from storage.instances import is_gone
from storage.leases import all_jobs, lease_is_live
from storage.models import Sweep
from storage.money import Eur
from storage.portfolio import worth_at


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; ``level`` is notice or critical."""

    at: Micros
    level: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Runner:
    """A console or worker whose jobs did something meanwhile, or that holds the keeper now."""

    instance: str
    first: Micros | None
    """When its first such run began, and when its last one ended; None where there was none."""
    last: Micros | None
    runs: bool
    """Whether it holds the keeper's lease now, as whoever runs the jobs does as long as it lives."""
    killed: bool
    """Whether it can be seen on this machine that it ended without taking leave."""


@dataclass(frozen=True, slots=True)
class Absence:
    """What happened in the vault after ``since``, up to ``now``."""

    since: Micros
    now: Micros
    result: Eur
    """What sells earned or lost, after the fees of both sides."""
    fees: Eur
    """Fees of all fills, as far as they are known."""
    fills: int
    before: Eur | None
    """What the account was worth at ``since``; None where it was not stored then."""
    model_cost: Eur
    """Of the calls since; one that was never settled counts as what was reserved for it."""
    model_open: int
    """How many those are: with any, the cost is the most that it can be."""
    flows: int
    """Deposits, withdrawals and the like since: a change of worth is no result then."""
    orders: tuple[Execution, ...]
    """Executions that ended or came to rest meanwhile, newest first; what is undecided among them."""
    expired: int
    refused: int
    alerts: tuple[Alert, ...]
    """Newest first."""
    trading: tuple[str, ...]
    """Trading states recorded meanwhile, oldest first, each with its reason."""
    policies: tuple[str, ...]
    """Names of policies activated meanwhile, oldest first."""
    stages: tuple[str, ...]
    sweep: Sweep | None
    runners: tuple[Runner, ...]
    """Who runs now comes first, then by their last run, newest first."""

    @property
    def filled(self) -> tuple[Execution, ...]:
        """Orders that were filled whole."""
        return self._in(ExecutionState.FILLED)

    @property
    def canceled(self) -> tuple[Execution, ...]:
        """Orders of which a rest was cancelled."""
        return self._in(ExecutionState.CANCELED)

    @property
    def resting(self) -> tuple[Execution, ...]:
        """Orders that rest."""
        return self._in(*RESTING)

    @property
    def undecided(self) -> tuple[Execution, ...]:
        """Orders of which nobody knows what became."""
        return self._in(*UNDECIDED)

    def _in(self, *states: ExecutionState) -> tuple[Execution, ...]:
        return tuple(execution for execution in self.orders if execution.state in states)


def note_presence(tx: Tx) -> None:
    """Remember that this operator is there now; never an earlier time than is known."""
    tx.sql.change("note_presence", actor=tx.actor.name, now=tx.now)


def last_seen(tx: Tx) -> Micros | None:
    """When this operator last pressed a key, as far as it was stored; None for never."""
    row = tx.sql.one("presence_of", actor=tx.actor.name)
    return None if row is None else int(row["seen_at"])


def read_absence(tx: Tx, since: Micros) -> Absence:
    """Everything that happened after ``since``."""
    fills = [read_fill(row) for row in tx.sql.all("fills_since", since=since)]
    [usage] = tx.sql.all("model_cost_since", since=since)
    sold = [result.result for result in read_book(tx).realised if result.at > since]
    return Absence(
        since=since,
        now=tx.now,
        result=Eur.total(sold),
        fees=Eur.total(fill.fee for fill in fills if fill.fee is not None),
        fills=len(fills),
        before=worth_at(tx, since, all_fills(tx)),
        model_cost=Eur(Decimal(usage["micros"]).scaleb(-6)),
        model_open=usage["open"],
        flows=sum(flow.at > since for flow in account_flows(tx)),
        orders=tuple(read_execution(row) for row in tx.sql.all("executions_changed_since", since=since)),
        expired=_number(tx.sql.one("expired_since", since=since)),
        refused=_number(tx.sql.one("refused_since", since=since)),
        alerts=tuple(
            Alert(row["at"], row["level"], row["subject"], row["text"])
            for row in tx.sql.all("alerts_since", since=since)
        ),
        trading=tuple(f"{row['state']}: {row['reason']}" for row in tx.sql.all("trading_since", since=since)),
        policies=tuple(row["name"] for row in tx.sql.all("policies_since", since=since)),
        stages=tuple(row["stage"] for row in tx.sql.all("stages_since", since=since)),
        sweep=newest_sweep(tx),
        runners=_runners(tx, since),
    )


def _runners(tx: Tx, since: Micros) -> tuple[Runner, ...]:
    keeper = next((row for row in all_jobs(tx) if row["job"] == JobName.KEEPER), None)
    now = keeper["holder"] if keeper is not None and lease_is_live(tx, JobName.KEEPER) else None
    ran = {row["holder"]: (row["first"], row["last"]) for row in tx.sql.all("runners_since", since=since)}
    names = [*([] if now is None else [now]), *(name for name in ran if name != now)]
    return tuple(
        Runner(name, *ran.get(name, (None, None)), name == now, is_gone(tx.folder, name, tx.actor.instance))
        for name in names
    )


def _number(row: sqlite3.Row | None) -> int:
    return 0 if row is None else int(row["number"])
