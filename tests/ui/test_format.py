"""Every figure is spelt in one way, and reads back as what it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import format as spell
from storage.clock import DAY, HOUR, MINUTE, SECOND
from storage.money import Eur, Price, Quantity

AMOUNTS = st.decimals(min_value=Decimal(-10) ** 12, max_value=Decimal(10) ** 12, places=8)
TICKS = st.sampled_from(["1", "0.1", "0.00001", "5", "0.05", "10", "1.0"])
MOMENT = 1_795_530_728_118_000
"""2026-11-24 14:32:08.118 UTC."""
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("raw", "shown", "signed"),
    [
        ("25.16", "25.16", "+25.16"),
        ("1204.3", "1 204.30", "+1 204.30"),
        ("-0.44", "-0.44", "-0.44"),
        ("0", "0.00", "0.00"),
        ("-0", "0.00", "0.00"),
        ("-0.001", "0.00", "-0.00"),
        ("1234567.895", "1 234 567.90", "+1 234 567.90"),
        ("-1204.305", "-1 204.30", "-1 204.30"),
    ],
)
def test_euros(raw: str, shown: str, signed: str) -> None:
    assert spell.eur(Eur.of(raw)) == shown
    assert spell.eur_signed(Eur.of(raw)) == signed


def test_typed_totals_have_two_decimals_and_no_spaces() -> None:
    assert spell.eur_plain(Eur.of("1204.3")) == "1204.30"
    assert spell.eur_plain(Eur.of(25)) == "25.00"


@pytest.mark.parametrize(
    ("raw", "tick", "shown"),
    [
        ("61200", "1", "61 200"),
        ("2066", "0.1", "2 066.0"),
        ("0.3412", "0.00001", "0.34120"),
        ("2064.27", "0.10", "2 064.3"),
        ("128.42", "0.05", "128.42"),
        ("61204", "10", "61 204"),
    ],
)
def test_prices_have_the_decimals_of_their_tick(raw: str, tick: str, shown: str) -> None:
    assert spell.price(Price.of(raw), Price.of(tick)) == shown


def test_a_limit_is_never_rounded() -> None:
    assert spell.limit_price(Price.of("2064.27"), Price.of("0.1")) == "2 064.27"
    assert spell.limit_price(Price.of("2064"), Price.of("0.1"), grouped=False) == "2064.0"


def test_a_tick_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="tick"):
        spell.price(Price.of(1), Price.zero())


def test_quantities_show_all_their_digits_or_a_columns_decimals() -> None:
    assert spell.quantity(Quantity.of("0.01211")) == "0.01211"
    assert spell.quantity(Quantity.of("73.10")) == "73.1"
    assert spell.quantity(Quantity.of("28.2"), 8) == "28.20000000"
    assert spell.quantity(Quantity.of("123456.5")) == "123 456.5"


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        ("0.0017", "+0.17 %"),
        ("-0.0006", "-0.06 %"),
        ("0", "0.00 %"),
        ("-0.000001", "0.00 %"),
        ("0.00005", "0.00 %"),
        ("0.00006", "+0.01 %"),
    ],
)
def test_percentages(fraction: str, shown: str) -> None:
    assert spell.percent(Decimal(fraction)) == shown
    assert spell.percent(Decimal(fraction), spaced=False) == shown.replace(" ", "")


@given(AMOUNTS, st.integers(0, 4))
def test_a_percentage_has_a_sign_exactly_where_it_shows_a_figure_but_zero(fraction: Decimal, decimals: int) -> None:
    shown = spell.percent(fraction, decimals)
    assert (shown[0] in "+-") == any(digit in "123456789" for digit in shown)
    assert abs(Decimal(shown.removesuffix(" %").replace(" ", "")) - fraction * 100) <= Decimal(5).scaleb(-decimals - 1)


def test_percentages_without_sign() -> None:
    assert spell.percent(Decimal("0.15"), 0, signed=False) == "15 %"


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (0, "0.0 s"),
        (4 * SECOND // 10, "0.4 s"),
        (9_999_999, "9.9 s"),
        (10 * SECOND, "10 s"),
        (142 * SECOND, "2 m 22 s"),
        (2 * MINUTE, "2 m"),
        (HOUR, "1 h"),
        (HOUR + 59 * SECOND, "1 h"),
        (7 * DAY + 5 * HOUR, "7 d 5 h"),
        (-3 * SECOND, "-3.0 s"),
    ],
)
def test_ages(length: int, shown: str) -> None:
    assert spell.age(length) == shown


def test_monotonic_seconds_become_a_length() -> None:
    assert spell.age(spell.micros(0.4)) == "0.4 s"


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (432 * SECOND, "7:12"),
        (7012 * SECOND, "1:56:52"),
        (41 * SECOND, "0:41"),
        (1, "0:01"),
        (0, "0:00"),
        (-5 * SECOND, "0:00"),
        (HOUR, "1:00:00"),
        (3 * DAY, "72:00:00"),
    ],
)
def test_countdowns(length: int, shown: str) -> None:
    assert spell.countdown(length) == shown


def test_clocks_are_local_to_the_zone_passed_in() -> None:
    assert spell.clock(MOMENT, UTC) == "14:32:08"
    assert spell.clock(MOMENT, AMSTERDAM) == "15:32:08"
    assert spell.clock_ms(MOMENT, UTC) == "14:32:08.118"
    assert spell.minute(MOMENT, UTC) == "14:32"
    assert spell.day(MOMENT, UTC) == "Tue 24 Nov"


def test_a_time_on_another_day_has_its_date() -> None:
    assert spell.until(MOMENT, MOMENT - HOUR, UTC) == "14:32"
    assert spell.until(MOMENT, MOMENT - 365 * DAY, UTC) == "Tue 24 Nov 14:32"


def test_times_in_a_sentence_of_the_vault_are_local() -> None:
    text = "halted since 2026-11-24T14:32:08Z by ann"
    zone = ZoneInfo("Europe/Amsterdam")
    assert spell.local_times(text, MOMENT, zone) == "halted since 15:32:08 by ann"
    assert spell.local_times(text, MOMENT + DAY, zone) == "halted since Tue 24 Nov 15:32 by ann"


def test_what_only_looks_like_a_time_stays() -> None:
    for text in ("2026-02-31T10:00:00Z", "2026-11-24T14:32:08", "2026-13-24T14:32:08Z"):
        assert spell.local_times(text, MOMENT, UTC) == text


def test_json_times_are_utc_to_the_microsecond() -> None:
    assert spell.iso(MOMENT) == "2026-11-24T14:32:08.118000Z"


@given(st.integers(0, 4_102_444_800 * SECOND))
def test_json_times_read_back(at: int) -> None:
    read = datetime.fromisoformat(json.loads(json.dumps(spell.iso(at))))
    assert (read - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) == at


@given(AMOUNTS)
def test_euros_read_back_within_half_a_cent(number: Decimal) -> None:
    for shown in (spell.eur(Eur(number)), spell.eur_signed(Eur(number)), spell.eur_plain(Eur(number))):
        assert abs(Decimal(shown.replace(" ", "")) - number) <= Decimal("0.005")
        assert len(shown.rpartition(".")[2]) == 2


@given(AMOUNTS.map(abs), TICKS)
def test_limits_read_back_exactly(number: Decimal, tick: str) -> None:
    assert Decimal(spell.limit_price(Price(number), Price.of(tick)).replace(" ", "")) == number


@given(AMOUNTS)
def test_quantities_read_back_exactly(number: Decimal) -> None:
    assert Decimal(spell.quantity(Quantity(number)).replace(" ", "")) == number


@given(AMOUNTS)
def test_grouping_adds_only_spaces_three_digits_apart(number: Decimal) -> None:
    grouped, plain = spell.eur(Eur(number)), spell.eur(Eur(number), grouped=False)
    assert grouped.replace(" ", "") == plain
    first, *rest = grouped.lstrip("-").partition(".")[0].split(" ")
    assert 1 <= len(first) <= 3
    assert all(len(part) == 3 for part in rest)


@given(st.integers(0, 400 * DAY))
def test_a_countdown_is_never_shorter_than_the_time_left(length: int) -> None:
    *_, minutes, seconds = (int(part) for part in f"0:{spell.countdown(length)}".split(":"))
    hours = int(spell.countdown(length).split(":")[0]) if spell.countdown(length).count(":") == 2 else 0
    shown = (hours * 3600 + minutes * 60 + seconds) * SECOND
    assert 0 <= shown - length < SECOND
