"""What no source tells is a setting: each can be set, the exchange then does it, and nothing else can be set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from console.paper.assumptions import SETTINGS, AssumptionError, assume, assumed, parse_assumptions
from console.paper.choices import SENTENCES, TABLE, Practice
from console.paper.errors import TEXTS
from tests.paper.exchanges import running
from tests.paper.kit import Bench, limit, market_order, place, refused
from tests.paper.sockets import connected

MINUTE_MS = 60_000


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Assumptions hold for the whole process; every test gives them back."""
    before, sentences = assumed(), dict(TEXTS)
    yield
    assume(before)
    TEXTS.update(sentences)


def test_all_that_no_source_tells_is_a_setting_a_way_of_doing_or_a_list_of_sentences() -> None:
    undocumented = {name for name, row in TABLE.items() if not row.documented}
    ways = {name for name, row in TABLE.items() if isinstance(row, Practice)}
    assert undocumented - ways - set(SETTINGS) == {"SENTENCES"}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_in_force_can_be_set_again_as_it_is_shown(name: str) -> None:
    row = SETTINGS[name]
    assert row.read(assumed()[name]) == row.value


@pytest.mark.parametrize(
    "wrong",
    [
        ["ZERO_BALANCE_ROW"],
        ["ZERO_BALANCE_ROW=yes"],
        ["FUTURE_MS=-1"],
        ["FUTURE_MS=1.5"],
        ["VIEW_KEY_ON_ORDERS=777"],
        ["SPREAD_PROTECTION=0"],
        ["SPREAD_PROTECTION=NaN"],
        ["FAILED_AUTHENTICATE=silence"],
        ["GROUP_REASON=whim"],
        ["FEE_TIERS=1"],
        ["NOPE=1"],
        ["FUTURE_MS=1", "FUTURE_MS=2"],
        ["309=The signature is fine."],
        ["422={0.x}"],
        ["422={} {}"],
    ],
)
def test_what_cannot_be_assumed_is_refused_with_one_sentence(wrong: list[str]) -> None:
    before = assumed()
    with pytest.raises(AssumptionError) as caught:
        parse_assumptions(wrong)
    assert str(caught.value).count("\n") == 0
    assert assumed() == before


def suppose(*sent: str) -> None:
    assume(parse_assumptions(sent))


SENT: dict[str, Callable[[Bench], Any]] = {
    "VIEW_KEY_ON_ORDERS=311": lambda bench: bench.send("GET", "/orders?market=BTC-EUR", key="readonly"),
    "OPERATOR_REFUSED=203": lambda bench: bench.send("POST", "/order", limit(operatorId=0)),
    "NOT_SERVED=300": lambda bench: bench.send("GET", "/stakingBalance"),
}


@pytest.mark.parametrize("words", SENT)
async def test_a_code_that_is_not_known_can_be_another(bench: Bench, words: str) -> None:
    name, _, code = words.partition("=")
    assert refused(await SENT[words](bench))[1] == TABLE[name].value
    suppose(words)
    assert refused(await SENT[words](bench))[1] == int(code)


@pytest.mark.parametrize("code", SENTENCES.value)
def test_every_sentence_that_was_not_recorded_can_be_another(code: int) -> None:
    suppose(f"{code}=Something else.")
    assert TEXTS[code][1] == "Something else."


async def test_another_sentence_is_what_is_answered(bench: Bench) -> None:
    suppose("429={} has too many decimals = no.", "422=Off the tick.")
    answer = await bench.send("POST", "/order", limit(amount="0.000300001"))
    assert refused(answer) == (400, 429, "amount has too many decimals = no.")
    assert refused(await bench.send("POST", "/order", limit(price="30000.5"))) == (400, 422, "Off the tick.")


async def test_a_balance_of_nothing_can_have_a_row(bench: Bench) -> None:
    assert (await bench.send("GET", "/balance?symbol=BTC")).json() == []
    await place(bench, market_order(amountQuote="25"))
    held = (await bench.send("GET", "/balance?symbol=BTC")).json()[0]["available"]
    await place(bench, market_order(side="sell", amount=held))
    assert (await bench.send("GET", "/balance?symbol=BTC")).json() == []
    suppose("ZERO_BALANCE_ROW=true")
    assert (await bench.send("GET", "/balance?symbol=BTC")).json() == [
        {"symbol": "BTC", "available": "0", "inOrder": "0"}
    ]


async def test_how_far_ahead_a_timestamp_may_be_can_be_set(bench: Bench) -> None:
    ahead = bench.clock.now() // 1000 + 60
    assert (await bench.send("GET", "/balance", at_ms=ahead)).status_code == 200
    suppose("FUTURE_MS=50")
    assert refused(await bench.send("GET", "/balance", at_ms=ahead))[:2] == (403, 304)


