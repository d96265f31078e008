"""`--candles` on the real process: what clients see, what survives a restart, what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from python_bitvavo_api.bitvavo import Bitvavo

from console.paper.process import Address, ExchangeUnavailable, ensure_exchange, hold, source_of
from tests.paper.exchanges import running, wait_for
from tests.paper.kit import candle_csv, real_candles

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
COMMANDS = (("-m", "console.paper"), ("-m", "console", "paper"))


def _run(command: tuple[str, ...], folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, *command, "--home", str(folder), *options]
    plain = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False, env=plain)


def _state(address: Address) -> dict[str, object]:
    state: dict[str, object] = httpx.get(address.control, trust_env=False).json()
    return state


def test_the_sdk_sees_the_files_numbers(tmp_path: Path) -> None:
    lines = real_candles().read_text().splitlines()[1:]
    with running(tmp_path, "--candles", f"BTC-EUR={real_candles()}", "--speed", "60") as address:
        sdk = Bitvavo({"RESTURL": address.rest, "WSURL": address.websocket})
        rows = sdk.candles("BTC-EUR", "5m", {})
        state = _state(address)
        served = rows[1 + len(rows) - 289 :]
        hours = sdk.candles("BTC-EUR", "1h", {})
        times = [sdk.time()["time"]]
        wait_for(lambda: sdk.candles("BTC-EUR", "5m", {"limit": 1})[0][0] > rows[0][0] + 300_000)
        times.append(sdk.time()["time"])
    shown = [[Decimal(each) for each in row[1:]] for row in reversed(served)]
    assert shown == [[Decimal(each) for each in line.split(",")[1:]] for line in lines[: len(shown)]]
    assert len(shown) == 288
    assert len(hours) >= 24
    # Two candles of five minutes went by in the market, but not on the clock.
    assert times[1] - times[0] < 60_000
    assert state["source"] == "candles btc-usdt-5m-2023, speed ×60"
    sources = state["sources"]
    assert isinstance(sources, dict)
    assert sources["ETH-EUR"] == "simulated, seed 7, speed ×60"
    assert source_of(tmp_path) == state["source"]


def test_a_restart_without_the_option_plays_on_or_says_why_not(tmp_path: Path) -> None:
    path = candle_csv(
        tmp_path / "mine.csv", [[n * 3_600_000, "16000", "16010", "15990", "16000", "5"] for n in range(99)]
    )
    # Where the console's own command keeps the exchange of a data folder.
    home = tmp_path / "data" / "paper"
    with running(home, "--candles", f"BTC-EUR={path}"):
        pass
    with running(home) as address:
        assert _state(address)["source"] == source_of(home) == "candles mine"
    path.unlink()
    sentence = f"BTC-EUR plays {path}, which is gone; put it back, or name it with --candles."
    for command, folder in zip(COMMANDS, (home, home.parent), strict=True):
        ended = _run(command, folder)
        assert (ended.returncode, ended.stderr) == (3, f"{sentence}\n")
    # Whoever needs the exchange is told the reason, not only that nothing answered.
    with hold(home), pytest.raises(ExchangeUnavailable) as refused:
        ensure_exchange(home, timeout=30)
    assert f"the simulated exchange did not start: {sentence}" in str(refused.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_bad_file_is_refused_before_anything_is_made(tmp_path: Path, command: tuple[str, ...]) -> None:
    bad = candle_csv(tmp_path / "bad.csv", [[0, "1", "0.5", "1", "1", "1"]])
    for option, part in (
        (f"BTC-EUR={tmp_path / 'none.csv'}", "none.csv cannot be read: No such file or directory."),
        (f"BTC-EUR={bad}", "bad.csv, line 2: high 0.5 is below low 1."),
        ("BTC-EUR", "'BTC-EUR' is not of the form MARKET=FILE."),
    ):
        ended = _run(command, tmp_path / "home", "--candles", option)
        assert ended.returncode == 2
        assert part in ended.stderr
        assert "Traceback" not in ended.stderr
        assert not list(tmp_path.rglob("exchange.db"))
