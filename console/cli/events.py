"""What happened, as plain lines: one sentence an event, words before codes, numbers without grouping.

Made for screen readers, dumb terminals and logs: it speaks when something has changed and is silent otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from console import format as fmt
from console.event_words import event_words
from storage.codes import TradingState

if TYPE_CHECKING:
    from console.state import ActivityLine, ConsoleState, ProposalView
    from storage.clock import Micros
    from storage.execution_models import Execution, Trade
    from storage.models import Check, Proposal

QUOTE_PATIENCE_S: Final = 5.0
"""A new proposal is told with the gate's answer on a quote; without one after so long, as it is."""

STEADY_S: Final = 3.0
"""An answer of the gate is told once it has stood for so long, so that one that flickers is not."""

_TOLD_OTHERWISE: Final = frozenset(
    {
        "execution.submitting",
        "execution.submitted",
        "fill.stored",
        "proposal.claimed",
        "proposal.executed",
        "proposal.created",
        "proposal.failed",
        "vault.created",
        "vault.exchange_bound",
    }
)
"""Steps between two events that are told, and what another line says better."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line and when it happened."""

    at: Micros
    text: str


@dataclass(slots=True)
class _Gate:
    """What was told of a proposal's gate, and what it has been since when (monotonic second)."""

    told: str | None
    now: str
    since: float


class Narrator:
    """Tells what is new in each state of the console, in the order in which it happened.

    The first state is told in outline: where things stand, and every open proposal.
    """

    def __init__(self, *, utc: bool = False) -> None:
        self._utc = utc
        self._newest: int | None = None
        self._gates: dict[int, _Gate] = {}
        self._standing: dict[str, str] = {}

    def events(self, state: ConsoleState) -> list[Event]:
        """What is new since the last call."""
        found = list(self._audited(state))
        found += self._proposals(state)
        found += self._changed(state)
        return found

    def moment(self, at: Micros) -> str:
        """The time of day, for people: ``14:31``."""
        return fmt.minute(at, UTC) if self._utc else f"{fmt.moment(at).astimezone():%H:%M}"

    # ---- what the vault stored

    def _audited(self, state: ConsoleState) -> Iterator[Event]:
        newest = state.activity[0].seq if state.activity else 0
        before, self._newest = self._newest, newest
        if before is None:
            for execution in state.unknown:
                yield Event(state.now, unknown_text(execution.proposal_id, execution.market))
            return
        fresh = [line for line in reversed(state.activity) if line.seq > before]
        if fresh and fresh[0].seq > before + 1:
            yield Event(fresh[0].at, f"{fresh[0].seq - before - 1} events were too many to tell; see oracle story")
        for line in fresh:
            if line.kind not in _TOLD_OTHERWISE:
                yield Event(line.at, audited_text(line, state))
            elif line.kind == "execution.submitted" and _rests(line, state):
                yield Event(line.at, f"{_order_name(line, state)} rests at the exchange")

    # ---- proposals and the gate

    def _proposals(self, state: ConsoleState) -> Iterator[Event]:
        views = {view.proposal.id: view for view in state.proposals}
        for gone in set(self._gates) - set(views):
            del self._gates[gone]
        for number, view in views.items():
            answer = _gate_key(view)
            gate = self._gates.setdefault(number, _Gate(None, answer, state.read_at))
            if gate.now != answer:
                gate.now, gate.since = answer, state.read_at
            waited = state.read_at - gate.since
            if gate.told is None:
                if view.quote_age is not None or waited >= QUOTE_PATIENCE_S:
                    gate.told = answer
                    yield Event(view.proposal.created_at, self._introduce(view))
            elif answer != gate.told and waited >= STEADY_S:
                gate.told = answer
                yield Event(state.now, f"proposal {number}: {self._verdict(view)}")

    def _introduce(self, view: ProposalView) -> str:
        proposal = view.proposal
        why = f"; why: {proposal.rationale.why}" if proposal.rationale.why else ""
        good = self.moment(proposal.expires_at)
        return f"proposal {proposal.id}: {order_text(proposal)}, good until {good}; {self._verdict(view)}{why}"

    def _verdict(self, view: ProposalView) -> str:
        if view.blocking is None:
            return "ready" if view.typed_reason is None else f"ready, unusual: {view.typed_reason}"
        until = "" if view.blocking.clears_at is None else f" until {self.moment(view.blocking.clears_at)}"
        return f"blocked{until}: {view.blocking.reason} ({view.blocking.code})"

    # ---- what stands and is told only when it changes

    def _changed(self, state: ConsoleState) -> Iterator[Event]:
        header = state.header
        first = not self._standing
        standing = {
            "trading": _trading_text(state),
            "link": "the exchange answers" if header.link.problem is None else f"exchange: {header.link.problem}",
            "scheduler": f"jobs run {_where(header.scheduler)}",
        }
        told, self._standing = self._standing, standing
        if first:
            yield Event(state.now, outline(state))
            return
        for name, text in standing.items():
            # A halt or a resume that the vault stored has its own event.
            if text != told[name] and (name != "trading" or " by the file " in text):
                yield Event(state.now, text)


