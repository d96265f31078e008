"""Accepting differences from the shell: only while HALTED, and afterwards trading goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.paper.process import ensure_exchange, hold
from tests.cli.kit import oracle, oracle_json, vault_rows
from tests.paper.exchanges import Signed
from tests.terminal.pseudo_terminal import Terminal

pytestmark = pytest.mark.processes


def stranger(home: Path, **changes: str) -> dict[str, Any]:
    """An order of the same account by other hands."""
    body: dict[str, Any] = {"market": "BTC-EUR", "side": "buy", "operatorId": 99, **changes}
    with hold(home / "paper"):
        found = ensure_exchange(home / "paper")
        answer = Signed(found, found.trade).send("POST", "/order", body)
    assert answer.status_code == 200, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


def test_differences_are_accepted_only_while_halted_and_then_all_agrees(tmp_path: Path) -> None:
    oracle(tmp_path, "reconcile")
    stranger(tmp_path, orderType="market", amount="0.0007")
    foreign = stranger(tmp_path, orderType="limit", amount="0.001", price="20000")
    shown = oracle(tmp_path, "reconcile", check=False)
    assert shown.returncode == 1
    assert f"order {foreign['orderId']} in BTC-EUR is not ours" in shown.stdout
    assert "BTC: the exchange has 0.0007, the vault expects 0" in shown.stdout

    refused = oracle(tmp_path, "adopt", "--reason", "bought by hand", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "only while HALTED" in refused.stderr

    oracle(tmp_path, "halt", "--reason", "to adopt")
    assert oracle(tmp_path, "adopt", "--reason", " ", check=False).returncode == 2
    adopted = oracle_json(tmp_path, "adopt", "--reason", "bought by hand")
    assert adopted["foreign_orders"] == [{"market": "BTC-EUR", "order_id": foreign["orderId"]}]
    assert [flow["symbol"] for flow in adopted["flows"]] == ["BTC", "EUR"]
    assert adopted["flows"][0]["amount"] == "0.0007"
    assert (adopted["clean"], adopted["differences"], adopted["first_baseline"]) == (True, [], False)
    assert vault_rows(tmp_path, "SELECT symbol, kind, reason FROM account_flows") == [
        ("BTC", "adopted", "bought by hand"),
        ("EUR", "adopted", "bought by hand"),
    ]
    assert oracle_json(tmp_path, "reconcile")["clean"] is True
    assert "nothing to accept" in oracle(tmp_path, "adopt", "--reason", "again").stdout


def test_help_says_when_it_may_be_done(tmp_path: Path) -> None:
    with Terminal(["adopt", "--help"], home=tmp_path) as terminal:
        assert terminal.wait_exit() == 0
        assert "Only while HALTED" in terminal.plain()
