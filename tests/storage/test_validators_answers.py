"""What the seven validators say, word for word: the figures and the way on that an operator decides by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from storage.clock import DAY, HOUR, MINUTE
from storage.codes import (
    CheckCode,
    Side,
)
from storage.models import Check
from tests.storage.answer_kit import (
    EXIT_HELD,
    SELL_HELD,
    C,
    held,
    missing,
    not_bound,
    refused,
    times,
)
from tests.storage.builders import (
    HELD,
    NOW,
    answer,
    coins,
    eur,
    exit_proposal,
    last_trade,
    make_proposal,
    make_rules,
    policy_with,
    sell_proposal,
)

ANSWERS: Final[list[tuple[CheckCode, dict[str, Any], Check]]] = [
    (C.ALLOWLIST, {}, held("BTC-EUR", "BTC-EUR, ETH-EUR, ADA-EUR, SOL-EUR, XRP-EUR", "BTC-EUR is allowed")),
    (
        C.ALLOWLIST,
        {"policy": policy_with(allowlist=("ETH-EUR", "ADA-EUR"))},
        refused(
            "BTC-EUR",
            "ETH-EUR, ADA-EUR",
            "BTC-EUR is not on the policy's allowlist; activate a policy that names it.",
            "activate a policy that names BTC-EUR",
        ),
    ),
    (
        C.ALLOWLIST,
        {"policy": policy_with(allowlist=("ETH-EUR",), exit_only=("ADA-EUR",)), **EXIT_HELD},
        refused(
            "BTC-EUR",
            "ETH-EUR, ADA-EUR",
            "BTC-EUR is not on the policy's allowlist or exit_only list; activate a policy that names it.",
            "activate a policy that names BTC-EUR",
        ),
    ),
    (
        C.ALLOWLIST,
        {"policy": policy_with(allowlist=())},
        refused(
            "BTC-EUR",
            "nothing: the list is empty",
            "BTC-EUR is not on the policy's allowlist; activate a policy that names it.",
            "activate a policy that names BTC-EUR",
        ),
    ),
    (C.ORDER_SIZE, {}, held("25.09 EUR", "10.00 EUR to 500.00 EUR", "the size is within the policy's limits")),
    (
        C.ORDER_SIZE,
        {"policy": policy_with(order={"min_eur": "25.10", "max_eur": "100"})},
        refused(
            "25.09 EUR",
            "25.10 EUR to 100.00 EUR",
            "The order is less than the smallest the policy allows, 25.10 EUR; change the amount.",
            "change the amount",
        ),
    ),
    (
        C.ORDER_SIZE,
        {"policy": policy_with(order={"min_eur": "1", "max_eur": "25.091"})},
        refused(
            "25.092 EUR",
            "1.00 EUR to 25.09 EUR",
            "The order is more than the largest the policy allows, 25.09 EUR; change the amount.",
            "change the amount",
        ),
    ),
    (
        C.ORDER_SIZE,
        EXIT_HELD,
        held("0.00041 BTC, 25.05 EUR", "5.00 EUR and 0.00006607 BTC to 0.0061 BTC", "it sells no more than is held"),
    ),
    (
        C.ORDER_SIZE,
        {"proposal": exit_proposal(quantity=coins("0.0062")), "facts": HELD},
        refused(
            "0.0062 BTC, 378.82 EUR",
            "5.00 EUR and 0.00006607 BTC to 0.0061 BTC",
            "The exit sells more than is held and not yet promised to open sells, 0.0061 BTC; sell less.",
            "change the amount",
        ),
    ),
    (
        C.ORDER_SIZE,
        {
            "proposal": exit_proposal(quantity=coins("0.0001")),
            "facts": HELD,
            "quote": {"rules": make_rules(minimum_value=eur("6.12"))},
        },
        refused(
            "0.0001 BTC, 6.11 EUR",
            "6.12 EUR and 0.00006607 BTC to 0.0061 BTC",
            "The exit is smaller than the exchange accepts; sell more.",
            "change the amount",
        ),
    ),
    (
        C.ORDER_SIZE,
        {
            "proposal": exit_proposal(quantity=coins("0")),
            "facts": HELD,
            "quote": {"rules": make_rules(minimum_value=eur("0"), minimum_quantity=coins("0"))},
        },
        refused(
            "0 BTC, 0.00 EUR",
            "0.00 EUR and 0 BTC to 0.0061 BTC",
            "The exit is smaller than the exchange accepts; sell more.",
            "change the amount",
        ),
    ),
    (C.ORDER_SIZE, {"proposal": make_proposal(limit=None)}, missing("the limit price of the order is missing")),
    (C.CONFIDENCE, {}, held("75", "25, 50, 75, 100", "the confidence is one the policy accepts")),
    (
        C.CONFIDENCE,
        {"policy": policy_with(confidences=(100, 50))},
        refused(
            "75",
            "50, 100",
            "Confidence 75 is not one the policy accepts (50, 100); wait for a better idea or change the policy.",
            "activate a policy that accepts 75",
        ),
    ),
    (
        C.CONFIDENCE,
        {"policy": policy_with(confidences=())},
        refused(
            "75",
            "none: the list is empty",
            (
                "Confidence 75 is not one the policy accepts (none: the list is empty); wait for a better idea or "
                "change the policy."
            ),
            "activate a policy that accepts 75",
        ),
    ),
    (C.CONFIDENCE, {"proposal": make_proposal(confidence=None)}, missing("the oracle's confidence is missing")),
    (C.CONFIDENCE, EXIT_HELD, not_bound("an operator's own proposal has no confidence")),
    (C.COOLDOWN, {}, held("no trade", "15 min", "BTC-EUR has no trade to cool from")),
    (
        C.COOLDOWN,
        {"facts": {"last_trade": last_trade(NOW - HOUR)}},
        held("1 h ago", "15 min", "enough time has passed"),
    ),
    (
        C.COOLDOWN,
        {"facts": {"last_trade": last_trade(NOW - MINUTE)}},
        refused(
            "1 min ago",
            "15 min",
            (
                "BTC-EUR is cooling: its last trade was 1 min ago, and 15 min must pass; it clears at "
                "2026-11-24T14:46:08Z, or by an override with a reason."
            ),
            "by itself, or by an override with a reason",
            NOW + 840_000_000,
        ),
    ),
    (
        C.COOLDOWN,
        {"facts": {"last_trade": last_trade(NOW - 20 * MINUTE), "last_close_at_loss": NOW - 20 * MINUTE}},
        refused(
            "20 min ago",
            "30 min",
            (
                "BTC-EUR is cooling: its last sell closed at a loss 20 min ago, and 30 min must pass; it clears at "
                "2026-11-24T14:42:08Z, or by an override with a reason."
            ),
            "by itself, or by an override with a reason",
            NOW + 600_000_000,
        ),
    ),
    (
        C.COOLDOWN,
        {"facts": {"last_trade": last_trade(NOW - MINUTE), "last_close_at_loss": NOW - 29 * MINUTE}},
        refused(
            "1 min ago",
            "15 min",
            (
                "BTC-EUR is cooling: its last trade was 1 min ago, and 15 min must pass; it clears at "
                "2026-11-24T14:46:08Z, or by an override with a reason."
            ),
            "by itself, or by an override with a reason",
            NOW + 840_000_000,
        ),
    ),
    (
        C.COOLDOWN,
        {
            "facts": {"last_trade": last_trade(NOW - 14 * MINUTE), "last_close_at_loss": NOW - 14 * MINUTE},
            "policy": policy_with(cooldown_after_loss_min=0),
        },
        refused(
            "14 min ago",
            "15 min",
            (
                "BTC-EUR is cooling: its last trade was 14 min ago, and 15 min must pass; it clears at "
                "2026-11-24T14:33:08Z, or by an override with a reason."
            ),
            "by itself, or by an override with a reason",
            NOW + 60_000_000,
        ),
    ),
    (
        C.COOLDOWN,
        {
            "facts": {"last_trade": last_trade(NOW - MINUTE)},
            "proposal": make_proposal(overrides={C.COOLDOWN: " news "}),
        },
        held("1 min ago", "15 min", "overridden: news"),
    ),
    (
        C.COOLDOWN,
        {"facts": {"last_trade": last_trade(NOW - MINUTE, live=True)}},
        refused(
            "live buy, execution 400",
            "no live order",
            "BTC-EUR has a live buy (execution 400); wait until it ends, or cancel it.",
            "when execution 400 ends",
        ),
    ),
    (C.ANTI_FLIP, {}, held("no sell", "2 h", "BTC-EUR has no sell to flip from")),
    (C.ANTI_FLIP, SELL_HELD, held("no buy", "2 h", "BTC-EUR has no buy to flip from")),
    (
        C.ANTI_FLIP,
        {"facts": {"last_opposite": last_trade(NOW - MINUTE, Side.SELL)}},
        refused(
            "1 min ago",
            "2 h",
            (
                "No buy of BTC-EUR yet: its last sell was 1 min ago, and 2 h must pass; it clears at "
                "2026-11-24T16:31:08Z, or by an override with a reason."
            ),
            "by itself, or by an override with a reason",
            NOW + 7_140_000_000,
        ),
    ),
    (
        C.ANTI_FLIP,
        {"facts": {"last_opposite": last_trade(NOW - 3 * HOUR, Side.SELL)}},
        held("3 h ago", "2 h", "enough time has passed"),
    ),
    (
        C.ANTI_FLIP,
        {
            "facts": {"last_opposite": last_trade(NOW - MINUTE, Side.SELL)},
            "proposal": make_proposal(overrides={C.ANTI_FLIP: "turned"}),
        },
        held("1 min ago", "2 h", "overridden: turned"),
    ),
    (
        C.ANTI_FLIP,
        {"facts": {"last_opposite": last_trade(NOW - MINUTE, Side.SELL, live=True)}},
        refused(
            "live sell, execution 400",
            "no live order",
            "BTC-EUR has a live sell (execution 400); wait until it ends, or cancel it.",
            "when execution 400 ends",
        ),
    ),
    (
        C.ANTI_FLIP,
        {"facts": {"last_opposite": last_trade(NOW - DAY, Side.BUY)}},
        missing("the last sell of BTC-EUR is missing, there is a buy"),
    ),
    (C.DAILY_TRADE_CAP, {}, held("0 buys and 0 attempts in 24 h", "5 buys and 15 attempts in 24 h", "5 more in 24 h")),
    (
        C.DAILY_TRADE_CAP,
        {"facts": {"trade_times": times(Side.BUY, 5), "attempt_times": times(Side.BUY, 6)}},
        refused(
            "5 buys and 6 attempts in 24 h",
            "5 buys and 15 attempts in 24 h",
            "5 of 5 buys of the last 24 h are used; room comes back at 2026-11-25T14:32:07Z.",
            "by itself, as older ones leave the window",
            NOW + 86_399_999_995,
        ),
    ),
    (
        C.DAILY_TRADE_CAP,
        {"facts": {"trade_times": times(Side.BUY, 2), "attempt_times": times(Side.BUY, 15)}},
        refused(
            "2 buys and 15 attempts in 24 h",
            "5 buys and 15 attempts in 24 h",
            "15 of 15 buy attempts of the last 24 h are used; room comes back at 2026-11-25T14:32:07Z.",
            "by itself, as older ones leave the window",
            NOW + 86_399_999_985,
        ),
    ),
    (
        C.DAILY_TRADE_CAP,
        {"policy": policy_with(trades={"per_day": 0, "per_hour": 0})},
        refused(
            "0 buys and 0 attempts in 24 h",
            "0 buys and 0 attempts in 24 h",
            "The policy allows no buys in 24 h; activate one that does.",
            "activate a policy that allows buys",
        ),
    ),
    (C.DAILY_TRADE_CAP, {"facts": {"trade_times": {Side.SELL: ()}}}, missing("the list of earlier buys is missing")),
    (
        C.HOURLY_TRADE_CAP,
        {"facts": {"trade_times": times(Side.BUY, 2)}},
        held("2 buys and 0 attempts in 60 min", "3 buys and 9 attempts in 60 min", "1 more in 60 min"),
    ),
    (
        C.HOURLY_TRADE_CAP,
        {"facts": {"trade_times": times(Side.BUY, 3)}},
        refused(
            "3 buys and 0 attempts in 60 min",
            "3 buys and 9 attempts in 60 min",
            "3 of 3 buys of the last 60 min are used; room comes back at 2026-11-24T15:32:07Z.",
            "by itself, as older ones leave the window",
            NOW + 3_599_999_997,
        ),
    ),
    (
        C.HOURLY_TRADE_CAP,
        {"proposal": sell_proposal(), "facts": HELD, "policy": policy_with(exits={"per_hour": 0})},
        refused(
            "0 sells and 0 attempts in 60 min",
            "0 sells and 0 attempts in 60 min",
            "The policy allows no sells in 60 min; activate one that does.",
            "activate a policy that allows sells",
        ),
    ),
]


@pytest.mark.parametrize(("code", "parts", "expected"), ANSWERS)
def test_the_answer_is_exactly_this(code: CheckCode, parts: dict[str, Any], expected: Check) -> None:
    assert answer(code, **parts) == replace(expected, code=code)
