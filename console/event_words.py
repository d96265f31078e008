"""Audited events in words a person expects: what happened to which proposal, and why. No raw identifier is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from console.state import ActivityLine

EVENT_WORDS: Final[Mapping[str, str]] = {
    "vault.created": "new vault, {mode}, policy {policy}",
    "vault.exchange_bound": "tied to {exchange} for good",
    "vault.restored": "restored from a backup, trading stopped",
    "vault.caught_up": "what was sent since the backup is known again",
    "policy.activated": "policy {subject} in force",
    "trading.active": "trading resumed",
    "trading.reducing": "reduce only",
    "trading.halted": "HALTED",
    "proposal.created": "new {subject}",
    "proposal.revised": "edited {subject}, rev {revision}",
    "proposal.overridden": "override for {subject}:",
    "proposal.approved": "approved {subject}",
    "proposal.declined": "declined {subject}",
    "proposal.noted": "why {subject} was declined:",
    "proposal.proposed": "decline undone {subject}",
    "proposal.expired": "expired {subject}",
    "proposal.claimed": "taken to be sent {subject}",
    "proposal.executed": "the exchange has {subject}",
    "proposal.failed": "no order came of {subject}",
    "gate.refused": "refused {subject}",
    "execution.claimed": "fired {proposal}",
    "execution.submitting": "sending {proposal}",
    "execution.submitted": "accepted {proposal}",
    "execution.partially_filled": "PART FILLED {proposal}",
    "execution.filled": "FILLED {proposal}",
    "execution.canceled": "canceled {proposal}",
    "execution.rejected": "the exchange refused {proposal}",
    "execution.unknown": "UNKNOWN {proposal}, no answer",
    "execution.absent": "{proposal} never arrived, proven",
    "execution.resolved": "{proposal} settled by hand",
    "execution.abandoned": "not sent {proposal}",
    "execution.cancel_asked": "cancel asked for {proposal}",
    "execution.imported": "sent before the restore {proposal}",
    "fill.stored": "fill of {proposal}: {quantity} @ {price}",
    "sweep.differences": "vault and exchange differ:",
    "account.flows": "moved without a trade:",
    "account.adopted": "the account taken over as it is",
    "usage.late": "the cost of a model call came late",
    "oracle.resumed": "costly oracles may work again",
    "alert.notice": "notice, {subject}",
    "alert.critical": "ALERT, {subject}",
}
"""Every kind of event, with its subject or what its payload names; markets, codes and reasons follow."""

_LISTED: Final = ("codes", "differences")
_SAID: Final = ("reason", "text", "note")


def event_words(line: ActivityLine, *, short: bool = False) -> str:
    """An event without its time: ``refused 1041 SELL ETH-EUR ANTI_FLIP``; of the market only the coin if ``short``.

    The text is not fit for a terminal yet: it holds what others wrote.
    """
    payload = line.payload
    template = EVENT_WORDS.get(line.kind)
    if template is None:  # of a newer version of this program, perhaps
        parts = [line.kind.replace(".", " ").replace("_", " "), line.subject]
    else:
        parts = [template.format_map(_fields(line))]
    market = str(payload.get("market", ""))
    parts += [str(payload.get("side", "")).upper(), market.partition("-")[0] if short else market]
    for name in _LISTED:
        listed = payload.get(name)
        parts += map(str, listed) if isinstance(listed, list) else ()
    for name in ("overrides", "flows"):
        named = payload.get(name)
        if isinstance(named, Mapping):
            parts.append("; ".join(f"{_key(name, key)} {value}" for key, value in named.items()))
    parts += [str(payload[name]) for name in _SAID if payload.get(name) is not None]
    return " ".join(part for part in parts if part)


def _key(name: str, key: object) -> str:
    """What is moved or set aside: a check's code as it is, of a transfer ``ID SYMBOL`` only the symbol."""
    return str(key).rpartition(" ")[2] if name == "flows" else str(key)


def _fields(line: ActivityLine) -> Mapping[str, str]:
    fields: defaultdict[str, str] = defaultdict(lambda: "?")
    fields |= {name: str(value) for name, value in line.payload.items()}
    fields["subject"] = line.subject
    fields["mode"] = fields["mode"].upper()
    fields.setdefault("proposal", f"execution {line.subject}")
    fields["exchange"] = "a simulated exchange" if line.subject.startswith("simulated:") else "this account at Bitvavo"
    return fields
