"""Two consoles and two workers on one vault for as long as wanted, while one after another is killed at random moments.

What must hold at the end, whatever was killed: at most one order at the exchange for each proposal, every order and
every fill of the exchange in the vault, every due time completed once and none of them late by more than a lease.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

from storage.clock import SECOND
from storage.leases import LEASE_TTL
from tests.cli.kit import (
    AMOUNT,
    activate,
    address,
    broken_promises,
    exchange_rows,
    oracle,
    oracle_json,
    orders,
    propose,
    vault_rows,
    wait_until,
)
from tests.cli.test_worker import Running
from tests.terminal.pseudo_terminal import Terminal
from tests.terminal.test_several import MARKETS

LOOK_EVERY_S: Final = 60
SLACK_S: Final = 30
"""Of a busy machine: a killed process is started again within it."""

SIZES: Final = ((120, 40), (80, 24))
ROLES: Final = ("console 0", "console 1", "worker 0", "worker 1")


@dataclass(slots=True)
class Report:
    """What a run did and found; ``broken`` holds a sentence for each promise that was not kept."""

    seed: int
    seconds: float
    rounds: int = 0
    done: dict[str, int] = field(default_factory=dict)
    killed: dict[str, int] = field(default_factory=dict)
    ended_by_itself: list[str] = field(default_factory=list)
    orders: int = 0
    job_runs: int = 0
    longest_gap_between_looks_s: float = 0.0
    largest_rss_mib: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return asdict(self)

    def count(self, role: str) -> None:
        """One more death of this role."""
        self.killed[role] = self.killed.get(role, 0) + 1


class Several:
    """The four processes, the shell beside them, and the hand that kills."""

    def __init__(self, home: Path, random: Random, report: Report) -> None:
        self.home = home
        self.random = random
        self.report = report
        self.consoles: list[Terminal] = []
        self.workers: list[Running] = []

    def start(self) -> None:
        """A data folder with room for many orders, and all four running on it."""
        (self.home / "settings.yaml").write_text(f"intervals: {{look_seconds: {LOOK_EVERY_S}}}\n")
        oracle(self.home, "propose", "--market", "BTC-EUR", "--side", "buy", "--eur", "25")
        many = {"per_day": 5000, "per_hour": 2000}
        activate(self.home, cooldown_min=0, anti_flip_min=0, trades=many, exits=many)
        self.consoles = [self._console(number) for number in range(2)]
        self.workers = [Running(self.home, ["worker"]) for _ in range(2)]

    def _console(self, number: int) -> Terminal:
        columns, rows = SIZES[number]
        return Terminal(["run"], columns=columns, rows=rows, home=self.home)

    def live(self, seconds: float) -> None:
        """Let real time pass, reading both terminals."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for terminal in self.consoles:
                terminal.pump(0.02)

    def sees(self, terminal: Terminal, pattern: str, seconds: float) -> bool:
        """Whether the terminal comes to show it."""
        with suppress(AssertionError):
            terminal.wait_for(pattern, seconds)
            return True
        return False

    def kill(self, role: str) -> None:
        """Kill one without warning and start it again."""
        self.report.count(role)
        kind, _, digit = role.partition(" ")
        number = int(digit)
        if kind == "worker":
            self.workers[number].process.kill()
            self.workers[number].wait()
            self.workers[number] = Running(self.home, ["worker"])
        else:
            self.consoles[number].kill()
            self.consoles[number] = self._console(number)

    def kill_the_exchange(self) -> None:
        """The simulated exchange too may die; one of the four starts it again on its database."""
        pid = address(self.home)["pid"]
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.report.count("exchange")

    def step(self) -> None:
        """One thing an operator does, and maybe a death at some moment around it."""
        self.report.rounds += 1
        name, deed = self.random.choice(self.deeds())
        victim = self.random.choice(ROLES) if self.random.random() < 0.5 else None
        deed(victim)
        self.report.done[name] = self.report.done.get(name, 0) + 1
        if self.random.random() < 0.05:
            self.kill_the_exchange()
        self.live(self.random.uniform(0.5, 12.0))
        self.look_after()

    def deeds(self) -> list[tuple[str, Callable[[str | None], None]]]:
        """What can be done; what makes orders counts more."""
        return [
            *[("fire", self.fire)] * 3,
            *[("fire by shell", self.fire_by_shell)] * 2,
            *[("sell", self.sell)] * 2,
            *[("rest and cancel", self.rest_and_cancel)] * 2,
            ("decline", self.decline),
            ("halt and resume", self.halt_and_resume),
            ("leave and return", self.leave_and_return),
        ]

    def fire(self, victim: str | None) -> None:
        """Arm and fire what a console has selected; the victim dies somewhere in between or just after."""
        propose(self.home, self.random.choice(MARKETS), "buy")
        console = self.random.choice(self.consoles)
        dies_after = self.random.choice(("open", "armed", "fired"))
        console.send("e")
        if not self.sees(console, r"READY|TYPE +\d", 10):
            console.send("q")
            return
        if victim is not None and dies_after == "open":
            self.kill(victim)
        if console not in self.consoles:
            return
        console.send("\r")
        if self.sees(console, "ARMED", 5):
            self.live(0.3)
            if victim is not None and dies_after == "armed":
                self.kill(victim)
            if console not in self.consoles:
                return
            console.send("F")
            self.live(self.random.uniform(0.0, 0.2))
            if victim is not None and dies_after == "fired":
                self.kill(victim)
        if console in self.consoles:
            self.live(2.0)
            console.send("q")

    def fire_by_shell(self, victim: str | None) -> None:
        """Two shells confirm one proposal; one of them may be killed at it."""
        proposal = propose(self.home, self.random.choice(MARKETS), "buy")
        with ExitStack() as stack:
            shells = [stack.enter_context(Terminal(["execute", str(proposal)], home=self.home)) for _ in range(2)]
            for shell in shells:
                with suppress(AssertionError, OSError):
                    asked = shell.wait_for(AMOUNT, 30, on_screen=False)
                    shell.send(f"{asked.group(1)}\n")
            self.live(self.random.uniform(0.0, 0.3))
            if victim is not None:
                shells[0].kill()
                self.report.count("shell")
            with suppress(AssertionError):
                shells[1].wait_exit(30)

    def sell(self, victim: str | None) -> None:
        """Sell what is held of a market; the victim dies while the order is on its way."""
        told = oracle(self.home, "exit", self.random.choice(MARKETS), "--json", check=False)
        if told.returncode == 0:
            self.confirm(int(json.loads(told.stdout)["id"]), victim)

    def rest_and_cancel(self, victim: str | None) -> None:
        """Buy at the bid, where an order may rest, and take the rest of it back; or leave it to the keeper."""
        proposal = propose(self.home, self.random.choice(MARKETS), "buy", "--limit", "bid")
        self.confirm(proposal, victim)
        if self.random.random() < 0.7:
            oracle(self.home, "cancel", str(proposal), check=False)

    def confirm(self, proposal: int, victim: str | None) -> None:
        """Confirm in a shell, while the victim dies."""
        with Terminal(["execute", str(proposal)], home=self.home) as shell:
            with suppress(AssertionError, OSError):
                shell.send(f"{shell.wait_for(AMOUNT, 30, on_screen=False).group(1)}\n")
            if victim is not None:
                self.live(self.random.uniform(0.0, 0.3))
                self.kill(victim)
            with suppress(AssertionError):
                shell.wait_exit(30)

    def decline(self, victim: str | None) -> None:
        """Decline what a console has selected."""
        self.random.choice(self.consoles).send("d")
        if victim is not None:
            self.live(self.random.uniform(0.0, 0.3))
            self.kill(victim)

    def halt_and_resume(self, victim: str | None) -> None:
        """Stop everything from a shell, and go on."""
        oracle(self.home, "halt", "--reason", "a pause", check=False)
        if victim is not None:
            self.kill(victim)
        self.live(1.0)
        oracle(self.home, "resume", typed="resume paper\ngoing on\n", check=False)

    def leave_and_return(self, victim: str | None) -> None:
        """Leave a console by its keys and open it again."""
        number = self.random.randrange(2)
        console = self.consoles[number]
        console.send("q")
        if self.sees(console, "Enter +leaves?", 3):
            console.send("\r")
            with suppress(AssertionError):
                console.wait_exit(30)
        if console.status is None:
            console.kill()
        self.consoles[number] = self._console(number)
        if victim is not None:
            self.kill(victim)

    def look_after(self) -> None:
        """Nobody may have ended but by our hand; how large each is."""
        running = [
            *((f"console {number}", terminal.pid) for number, terminal in enumerate(self.consoles)),
            *((f"worker {number}", worker.process.pid) for number, worker in enumerate(self.workers)),
        ]
        for role, pid in running:
            size = resident_mib(pid)
            if size is None:
                self.report.ended_by_itself.append(f"{role} in round {self.report.rounds}")
                kind = role.partition(" ")[0]
                if kind == "worker":
                    self.kill(role)
                continue
            self.report.largest_rss_mib[role] = max(size, self.report.largest_rss_mib.get(role, 0.0))

    def end(self) -> None:
        """All four end as they are asked to."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGTERM)
        for terminal in self.consoles:
            os.kill(terminal.pid, signal.SIGTERM)
        for worker in self.workers:
            worker.wait(60)
        for terminal in self.consoles:
            terminal.wait_exit(60)


def resident_mib(pid: int) -> float | None:
    """Resident memory in MiB; None for a process that is gone or only waited for."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
    return None