def order_text(proposal: Proposal) -> str:
    """What would be ordered: ``BUY 0.00041 BTC-EUR, limit 61500, 25.07 EUR``."""
    limit = "at the market" if proposal.limit is None else f"limit {proposal.limit}"
    if proposal.trigger is not None:
        limit = f"as a {proposal.trigger}"
    size = fmt.quantity(proposal.quantity, grouped=False)
    return f"{proposal.side.upper()} {size} {proposal.market}, {limit}, {fmt.eur_plain(proposal.eur)} EUR"


def trade_text(trade: Trade) -> str:
    """What was dealt: ``bought 0.00041 BTC-EUR at 61152 for 25.07 EUR, fee 0.07 EUR``."""
    word = "bought" if trade.side == "buy" else "sold"
    if trade.price is None:
        return f"{trade.side.upper()} {trade.market}, nothing filled"
    fee = "fee not known yet" if trade.fee is None else f"fee {fmt.eur_plain(trade.fee)} EUR"
    size, price = fmt.quantity(trade.quantity, grouped=False), f"{trade.price.value:f}"
    return f"{word} {size} {trade.market} at {price} for {fmt.eur_plain(trade.value)} EUR, {fee}"


def unknown_text(proposal_id: int, market: str) -> str:
    """What an order without an answer means for the operator."""
    where = f" in {market}" if market else ""
    return f"proposal {proposal_id} UNKNOWN{where}: its answer is lost, it may exist. Do not place it by hand"


def outline(state: ConsoleState) -> str:
    """Where things stand, in one line."""
    header = state.header
    reason = "" if header.trading.state is TradingState.ACTIVE else f" ({header.trading.reason})"
    counts = f"{header.in_flight} in flight, {header.unknown} unknown, {header.resting} resting"
    return (
        f"{header.mode.upper()}, {_trading_text(state)}{reason}, policy {header.policy_name}, stage {header.stage}, "
        f"{header.source}; {counts}; {len(state.proposals)} proposals open; jobs run {_where(header.scheduler)}"
    )


def audited_text(line: ActivityLine, state: ConsoleState) -> str:
    """An audited event in words."""
    payload, (family, _, what) = line.payload, line.kind.partition(".")
    if family == "execution":
        return _execution_text(what, line, state)
    if family == "trading":
        return f"{what.upper()}: {payload.get('reason', '')}"
    if family == "proposal":
        note = payload.get("note")
        return f"proposal {line.subject} {what}" + (f": {note}" if note else "")
    if family == "alert":
        return f"alert, {line.subject}: {payload.get('text', '')}"
    if line.kind == "gate.refused":
        return f"proposal {line.subject} refused: {_listed(payload.get('codes'))}"
    if line.kind == "sweep.differences":
        return f"vault and exchange differ: {_listed(payload.get('differences'), '; ')}"
    if line.kind == "policy.activated":
        return f"policy {line.subject} is in force"
    return event_words(line)


def _execution_text(what: str, line: ActivityLine, state: ConsoleState) -> str:
    proposal = line.payload.get("proposal")
    trade = _trade(line, state)
    if what == "unknown":
        return unknown_text(proposal if isinstance(proposal, int) else 0, "" if trade is None else trade.market)
    if what == "claimed":
        return f"proposal {proposal} fired, waiting for the answer"
    if what in ("filled", "partially_filled", "canceled") and trade is not None:
        return f"proposal {proposal} {what.upper().replace('_', ' ')}: {trade_text(trade)}"
    return f"proposal {proposal} {what.upper().replace('_', ' ')}"


def _trade(line: ActivityLine, state: ConsoleState) -> Trade | None:
    trades = (row.trade for row in state.history if row.trade is not None)
    return next((trade for trade in trades if str(trade.execution_id) == line.subject), None)


def _resting(line: ActivityLine, state: ConsoleState) -> Execution | None:
    return next((execution for execution in state.resting if str(execution.id) == line.subject), None)


def _rests(line: ActivityLine, state: ConsoleState) -> bool:
    return _resting(line, state) is not None


def _order_name(line: ActivityLine, state: ConsoleState) -> str:
    execution = _resting(line, state)
    what = "" if execution is None else f", {execution.side.upper()} {execution.market}"
    return f"the order of proposal {line.payload.get('proposal')}{what}"


def _gate_key(view: ProposalView) -> str:
    blocking: Check | None = view.blocking
    return "ready" if blocking is None else str(blocking.code)


def _trading_text(state: ConsoleState) -> str:
    header = state.header
    if header.halt_file is not None and header.trading.state is not TradingState.HALTED:
        return f"HALTED by the file {header.halt_file}"
    return str(header.trading.state)


def _where(scheduler: str | None) -> str:
    return {None: "nowhere", "here": "here"}.get(scheduler, f"at {scheduler}")


def _listed(values: Any, between: str = " ") -> str:
    return between.join(map(str, values)) if isinstance(values, list) else str(values)
