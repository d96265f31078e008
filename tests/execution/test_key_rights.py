"""A trade key that may not read orders: found at the start, told in one sentence with what to add, nothing traded."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.cli.next_steps import next_steps
from console.clock import SystemClock
from console.home import Home
from console.paper.process import Address, KeyPair
from console.runtime import Runtime
from console.settings import Settings
from storage.codes import Mode
from storage.database import Tx
from storage.models import Actor
from storage.verification import read_vault
from tests.paper.exchanges import running

pytestmark = pytest.mark.processes

SENTENCE = (
    "the trade key may not read orders (HTTP 403, code 310): give it the right to trade digital assets at the "
    "exchange; until then nothing is traded"
)


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[tuple[Home, Address]]:
    home = Home(tmp_path, Mode.PAPER)
    home.folder.mkdir(parents=True)
    with running(home.folder) as address:
        yield home, address


def give(home: Home, pair: KeyPair) -> None:
    """From now on this is the trade pair of whoever starts."""
    place = home.folder / "exchange.json"
    shown = json.loads(place.read_text())
    place.write_text(json.dumps(shown | {"trade": {"key": pair.key, "secret": pair.secret}}))


async def started(home: Home) -> Runtime:
    runtime = Runtime(home, Settings(), Actor("ann", "rights", os.getpid()))
    try:
        await runtime.start()
    finally:
        await runtime.stop()
    return runtime


def steps(home: Home) -> list[str]:
    """What ``oracle status`` says has to be done."""
    return read_vault(home.folder, home.mode, SystemClock(), Actor("ann", "rights", os.getpid()), next_steps)


def alerts(tx: Tx) -> list[tuple[str, str]]:
    return [(str(row["level"]), str(row["text"])) for row in tx.sql.all("alerts_since", since=0)]


async def test_a_key_that_may_not_read_orders_is_told_at_the_start_until_it_may(folder: tuple[Home, Address]) -> None:
    home, exchange = folder
    give(home, exchange.readonly)
    for _ in range(2):
        refused = await started(home)
        assert refused.startup == SENTENCE
        assert type(refused.failed).__name__ == "MissingRight"
        assert refused.state is None
    assert steps(home) == [SENTENCE]
    actor = Actor("ann", "rights", os.getpid())
    told = read_vault(home.folder, home.mode, SystemClock(), actor, alerts)
    assert told == [("critical", SENTENCE)], "said once, however often it is tried"
    identity = read_vault(home.folder, home.mode, SystemClock(), actor, lambda tx: tx.info.exchange_identity)
    assert identity is None, "the vault is not tied to it"
    give(home, exchange.trade)
    assert (await started(home)).failed is None
    assert steps(home) == []
