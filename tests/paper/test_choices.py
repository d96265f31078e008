"""The table of choices: every row says where it is from, and the values in it are those in force."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from console.paper.choices import NONE_FOUND, SENTENCES, TABLE, Practice
from console.paper.errors import NEVER_GIVEN, TEXTS
from tests.paper.kit import Bench, limit

FOLDER = Path(__file__).parents[2] / "console" / "paper"
SOURCE = re.compile(r"(D25|D26|T25|L26-08|L26-09|L26-10|EC|CCXT|REC|README|SUPPORT) \d{4}(-\d\d){0,2}")


@pytest.mark.parametrize("name", TABLE)
def test_a_row_names_a_source_with_its_date_or_says_that_there_is_none(name: str) -> None:
    row = TABLE[name]
    assert row.why
    assert row.source == NONE_FOUND or SOURCE.fullmatch(row.source)


def test_every_value_of_the_table_is_read_by_the_code_and_no_practice_is() -> None:
    read = set()
    for path in FOLDER.glob("*.py"):
        if path.name != "choices.py":
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            read |= {node.id for node in nodes if isinstance(node, ast.Name)}
            read |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert set(TABLE) & read == {name for name, row in TABLE.items() if not isinstance(row, Practice)}


UNKNOWN = [
    "SENTENCES",
    "VIEW_KEY_ON_ORDERS",
    "FUTURE_MS",
    "FEE_ROUNDING",
    "QUOTE_ROUNDING",
    "PLACEMENT_PROTECTION",
    "SPREAD_PROTECTION",
    "REFERENCE_PROTECTION",
    "ZERO_BALANCE_ROW",
    "REFUSED_WEIGHT",
    "RETRY_AFTER",
    "OPERATOR_REFUSED",
    "FAILED_AUTHENTICATE",
    "LEGACY_CODES",
]


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_no_source_tells_is_marked_as_a_setting(name: str) -> None:
    assert not TABLE[name].documented


def test_sentences_that_were_never_recorded_are_listed() -> None:
    listed = set(SENTENCES.value)
    assert listed < set(TEXTS)
    assert listed >= {220, 310, 422, 429}
    assert not listed & set(NEVER_GIVEN)


async def test_no_answer_says_when_to_retry(bench: Bench) -> None:
    for _ in range(11):
        answer = await bench.send("GET", "/ordersOpen")
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers


async def test_a_symbol_never_held_is_an_empty_list(bench: Bench) -> None:
    assert (await bench.send("GET", "/balance?symbol=BTC")).json() == []
    order = (await bench.send("POST", "/order", limit())).json()
    assert (await bench.send("GET", "/balance?symbol=EUR")).json() == [
        {"symbol": "EUR", "available": "990.97", "inOrder": order["onHold"]}
    ]
