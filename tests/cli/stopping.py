"""A data folder in which orders leave all the time, an entry rests and a stop waits; what a halt must do to them."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx

from tests.cli.kit import activate, address, exchange_rows, execute, oracle, oracle_json, vault_rows, wait_until
from tests.cli.test_worker import Running, running

FIRING: Final = (sys.executable, "-m", "tests.cli.firing")
RESTS_IN, HELD = "ADA-EUR", "XRP-EUR"
"""Markets of the entry that rests and of the position with a stop; the others are fired at."""

PATIENT: Final = {"window_ms": 30_000, "absence_margin_ms": 200, "lookup_lag_ms": 100, "request_timeout_ms": 8000}
"""An order held up in its process for seconds is taken all the same; one without an answer is soon UNKNOWN."""
STOPPED: Final = "stopped: no order can leave"
HALTED_BY_FILE: Final = "touch"
HALTED_BY_RENAMING: Final = "rename"
"""By hand on a disk with no room for another file."""
HALTED_BY_COMMAND: Final = "oracle halt"
WAYS: Final = (HALTED_BY_FILE, HALTED_BY_COMMAND)


@dataclass(slots=True)
class Scene:
    """The folder, and what it has at the exchange."""

    home: Path
    entries: list[str] = field(default_factory=list)
    """Order ids of the entries that were left resting."""
    stop: str = ""
    """Order id of the protective stop."""

    # beforehand -----------------------------------------------------------------------------------------------
    def rest_an_entry(self) -> str:
        """A buy that is not reached; its order id."""
        book = httpx.get(f"{address(self.home)['rest']}/{RESTS_IN}/book", params={"depth": 1}).json()
        limit = str((Decimal(book["bids"][0][0]) * Decimal("0.985")).quantize(Decimal("0.0001")))
        self._fire("propose", "--market", RESTS_IN, "--side", "buy", "--eur", "25", "--limit", limit)
        self.entries.append(self.newest_order("limit"))
        return self.entries[-1]

    def hold_with_a_stop(self) -> None:
        """A position and a stop loss far under the market."""
        self._fire("propose", "--market", HELD, "--side", "buy", "--eur", "100")
        self._fire("exit", HELD, "--stop", "1")
        self.stop = self.newest_order("stopLoss")

    def _fire(self, *words: str) -> None:
        code, text = execute(self.home, int(oracle_json(self.home, *words)["id"]))
        assert code == 0, text

    def newest_order(self, kind: str) -> str:
        """The id of the order that the exchange took last."""
        sql = f"SELECT order_id FROM orders WHERE order_type = '{kind}' ORDER BY seq DESC LIMIT 1"  # noqa: S608
        return str(exchange_rows(self.home, sql)[0][0])

    # stopping -------------------------------------------------------------------------------------------------
    def halt(self, way: str, code: int = 0) -> tuple[int, str]:
        """Stop; nanoseconds at which nothing may leave any more, and what was said."""
        if way in (HALTED_BY_FILE, HALTED_BY_RENAMING):
            file = self.home / "paper" / "HALT"
            file.touch() if way == HALTED_BY_FILE else file.with_name("HALT.off").rename(file)
            return time.time_ns(), ""
        done = oracle(self.home, "halt", "--reason", "weather", check=False)
        now = time.time_ns()
        assert done.returncode == code, done.stdout + done.stderr
        assert (STOPPED in done.stdout) is (code == 0), done.stdout
        return now, done.stdout

    def go_on(self) -> None:
        """Lift the stop."""
        oracle(self.home, "resume", "--reason", "the weather is over", typed="resume paper\n")

    # afterwards -----------------------------------------------------------------------------------------------
    def status_of(self, order_id: str) -> str:
        """What the exchange says of an order."""
        return str(exchange_rows(self.home, f"SELECT status FROM orders WHERE order_id = '{order_id}'")[0][0])  # noqa: S608

    def nothing_left_after(self, way: str, stopped_ns: int) -> None:
        """By command: no order is younger than the sentence. By file: none whose send began after the file stood."""
        assert sends_after(self.home, stopped_ns) == []
        if way == HALTED_BY_COMMAND:
            assert orders_after(self.home, stopped_ns) == []

    def entry_is_gone_and_the_stop_stays(self, seconds: float = 15.0) -> None:
        """Canceled by whoever can: the halt, the keeper, or the exchange's own dead-man switch."""
        wait_until(lambda: self.status_of(self.entries[-1]) == "canceled", seconds)
        assert self.status_of(self.stop) == "awaitingTrigger"

    def told_of_the_entry(self, told: str) -> None:
        """What ``oracle halt`` could not cancel it names."""
        if "1 resting entries canceled" not in told:
            assert f"left: order {self.entries[-1]} in {RESTS_IN}" in told, told


def orders_after(home: Path, at_ns: int) -> list[Any]:
    """Orders the exchange took after an instant."""
    return exchange_rows(home, f"SELECT client_order_id, created_ns FROM orders WHERE created_ns > {at_ns}")  # noqa: S608


def sends_after(home: Path, at_ns: int) -> list[Any]:
    """Executions whose send was committed after an instant."""
    sql = f"SELECT execution_id, at FROM execution_events WHERE after = 'SUBMITTING' AND at > {at_ns // 1000}"  # noqa: S608
    return vault_rows(home, sql)


@contextmanager
def firing(home: Path) -> Iterator[Running]:
    """Another process that fires all the time; three of its orders have been taken."""
    with running(home, str(home), program=FIRING) as process:
        wait_until(lambda: sum(line == "fired accepted " for line in process.lines) >= 3, 30)
        yield process
        if process.process.poll() is None:
            process.process.stdin.close()  # type: ignore[union-attr]
            assert process.wait() == 0, process.errors


def refused_thrice_more(process: Running) -> None:
    """It goes on trying, and the gate says that trading is halted."""
    before = len(process.lines)

    def refused() -> int:
        return sum(bool(re.match("kept .*TRADING_STATE", line)) for line in process.lines[before:])

    wait_until(lambda: refused() >= 3, 30)


def jobs_run(home: Path) -> bool:
    """Whether some process keeps the dead-man switch, so that entries may rest, and the first look is over."""
    kept = vault_rows(home, "SELECT 1 FROM scan_jobs WHERE job = 'keeper' AND holder IS NOT NULL")
    return bool(kept) and bool(vault_rows(home, "SELECT 1 FROM gpt_usage_log WHERE oracle = 'rules/look'"))


def allow_much(home: Path, **submit: int) -> None:
    """A policy with no pauses and room for thousands of orders."""
    caps = {"per_day": 100_000, "per_hour": 50_000}
    activate(
        home, cooldown_min=0, anti_flip_min=0, cooldown_after_loss_min=0, exposure_eur=500_000, trades=caps, exits=caps,
        submit={**PATIENT, **submit},
    )  # fmt: skip


def settings(home: Path) -> None:
    """Much money, and few looks of the scheduler, which would cost time."""
    (home / "settings.yaml").write_text("paper: {balance_eur: 1000000}\nintervals: {look_seconds: 3600}\n")


@contextmanager
def scene(home: Path) -> Iterator[Scene]:
    """A worker with the keeper's lease, and a position with its stop."""
    settings(home)
    oracle(home, "status")
    allow_much(home)
    with running(home, "worker") as worker:
        wait_until(lambda: jobs_run(home), 30)
        made = Scene(home)
        made.hold_with_a_stop()
        yield made
        assert worker.process.poll() is None, worker.errors


def stopped_process(pid: int) -> bool:
    """Whether a process is stopped by a signal."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