@pytest.mark.parametrize(
    ("words", "order", "reason"),
    [
        ("PLACEMENT_PROTECTION=0.01", {"price": "99000", "amount": "0.0003"}, "cancelOnPlacementPriceProtection"),
        ("SPREAD_PROTECTION=0.00001", None, "cancelOnSpreadProtection"),
        ("REFERENCE_PROTECTION=0.0000001", None, "cancelOnReferencePriceProtection"),
        ("EXECUTION_PROTECTION=0.000001", None, "cancelOnExecutionPriceProtection"),
    ],
)
async def test_every_threshold_of_protection_can_be_set(
    bench: Bench, words: str, order: dict[str, str] | None, reason: str
) -> None:
    body = limit(**order) if order else market_order(amount="0.0003")
    market = bench.engine.markets["BTC-EUR"]
    for assumption in ([], [words]):
        bench.clock.step(5)
        bench.engine.advance()
        # More than the best level has, at a price that is not the last one.
        market.ladder.asks[0].amount = Decimal("0.0001")
        market.last_price = market.best_ask - 2
        suppose(*assumption)
        shown = await place(bench, body)
        assert shown["status"] == ("canceled" if assumption else "filled")
    assert shown["restatementReason"] == reason


@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_the_fills_of_an_order_can_be_rounded_together(bench: Bench, side: str) -> None:
    await place(bench, market_order(amountQuote="400"))
    off = {}
    for rounding in ("fill", "order"):
        bench.clock.step(5)
        bench.engine.advance()
        suppose(f"FEE_ROUNDING={rounding}")
        for level in bench.engine.markets["BTC-EUR"].ladder.against(side)[:4]:
            level.amount = Decimal("0.00043211")
        order = await place(bench, market_order(side=side, amount="0.00160007"))
        assert len(order["fills"]) == 4
        gross, fee = Decimal(order["filledAmountQuote"]), Decimal(order["feePaid"])
        assert fee == sum(Decimal(fill["fee"]) for fill in order["fills"])
        rate, sign = Decimal("0.0025"), 1 if side == "buy" else -1
        assert (gross + sign * fee) % Decimal("0.01") == 0
        off[rounding] = fee - gross * rate
    assert 0 <= off["order"] < Decimal("0.01") < off["fill"]


async def test_a_ban_can_begin_anew_with_every_question(bench: Bench) -> None:
    suppose("REFUSED_WEIGHT=true")
    for _ in range(11):
        await bench.send("GET", "/ordersOpen")
    bench.clock.step(60)
    answer = await bench.send("GET", "/time")
    until = (bench.clock.now() // 1000 // MINUTE_MS + 2) * MINUTE_MS
    assert refused(answer)[2].endswith(f"at {until}.")


async def test_an_answer_429_can_say_when_to_retry(bench: Bench) -> None:
    suppose("RETRY_AFTER=true")
    assert "retry-after" not in (await bench.send("GET", "/time")).headers
    answer = httpx.Response(0)
    for _ in range(11):
        answer = await bench.send("GET", "/ordersOpen")
    until = int(answer.json()["error"].split(" at ")[1].removesuffix("."))
    assert answer.headers["retry-after"] == str(-(-(until - bench.clock.now() // 1000) // 1000))


async def test_a_refused_authenticate_can_be_an_event(bench: Bench) -> None:
    wrong = {"signature": "0" * 64}
    said = {"errorCode": 309, "error": "The signature is invalid."}
    async with connected(bench) as socket:
        assert await socket.authenticate(**wrong) == {"action": "authenticate"} | said
        suppose("FAILED_AUTHENTICATE=event")
        assert await socket.authenticate(**wrong) == {"event": "authenticate", "authenticated": False} | said


async def test_a_refusal_repeats_the_order_it_is_about_unless_that_is_set_otherwise(bench: Bench) -> None:
    order_id = "00000000-0000-0000-0000-000000000009"
    cancel = {"action": "privateCancelOrder", "market": "BTC-EUR", "orderId": order_id, "operatorId": 1}
    async with connected(bench) as socket:
        await socket.authenticate()
        answer = await socket.ask(cancel)
        assert (answer["errorCode"], answer.pop("orderId")) == (240, order_id)
        suppose("ECHOED_ORDER=false")
        assert await socket.ask(cancel) == answer


async def test_a_group_can_end_for_another_reason(bench: Bench) -> None:
    suppose("GROUP_REASON=cancelOnAdminRequest")
    await place(bench, limit(codGroupId=4))
    await bench.send("POST", "/cancelOrdersAfter", {"codGroupId": 4, "expiryAfterSeconds": 10})
    bench.clock.step(11)
    bench.engine.advance()
    assert bench.order().restatement_reason == "cancelOnAdminRequest"


async def test_a_halted_market_can_refuse_cancels(bench: Bench) -> None:
    order = await place(bench, limit())
    bench.engine.set_state("BTC-EUR", "halted")
    suppose("CANCEL_WHILE_HALTED=false")
    target = f"/order?market=BTC-EUR&orderId={order['orderId']}&operatorId=1"
    assert refused(await bench.send("DELETE", target))[:2] == (400, 423)


@pytest.mark.processes
def test_a_process_is_told_at_its_start_and_while_it_runs(tmp_path: Any) -> None:
    with running(tmp_path, "--assume", "FUTURE_MS=50", "--assume", "422=Off the tick.") as address:
        assert httpx.get(address.control).json()["assumed"]["FUTURE_MS"] == "50"
        told = httpx.post(address.control, json={"assume": {"FUTURE_MS": "70"}}).json()
        assert told["assumed"]["FUTURE_MS"] == "70"
        refusal = httpx.post(address.control, json={"assume": {"FUTURE_MS": "soon"}})
        assert refusal.status_code == 400
        assert refusal.json()["error"] == "FUTURE_MS is a whole number, not 'soon'."
    assert assumed()["FUTURE_MS"] == "1000"
