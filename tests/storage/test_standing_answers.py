"""What the standing conditions say, word for word: the figures and the way on that an operator decides by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from storage.clock import MINUTE, SECOND
from storage.codes import (
    CheckCode,
    ExecutionState,
    Mode,
    ProposalState,
    Side,
    TradingState,
)
from storage.market_models import ClockSample
from storage.models import Check, Holder
from tests.storage.answer_kit import (
    DRAWN,
    POLICY,
    SHOWN,
    C,
    drawn_anew,
    drawn_under,
    held,
    missing,
    not_bound,
    opened,
    refused,
    shown_as,
    sweep,
    trading,
)
from tests.storage.builders import (
    HELD,
    MARKET,
    MONOTONIC,
    NOW,
    answer,
    coins,
    make_execution,
    make_proposal,
    make_question,
    policy_with,
    sell_proposal,
)

ANSWERS: Final[list[tuple[CheckCode, dict[str, Any], Check]]] = [
    (C.TRADING_STATE, {}, held("ACTIVE", "ACTIVE, no HALT file", "trading is on")),
    (
        C.TRADING_STATE,
        {"facts": trading(TradingState.HALTED)},
        refused(
            "HALTED",
            "ACTIVE, no HALT file",
            "Trading is HALTED since 2026-11-24T14:31:08Z by you: testing; resume with a reason.",
            "resume, with a reason",
        ),
    ),
    (
        C.TRADING_STATE,
        {"facts": trading(TradingState.REDUCING)},
        refused(
            "REDUCING, buy",
            "sells only",
            (
                "Trading is REDUCING, sells only, since 2026-11-24T14:31:08Z by you: testing; resume with a reason "
                "to buy."
            ),
            "resume, with a reason",
        ),
    ),
    (
        C.TRADING_STATE,
        {"facts": {"halt_file": "paper/HALT"}},
        refused(
            "HALT file paper/HALT",
            "ACTIVE, no HALT file",
            "Trading is halted by the file paper/HALT; remove the cause, then resume with a reason.",
            "resume, with a reason",
        ),
    ),
    (
        C.TRADING_STATE,
        {"proposal": sell_proposal(), "facts": {**HELD, **trading(TradingState.REDUCING)}},
        held("REDUCING, sell 0.00041 BTC", "at most 0.0061 BTC", "it sells what is held"),
    ),
    (
        C.TRADING_STATE,
        {"proposal": sell_proposal(quantity=coins("0.0062")), "facts": {**HELD, **trading(TradingState.REDUCING)}},
        refused(
            "REDUCING, sell 0.0062 BTC",
            "at most 0.0061 BTC",
            "While REDUCING at most 0.0061 BTC may be sold, what is held less open sells; sell less.",
            "sell less, or resume with a reason",
        ),
    ),
    (
        C.TRADING_STATE,
        {"question": replace(make_question(), order=replace(make_question().order, mode=Mode.LIVE))},
        refused(
            "live",
            "paper",
            "The order is for live and this vault is paper; draw it again here.",
            "draw the order in its own vault",
        ),
    ),
    (C.PROPOSAL_STATE, {}, held("PROPOSED", "APPROVED or PROPOSED", "the proposal is open")),
    (
        C.PROPOSAL_STATE,
        {"proposal": make_proposal(state=ProposalState.DECLINED)},
        refused(
            "DECLINED",
            "APPROVED or PROPOSED",
            "The proposal is DECLINED and cannot be fired; make a new one from it.",
            "only by a new proposal",
        ),
    ),
    (
        C.PROPOSAL_STATE,
        {
            "proposal": make_proposal(state=ProposalState.CLAIMED),
            "facts": {"holder": Holder("ann", "4f9c", NOW - 3 * SECOND, 77)},
        },
        refused(
            "CLAIMED, claimed by ann@4f9c at 2026-11-24T14:32:05Z",
            "APPROVED or PROPOSED",
            "claimed by ann@4f9c at 2026-11-24T14:32:05Z",
            "only by a new proposal",
        ),
    ),
    (C.PROPOSAL_EXPIRY, {}, held("7 min left", "before 2026-11-24T14:39:08Z", "the proposal is open")),
    (
        C.PROPOSAL_EXPIRY,
        {"proposal": make_proposal(expires_at=NOW - MINUTE)},
        refused(
            "expired 1 min ago",
            "before 2026-11-24T14:31:08Z",
            "The proposal expired 1 min ago; make a new one at today's price.",
            "only by a new proposal",
        ),
    ),
    (C.POLICY_UNCHANGED, {"with_ticket": False}, not_bound("there is no ticket yet")),
    (C.POLICY_UNCHANGED, {"policy": policy_with()}, held(POLICY, POLICY, "the policy is the one the ticket showed")),
    (
        C.POLICY_UNCHANGED,
        {"facts": {"policy_hash": "f" * 64}},
        refused(
            POLICY,
            "ffffffff",
            "The policy changed after the ticket was drawn; take a new quote and read it again.",
            "draw the ticket again",
        ),
    ),
    (
        C.POLICY_UNCHANGED,
        {"question": drawn_under("0" * 64)},
        refused(
            "00000000",
            POLICY,
            "The policy changed after the ticket was drawn; take a new quote and read it again.",
            "draw the ticket again",
        ),
    ),
    (C.TICKET_UNCHANGED, {"with_ticket": False}, not_bound("there is no ticket yet")),
    (C.TICKET_UNCHANGED, {}, held(SHOWN, SHOWN, "the order is the one that was shown")),
    (
        C.TICKET_UNCHANGED,
        {"question": drawn_anew(quantity=coins("0.00042"))},
        refused(
            DRAWN,
            SHOWN,
            "The order is no longer the one the ticket showed; take a new quote and read it again.",
            "draw the ticket again",
        ),
    ),
    (
        C.TICKET_UNCHANGED,
        {"question": shown_as(quantity=coins("0.00042"))},
        refused(
            DRAWN,
            SHOWN,
            "The order is no longer the one the ticket showed; take a new quote and read it again.",
            "draw the ticket again",
        ),
    ),
    (
        C.UNRESOLVED_EXECUTION,
        {},
        held("nothing", "no undecided, foreign or opposite order", "nothing is undecided here"),
    ),
    (
        C.UNRESOLVED_EXECUTION,
        {"facts": sweep(foreign=(MARKET,), clean=False)},
        refused(
            "1 in the way",
            "no undecided, foreign or opposite order",
            "An order in BTC-EUR is not of this vault; cancel or adopt it.",
            "when what is in the way is settled",
        ),
    ),
    (
        C.UNRESOLVED_EXECUTION,
        {"facts": opened(make_execution(state=ExecutionState.UNKNOWN, market="ETH-EUR"))},
        refused(
            "1 in the way",
            "no undecided, foreign or opposite order",
            "Execution 501, a buy in ETH-EUR, is UNKNOWN; wait until it is reconciled, or settle it.",
            "when what is in the way is settled",
        ),
    ),
    (
        C.UNRESOLVED_EXECUTION,
        {
            "facts": opened(
                make_execution(state=ExecutionState.CLAIMED),
                make_execution(id=502, state=ExecutionState.SUBMITTED, side=Side.SELL),
            )
        },
        refused(
            "2 in the way",
            "no undecided, foreign or opposite order",
            (
                "Execution 501, a buy in BTC-EUR, is CLAIMED; wait for its answer; execution 502, a sell in BTC-"
                "EUR, rests, and this buy could trade with it; cancel it first."
            ),
            "when what is in the way is settled",
        ),
    ),
    (C.UNRESOLVED_EXECUTION, {"facts": {"sweep": None}}, missing("a finished comparison with the exchange is missing")),
    (C.RECONCILED, {}, held("clean, 1 min ago", "clean, at most 2 min ago", "vault and exchange agree")),
    (
        C.RECONCILED,
        {"facts": sweep("EUR: 3.00 too many")},
        refused(
            "1 difference, 1 min ago",
            "clean, at most 2 min ago",
            (
                "Vault and exchange disagree (1 difference, first: EUR: 3.00 too many); oracle reconcile compares "
                "again, oracle adopt accepts them."
            ),
            "by oracle reconcile, or oracle adopt while HALTED",
        ),
    ),
    (
        C.RECONCILED,
        {"facts": sweep("one", "two")},
        refused(
            "2 differences, 1 min ago",
            "clean, at most 2 min ago",
            (
                "Vault and exchange disagree (2 differences, first: one); oracle reconcile compares again, oracle "
                "adopt accepts them."
            ),
            "by oracle reconcile, or oracle adopt while HALTED",
        ),
    ),
    (
        C.RECONCILED,
        {"facts": sweep(clean=False)},
        refused(
            "0 differences, 1 min ago",
            "clean, at most 2 min ago",
            (
                "Vault and exchange disagree (0 differences); oracle reconcile compares again, oracle adopt accepts"
                " them."
            ),
            "by oracle reconcile, or oracle adopt while HALTED",
        ),
    ),
    (
        C.RECONCILED,
        {"facts": sweep(age=5 * MINUTE)},
        refused(
            "clean, 5 min ago",
            "clean, at most 2 min ago",
            "The last comparison with the exchange was 5 min ago; wait for the next one.",
            "by the next clean comparison",
        ),
    ),
    (C.RECONCILED, {"facts": {"sweep": None}}, missing("a finished comparison with the exchange is missing")),
    (
        C.CLOCK,
        {},
        held(
            "0 s ahead of the exchange",
            "not before the audit, within 2 s of the exchange",
            "the clock agrees with the exchange's",
        ),
    ),
    (
        C.CLOCK,
        {"facts": {"newest_audit_at": NOW + 3 * SECOND}},
        refused(
            "3 s behind the audit",
            "not before the audit, within 2 s of the exchange",
            "The clock is 3 s behind the newest audit event; set it right.",
            "set the clock right",
        ),
    ),
    (C.CLOCK, {"facts": {"newest_audit_at": None}}, missing("the time of the newest audit event is missing")),
    (
        C.CLOCK,
        {"quote": {"clock": ClockSample(exchange_at=NOW, monotonic=MONOTONIC - 61.26)}},
        refused(
            "exchange time read 61.3 s ago",
            "not before the audit, within 2 s of the exchange",
            "The exchange's time was read 61.3 s ago, not within 60 s; fetch it again.",
            "by a new reading of the exchange's time",
        ),
    ),
    (
        C.CLOCK,
        {"quote": {"clock": ClockSample(exchange_at=NOW - 5 * SECOND, monotonic=MONOTONIC)}},
        refused(
            "5 s ahead of the exchange",
            "not before the audit, within 2 s of the exchange",
            "The clock is 5 s ahead of the exchange, more than 2 s; set it right.",
            "set the clock right",
        ),
    ),
    (
        C.CLOCK,
        {"quote": {"clock": ClockSample(exchange_at=NOW + 5 * SECOND, monotonic=MONOTONIC)}},
        refused(
            "5 s behind the exchange",
            "not before the audit, within 2 s of the exchange",
            "The clock is 5 s behind the exchange, more than 2 s; set it right.",
            "set the clock right",
        ),
    ),
    (
        C.CLOCK,
        {"quote": {"clock": ClockSample(exchange_at=NOW, monotonic=MONOTONIC)}},
        held(
            "0 s ahead of the exchange",
            "not before the audit, within 2 s of the exchange",
            "the clock agrees with the exchange's",
        ),
    ),
    (C.CLOCK, {"quote": {"clock": None}}, missing("the exchange's time is missing")),
]


@pytest.mark.parametrize(("code", "parts", "expected"), ANSWERS)
def test_the_answer_is_exactly_this(code: CheckCode, parts: dict[str, Any], expected: Check) -> None:
    assert answer(code, **parts) == replace(expected, code=code)
