from __future__ import annotations

import hashlib

import pytest

from console.exchange.signing import KeyPair, key_fingerprint, signature
from tests.exchange.kit import Desk, ok


@pytest.mark.parametrize(
    ("at_ms", "method", "target", "body", "expected"),
    [
        (
            1548172481125,
            "POST",
            "/v2/order",
            b'{"market":"BTC-EUR","side":"buy","price":"5000","amount":"1.23","orderType":"limit"}',
            "44d022723a20973a18f7ee97398b9fdd405d2d019c8d39e24b8cc0dcb39ca016",
        ),
        (
            1548175200641,
            "GET",
            "/v2/websocket",
            b"",
            "653fc0505431c63a043273da4bd2f0927eae83948d796084f313e5d1131b0d6f",
        ),
    ],
)
def test_signature_matches_the_published_vectors(
    at_ms: int, method: str, target: str, body: bytes, expected: str
) -> None:
    assert signature("bitvavo", at_ms, method, target, body) == expected


def test_fingerprint_is_the_start_of_the_keys_hash() -> None:
    assert key_fingerprint("k" * 64) == hashlib.sha256(b"k" * 64).hexdigest()[:16]


def test_keys_are_never_shown() -> None:
    pair = KeyPair("visible-key", "visible-secret")
    assert "visible" not in repr(pair) + str(pair)


@pytest.mark.parametrize(("key", "secret"), [("", "s"), ("k", ""), ("k\n", "s"), ("k", "s\r\nX: 1"), ("k k", "s")])
def test_a_key_that_fits_no_header_is_refused_without_being_shown(key: str, secret: str) -> None:
    with pytest.raises(ValueError, match="is empty or holds spaces") as caught:
        KeyPair(key, secret)
    assert repr(secret) not in str(caught.value)


async def test_the_order_that_is_signed_is_the_one_that_is_sent_with_its_stored_time() -> None:
    desk = Desk(lambda _request: ok({}))
    prepared = desk.prepared()
    desk.clock.step(2)
    await desk.trade.place_order(prepared, 1.0)
    (request,) = desk.sent
    assert request.content == prepared.body.encode()
    stamp = request.headers["bitvavo-access-timestamp"]
    assert stamp == str(prepared.signing.signed_at_ms)
    assert request.headers["bitvavo-access-window"] == "5000"
    wanted = signature("u" * 128, int(stamp), "POST", "/v2/order", request.content)
    assert request.headers["bitvavo-access-signature"] == wanted


async def test_a_signed_query_is_signed_as_it_is_sent() -> None:
    desk = Desk(lambda _request: ok([]))
    await desk.trade.orders("BTC-EUR", 5)
    (request,) = desk.sent
    target = request.url.raw_path.decode()
    assert target == "/v2/orders?market=BTC-EUR&limit=500&start=5"
    at_ms = int(request.headers["bitvavo-access-timestamp"])
    assert request.headers["bitvavo-access-signature"] == signature("u" * 128, at_ms, "GET", target, b"")


async def test_public_reads_carry_no_key() -> None:
    desk = Desk(lambda _request: ok([]))
    await desk.readonly.last_prices()
    assert not [name for name in desk.sent[0].headers if name.startswith("bitvavo")]