def judge(home: Path, report: Report) -> None:
    """Compare what the exchange accepted with what the vault knows."""
    report.orders = orders(home)
    report.broken += broken_promises(home)
    check = report.broken.append
    at_exchange = {row[0] for row in exchange_rows(home, "SELECT fill_id FROM fills")}
    here = {row[0] for row in vault_rows(home, "SELECT fill_id FROM fills")}
    if at_exchange != here:
        check(f"fills differ: {len(at_exchange - here)} missing here, {len(here - at_exchange)} only here")
    open_ = vault_rows(
        home, "SELECT id, state FROM trade_executions WHERE state IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN')"
    )
    if open_:
        check(f"unsettled executions after reconcile: {open_}")
    judge_jobs(home, report)
    verified = oracle(home, "verify", "--json", check=False)
    if verified.returncode != 0:
        check(f"verify: {verified.stdout[:2000]}")


def judge_jobs(home: Path, report: Report) -> None:
    """No look later than one interval, one lease and the slack after the one before."""
    report.job_runs = vault_rows(home, "SELECT count(*) FROM job_runs")[0][0]
    looks = [row[0] for row in vault_rows(home, "SELECT at FROM gpt_usage_log WHERE oracle = 'rules/look' ORDER BY at")]
    gaps = [after - before for before, after in pairwise(looks)]
    report.longest_gap_between_looks_s = round(max(gaps, default=0) / SECOND, 1)
    if max(gaps, default=0) > LOOK_EVERY_S * SECOND + LEASE_TTL + SLACK_S * SECOND:
        report.broken.append(f"a look came {report.longest_gap_between_looks_s} s after the one before")


def soak(home: Path, seconds: float, seed: int) -> Report:
    """Run it; the report tells whether all promises were kept."""
    report = Report(seed, seconds)
    several = Several(home, Random(seed), report)
    several.start()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        several.step()
    several.end()
    for _ in range(2):  # the second one finds what only became provable while the first ran
        oracle(home, "reconcile", check=False)
    with suppress(AssertionError):
        wait_until(lambda: oracle_json(home, "status")["in_flight"] == 0, 5)
    judge(home, report)
    if report.ended_by_itself:
        report.broken.append(f"ended by themselves: {report.ended_by_itself}")
    return report
