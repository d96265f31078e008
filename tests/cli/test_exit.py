"""``oracle exit`` in real processes: what is held goes, no more than that, and a cooling time is set aside by name."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import pytest
import typer

from console.cli.exit import leave
from tests.cli.kit import execute, oracle, oracle_json, orders, propose, vault_rows

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("exit")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder in which the tests follow each other: nothing held, bought, sold."""
    return tmp_path_factory.mktemp("exit")


def test_nothing_held_is_refused(home: Path) -> None:
    done = oracle(home, "exit", "BTC-EUR", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "this vault holds no BTC" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("exit", "BTX-EUR"), "did you mean BTC-EUR?"),
        (("exit", "BTC-EUR", "--share", "101"), "--share is a percentage of at most 100"),
        (("exit", "BTC-EUR", "--share", "half"), "--share: 'half'"),
        (("exit", "BTC-EUR", "--limit", "0"), "--limit must be more than zero"),
        (("propose", "--market", "BTC-EUR", "--side", "buy", "--eur", "25", "--limit", "best"), "--limit: 'best'"),
    ],
)
def test_bad_words_exit_2(home: Path, arguments: tuple[str, ...], words: str) -> None:
    done = oracle(home, *arguments, check=False)
    assert done.returncode == 2
    assert words in done.stderr


def test_what_was_bought_is_sold_once_the_cooling_time_is_set_aside(home: Path) -> None:
    bought = propose(home)
    assert execute(home, bought)[0] == 0
    held = Decimal(str(vault_rows(home, "SELECT quantity FROM fills")[0][0]))
    stop = oracle_json(home, "exit", "BTC-EUR", "--stop", "30000")
    assert (stop["trigger"], stop["limit"]) == ({"type": "stopLoss", "price": "30000"}, None)
    assert stop["gate"].startswith("ANTI_FLIP until ")
    half = oracle_json(home, "exit", "BTC-EUR", "--share", "50")
    assert (half["side"], Decimal(half["quantity"])) == ("sell", (held / 2).quantize(Decimal("0.00000001"), ROUND_DOWN))
    whole = oracle_json(home, "exit", "BTC-EUR", "--why", "out")
    assert Decimal(whole["quantity"]) == held
    assert whole["gate"].startswith("ANTI_FLIP until ")
    newest = "SELECT id, kind, origin FROM trade_proposals ORDER BY id DESC LIMIT 1"
    assert vault_rows(home, newest) == [(whole["id"], "exit", "operator")]
    before = orders(home)
    code, text = execute(home, whole["id"])
    assert (code, orders(home)) == (1, before)
    assert "ANTI_FLIP" in text
    oracle(
        home, "approve", str(whole["id"]), "--override", "ANTI_FLIP", "--override", "COOLDOWN", "--reason", "stop loss"
    )
    code, text = execute(home, whole["id"])
    assert (code, orders(home)) == (0, before + 1), text
    assert oracle(home, "exit", "BTC-EUR", check=False).returncode == 1


def test_an_exit_has_one_price(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        leave("BTC-EUR", limit="70000", stop="58000")
    assert ended.value.exit_code == 2
    assert "give one of --limit, --stop and --take-profit" in capsys.readouterr().err


def test_a_limit_may_be_said_in_words(home: Path) -> None:
    made = oracle_json(home, "propose", "--market", "ETH-EUR", "--side", "buy", "--eur", "25", "--limit", "bid")
    assert Decimal(made["limit"]) > 0
