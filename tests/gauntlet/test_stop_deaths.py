"""A process that dies between the claim of a protective stop and the answer leaves one stop at the exchange or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.kit import address, exchange_rows, oracle_json, vault_rows
from tests.gauntlet.cell import SETTLED_WITHIN_S, begin
from tests.gauntlet.commands import KILLED, Slots, exchange, fire, run
from tests.gauntlet.comparing import disagreements
from tests.gauntlet.looking import CLAIM_LIVES_S, seconds_to_wait, state_of, unsettled

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("gauntlet")]

MARKET = "BTC-EUR"
DEATHS = {
    "gate.claimed": "ABANDONED",
    "submit.begun": "ABSENT",
    "submit.written": "SUBMITTED",
    "submit.answered": "SUBMITTED",
}
"""Where the sender dies, and how the stop then is."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A vault that holds something, beside a running exchange."""
    folder = tmp_path_factory.mktemp("stops")
    with exchange(folder):
        begin(folder)
        bought = oracle_json(folder, "propose", "--market", MARKET, "--side", "buy", "--eur", "25")["id"]
        code, text = fire(folder, int(bought))
        assert code == 0, text
        yield folder


def draw_stop(home: Path) -> int:
    """A proposed stop two per cent under the market."""
    ticker = httpx.get(f"{address(home)['rest']}/ticker/book", params={"market": MARKET}).json()
    at = str(int(float(ticker["bid"]) * 0.98))
    return int(oracle_json(home, "exit", MARKET, "--stop", at)["id"])


def settle(home: Path) -> None:
    """Reconcile until nothing is undecided."""
    slots, waited = Slots(1), 0.0
    with slots.busy():
        while run(home, "reconcile").returncode != 0 or unsettled(home):
            assert waited < SETTLED_WITHIN_S + CLAIM_LIVES_S, unsettled(home)
            pause = min(11.0, max(0.3, seconds_to_wait(home)))
            slots.rest(pause)
            waited += pause


def stops_there(home: Path) -> list[tuple[str, str]]:
    """(type, status) of every stop the exchange ever took for the newest execution."""
    ((client_id,),) = vault_rows(home, "SELECT client_order_id FROM trade_executions ORDER BY id DESC LIMIT 1")
    return exchange_rows(home, f"SELECT order_type, status FROM orders WHERE client_order_id = '{client_id}'")  # noqa: S608


@pytest.mark.parametrize("point", DEATHS)
def test_a_stop_whose_sender_dies_is_there_once_or_not_at_all(home: Path, point: str) -> None:
    stop = draw_stop(home)
    code, text = fire(home, stop, at=point)
    assert code == KILLED, text
    settle(home)
    assert state_of(home) == DEATHS[point]
    stands = DEATHS[point] == "SUBMITTED"
    assert stops_there(home) == ([("stopLoss", "awaitingTrigger")] if stands else [])
    code, text = fire(home, stop)
    assert (code, "ALREADY_CLAIMED by" in text) == (1, True), text
    assert len(stops_there(home)) == stands
    if stands:
        done = run(home, "cancel", str(stop))
        assert done.returncode == 0, done.stdout + done.stderr
        assert stops_there(home) == [("stopLoss", "canceled")]
    done = run(home, "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert disagreements(home) == []
