"""Proposals as JSON and as one line, with the gate's answer; shared by the commands that show one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.database import Tx
    from storage.execution_models import Trigger
    from storage.market_models import Quote
    from storage.models import Proposal


def proposal_values(proposal: Proposal, gate: str | None) -> dict[str, Any]:
    """A proposal as JSON; ``gate`` is the gate's answer now, None where it was not asked."""
    from console.format import eur_plain, iso

    return {
        "id": proposal.id,
        "market": proposal.market,
        "side": proposal.side,
        "eur": eur_plain(proposal.eur),
        "limit": None if proposal.limit is None else str(proposal.limit),
        "trigger": trigger_values(proposal.trigger),
        "state": proposal.state,
        "gate": gate,
        "expires_at": iso(proposal.expires_at),
        "quantity": str(proposal.quantity),
        "oracle": proposal.oracle,
        "confidence": proposal.confidence,
        "why": proposal.rationale.why,
        "created_at": iso(proposal.created_at),
    }


def trigger_values(trigger: Trigger | None) -> dict[str, str] | None:
    """What a stop waits for, as JSON."""
    return None if trigger is None else {"type": trigger.type, "price": str(trigger.price)}


def gate_answer(tx: Tx, proposal: Proposal, quote: Quote | None) -> str | None:
    """``ready``, ``ready, TYPE``, or the failing check that clears last and when; None for a proposal that is closed.

    TYPE: its amount has to be typed, as the ticket asks.
    """
    from console.execution.ticket import sized_answers
    from console.format import iso
    from console.state import missing_quote
    from storage.checks import verdict
    from storage.codes import OPEN_PROPOSALS
    from storage.gate import ask

    if proposal.state not in OPEN_PROPOSALS:
        return None
    asked = quote if quote is not None else missing_quote(proposal.market, None)
    checks, typed_reason = sized_answers(ask(tx, proposal, asked))
    blocking = verdict(checks)
    if blocking is None:
        return "ready" if typed_reason is None else "ready, TYPE"
    return blocking.code if blocking.clears_at is None else f"{blocking.code} until {iso(blocking.clears_at)}"


def describe(proposal: Proposal) -> str:
    """A proposal in one line."""
    from console.format import eur, iso, quantity

    at = "at the market" if proposal.limit is None else f"at {proposal.limit}"
    if proposal.trigger is not None:
        at = f"as a {proposal.trigger}"
    size = f"{quantity(proposal.quantity)} {proposal.market}"
    return f"{proposal.side.upper()} {size} {at}, {eur(proposal.eur)} EUR, good until {iso(proposal.expires_at)}"
