from __future__ import annotations

import json
from typing import Any

import pytest

from console.exchange.answers import (
    AlreadyGone,
    Canceled,
    Expected,
    LookupFailed,
    Missing,
    NoAnswer,
    classify_cancel_answer,
    classify_look_up,
    classify_order_answer,
    expected_of,
)
from console.exchange.errors import REJECTIONS
from storage.codes import Side
from storage.executions import Accepted, Rejected
from tests.exchange.kit import CLIENT_ID, ORDER_ID, order_json

OURS = Expected(CLIENT_ID, "BTC-EUR", Side.BUY)

REFUSALS = {
    400: {
        *(102, 200, 201, 202, 203, 204, 205, 206, 210, 211, 212, 213, 214, 215, 216, 217, 218, 219, 230, 231),
        *(235, 237, 238, 422, 423, 424, 425, 426, 429),
    },
    403: {300, 301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 317, 318, 319, 320},
}
"""The documented refusals of a new order, written down a second time on purpose."""

STATUSES = (200, 201, 202, 301, 302, 307, 308, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504, 520)


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("status", STATUSES)
def test_only_listed_pairs_are_rejections(status: int) -> None:
    for code in range(600):
        answer = classify_order_answer(status, body({"errorCode": code, "error": "no"}), OURS)
        if code in REFUSALS.get(status, set()):
            assert answer == Rejected(status, code, "no")
        else:
            assert isinstance(answer, NoAnswer), (status, code)


def test_the_table_holds_the_documented_refusals_and_nothing_else() -> None:
    assert set(REJECTIONS) == {(status, code) for status, codes in REFUSALS.items() for code in codes}


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, 101), (429, 105), (503, 107), (503, 108), (503, 109), (429, 112), (400, 220), (404, 240), (500, 400)],
)
def test_a_known_doubtful_answer_settles_nothing(status: int, code: int) -> None:
    answer = classify_order_answer(status, body({"errorCode": code, "error": "perhaps"}), OURS)
    assert answer == NoAnswer(f"HTTP {status}, code {code}: perhaps")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>400 Bad Request</html>",
        b"[]",
        b"{",
        b'{"error":"no code"}',
        b'{"errorCode":"216"}',
        b'{"errorCode":true}',
        b'{"errorCode":216.0}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403, 502])
def test_an_unreadable_answer_settles_nothing(status: int, raw: bytes) -> None:
    assert isinstance(classify_order_answer(status, raw, OURS), NoAnswer)


def test_our_order_in_the_answer_is_accepted() -> None:
    answer = classify_order_answer(200, body(order_json()), OURS)
    assert isinstance(answer, Accepted)
    assert answer.order.order_id == ORDER_ID


def test_the_client_order_id_is_compared_as_a_uuid() -> None:
    answer = classify_order_answer(200, body(order_json(clientOrderId=CLIENT_ID.upper())), OURS)
    assert isinstance(answer, Accepted)


@pytest.mark.parametrize(
    "changes",
    [
        {"clientOrderId": "11111111-412d-4dc9-ac1f-d902554087ed"},
        {"clientOrderId": "no-uuid"},
        {"clientOrderId": ...},
        {"clientOrderId": None},
        {"market": "ETH-EUR"},
        {"side": "sell"},
        {"orderId": ...},
        {"filledAmount": "NaN"},
        {"filledAmount": 0.5},
        {"amount": "-1"},
        {"created": "yesterday"},
        {"fills": None},
    ],
)
def test_an_answer_about_another_order_or_with_wrong_numbers_settles_nothing(changes: dict[str, Any]) -> None:
    assert isinstance(classify_order_answer(200, body(order_json(**changes)), OURS), NoAnswer)


@pytest.mark.parametrize("status", [201, 202, 204, 301, 400, 500])
def test_our_order_under_another_status_settles_nothing(status: int) -> None:
    assert isinstance(classify_order_answer(status, body(order_json()), OURS), NoAnswer)


@pytest.mark.parametrize(
    "text", ["{}", "[]", "x", '{"clientOrderId":"x","market":"BTC-EUR","side":"buy"}', '{"clientOrderId":1}']
)
def test_a_stored_request_that_is_no_order_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json, uuid and this module each have their own sentence
        expected_of(text)


def test_a_cancel_is_done_only_when_the_answer_names_the_order() -> None:
    assert classify_cancel_answer(200, body({"orderId": ORDER_ID.upper()}), ORDER_ID, CLIENT_ID) == Canceled(
        ORDER_ID.upper()
    )
    answers: tuple[Any, ...] = ({}, {"orderId": CLIENT_ID}, [])
    for wrong in answers:
        assert isinstance(classify_cancel_answer(200, body(wrong), ORDER_ID, CLIENT_ID), NoAnswer)


def test_a_cancel_by_client_order_id_must_not_be_answered_about_another() -> None:
    ours = {"orderId": ORDER_ID, "clientOrderId": CLIENT_ID.upper()}
    assert classify_cancel_answer(200, body(ours), None, CLIENT_ID) == Canceled(ORDER_ID)
    theirs = {"orderId": ORDER_ID, "clientOrderId": ORDER_ID}
    assert isinstance(classify_cancel_answer(200, body(theirs), None, CLIENT_ID), NoAnswer)


@pytest.mark.parametrize(("status", "code"), [(404, 240), (400, 233)])
def test_a_cancel_of_a_closed_order_says_it_is_gone(status: int, code: int) -> None:
    answer = classify_cancel_answer(status, body({"errorCode": code, "error": ""}), ORDER_ID, CLIENT_ID)
    assert answer == AlreadyGone(status, code)


def test_a_refused_cancel_is_no_cancel() -> None:
    refusal = body({"errorCode": 310, "error": "no"})
    assert classify_cancel_answer(403, refusal, ORDER_ID, CLIENT_ID) == Rejected(403, 310, "no")
    assert isinstance(classify_cancel_answer(503, body({"errorCode": 109}), ORDER_ID, CLIENT_ID), NoAnswer)


def test_only_the_exact_pair_says_that_an_order_is_missing() -> None:
    assert classify_look_up(404, 240, "") == Missing(404, 240)
    for status, code in ((404, None), (404, 415), (400, 240), (200, 240), (403, 310), (503, 109)):
        assert isinstance(classify_look_up(status, code, ""), LookupFailed)
