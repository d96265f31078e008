"""One cell of the matrix: a fresh data folder, one fault, one death at one point, and whether all comes to rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tests.cli.kit import activate, fault_hits, mend, oracle_json, spoil, vault_rows
from tests.gauntlet.commands import KILLED, NEVER, Slots, exchange, fire, is_alive, run, worker
from tests.gauntlet.comparing import disagreements
from tests.gauntlet.faults import LATE_S, MARGIN_MS, SUBMIT, WINDOW_MS, rule
from tests.gauntlet.looking import CLAIM_LIVES_S, seconds_to_wait, state_of, trading_state, unsettled
from tests.gauntlet.scenes import (
    HALT,
    NEW_VAULT,
    OUT_OF_REACH,
    RESTORE,
    RESUME,
    SCENES,
    TAKE_BACK,
    TAKE_OVER,
    WORKER,
    Scene,
)

SETTLED_WITHIN_S: Final = (WINDOW_MS + MARGIN_MS) / 1000 + 15
"""An UNKNOWN may not be older than this once the exchange answers again."""

POINTS_ANEW_S: Final = 60.0
"""After a ban a process asks nothing more until its points are given anew, at the next minute."""

PHRASE: Final = "resume paper\n"
RESTORE_PHRASE: Final = "restore paper\n"
UNDER_MARKET: Final = "0.985"


@dataclass(slots=True)
class Cell:
    """What one trial came to."""

    point: str
    fault: str
    reached: bool = False
    """Whether the process died at the point."""
    bitten: int = 0
    """How many requests the fault spoiled before, during and after the death, until it was taken away."""
    state: str = ""
    """How the execution ended; empty if there is none."""
    settled_s: float = 0.0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


def prepare(folder: Path) -> Path:
    """A data folder as every trial begins with: a vault with quick rules, an exchange that is not running."""
    home = folder / "template"
    home.mkdir(parents=True)
    with exchange(home):
        begin(home)
    (home / "paper" / "exchange.json").unlink()
    return home


def begin(home: Path) -> None:
    """Make the vault and put rules in force under which an unsettled order is settled within seconds."""
    (home / "settings.yaml").write_text("intervals: {look_seconds: 600}\n")
    oracle_json(home, "status")
    activate(home, submit=SUBMIT, cooldown_min=0, anti_flip_min=0)


class Trial:
    """One cell while it runs."""

    def __init__(self, home: Path, cell: Cell, slots: Slots) -> None:
        self.home = home
        self.cell = cell
        self.scene: Scene = SCENES[cell.point]
        self.slots = slots
        self.proposal = 0
        self.stood_still_s = 0.0
        """How long this trial waited for its turn, which says nothing about the program."""

    def play(self) -> None:
        """Run the whole trial; what is wrong stands in the cell's ``broken``."""
        started = time.monotonic()
        try:
            with exchange(self.home):
                self._die()
                self._try_after_death()
                self._come_to_rest()
                self._fire_again()
                self._look_at_everything()
        except Exception as failure:  # whatever goes wrong here is a finding about the program
            self.cell.broken.append(f"{type(failure).__name__}: {failure}")
        finally:
            self.cell.seconds = round(time.monotonic() - started, 1)

    def _propose(self, *more: str) -> int:
        return int(
            oracle_json(self.home, "propose", "--market", "BTC-EUR", "--side", "buy", "--eur", "25", *more)["id"]
        )

    def _spoil(self) -> None:
        spoil(self.home, rule(self.cell.fault, self.scene.route))

    def _mend(self) -> None:
        with suppress(httpx.HTTPError, FileNotFoundError):  # an exchange that has ended has no faults left
            self.cell.bitten += fault_hits(self.home)
            mend(self.home)

    # the death ------------------------------------------------------------------------------------------------
    def _die(self) -> None:
        if self.scene is NEW_VAULT:
            self.cell.reached = run(self.home, "status", at=self.cell.point).returncode == KILLED
            begin(self.home)
        self.proposal = self._resting() if self.scene.needs_keeper else self._propose()
        if self.scene.restores:
            self._send_after_a_backup()
            self.cell.reached = self._killed()
            self._mend()
            return
        if self.scene.died_before is not None:
            fire(self.home, self.proposal, at=self.scene.died_before)
        if self.scene is RESUME:
            run(self.home, "halt", "--reason", "to be lifted")
        if self.scene is not NEW_VAULT:
            self._spoil()
            self.cell.reached = self._killed()
        if self.scene is NEW_VAULT:
            self._spoil()
        if not self.scene.fault_stays:
            self._mend()

    def _send_after_a_backup(self) -> None:
        """The order is sent under the fault, and in the trial of taking it over already forgotten by a restore."""
        self._wait_until(lambda: run(self.home, "reconcile").returncode == 0)
        done = run(self.home, "backup", "--to", str(self.home / "backup"))
        assert done.returncode == 0, done.stdout + done.stderr
        self._spoil()
        fire(self.home, self.proposal)
        if self.scene is TAKE_OVER:
            self._restore_again()

    def _restore(self, at: str | None = None) -> subprocess.CompletedProcess[str]:
        return run(self.home, "restore", str(self.home / "backup"), "--reason", "a trial", at=at, typed=RESTORE_PHRASE)

    def _restore_again(self) -> None:
        done = self._restore()
        if done.returncode != 0:
            self.cell.broken.append(f"restore: {done.stdout}{done.stderr}")

    def _killed(self) -> bool:
        """Run the scene's command until it dies at the point; False if it never does."""
        point = self.cell.point
        match self.scene.name:
            case "execute":
                if not self.scene.needs_keeper:
                    died = fire(self.home, self.proposal, at=point)[0] == KILLED
                    return died or self._reconciles_until_killed(point)  # what had no answer is settled by evidence
                with worker(self.home):
                    self._wait_until(self._keeper_is_held)
                    return fire(self.home, self.proposal, at=point)[0] == KILLED
            case "reconcile":
                return self._reconciles_until_killed(point)
            case "worker":
                with worker(self.home, at=point) as started:
                    self._wait_until(lambda: not is_alive(started.pid) or not unsettled(self.home), must=False)
                    self._wait_until(lambda: not is_alive(started.pid), 2.0, must=False)
                    return not is_alive(started.pid)
            case "halt":
                return run(self.home, "halt", "--reason", "a trial", at=point).returncode == KILLED
            case "restore":
                return self._restore(point).returncode == KILLED
            case "resume":
                done = run(self.home, "resume", "--reason", "a trial", at=point, typed=PHRASE)
                return done.returncode == KILLED
        raise ValueError(self.scene.name)

    def _reconciles_until_killed(self, point: str) -> bool:
        began = self._now()
        while self._now() < began + SETTLED_WITHIN_S:
            code = run(self.home, "reconcile", at=point).returncode
            if code == KILLED:
                return True
            if code == 0 and not unsettled(self.home):
                return False
            self._wait_for_evidence()
        return False

    def _resting(self) -> int:
        """A proposal whose order is to rest under a keeper; where the trial is of taking it back, it rests already."""
        if self.scene is not TAKE_BACK:
            return self._propose()
        ask = oracle_json(self.home, "propose", "--market", "BTC-EUR", "--side", "buy", "--eur", "25")["limit"]
        limit = str(int(float(ask) * float(UNDER_MARKET)))
        proposal = self._propose("--limit", limit)
        with worker(self.home):
            self._wait_until(self._keeper_is_held)
            code, text = fire(self.home, proposal)
        assert code == 0, text
        assert state_of(self.home) == "SUBMITTED", text
        return proposal

    def _keeper_is_held(self) -> bool:
        return bool(vault_rows(self.home, "SELECT 1 FROM scan_jobs WHERE job = 'keeper' AND holder IS NOT NULL"))

    # afterwards -----------------------------------------------------------------------------------------------
    def _try_after_death(self) -> None:
        """What the dead command was to do is done again by a new process; an order is tried under the fault."""
        if self.scene in (HALT, TAKE_BACK):
            self._stop_again()
        if self.scene is RESUME:
            self._resume_again()
        if self.scene is RESTORE:
            expected = "ACTIVE" if self.cell.point in ("restore.copied", "restore.prepared") else "HALTED"
            if self.cell.reached and (state := trading_state(self.home)) != expected:
                self.cell.broken.append(f"trading is {state} after the death, not {expected}")
            self._restore_again()
        if self.scene.fault_stays:
            code, text = fire(self.home, self.proposal)
            if self.scene is HALT and code != 1:
                self.cell.broken.append(f"an order left while trading was halted: {text}")
        self._mend()

    def _stop_again(self) -> None:
        halted = self.cell.point not in ("halt.before-commit",)
        if self.cell.reached and not os.path.lexists(self.home / "paper" / "HALT"):
            self.cell.broken.append("the HALT file did not outlive the process that made it")
        if halted and self.cell.reached and fire(self.home, self.proposal)[0] != 1:
            self.cell.broken.append("an order left after the HALT file stood")
        done = run(self.home, "halt", "--reason", "once more")
        if done.returncode != 0:
            self.cell.broken.append(f"halt: {done.stdout}{done.stderr}")

    def _resume_again(self) -> None:
        state = trading_state(self.home)
        expected = "ACTIVE" if self.cell.point == "resume.recorded" else "HALTED"
        if self.cell.reached and state != expected:
            self.cell.broken.append(f"trading is {state} after the death, not {expected}")
        if state == "HALTED":
            run(self.home, "resume", "--reason", "once more", typed=PHRASE)

    def _come_to_rest(self) -> None:
        began = self._now()
        asked_again_s = POINTS_ANEW_S if self.cell.fault == "ban" and self.scene is WORKER else 0.0
        deadline = (
            began + SETTLED_WITHIN_S + asked_again_s + (CLAIM_LIVES_S if "CLAIMED" in unsettled(self.home) else 0)
        )
        if self.scene is WORKER:
            with worker(self.home):
                self._wait_until(lambda: not unsettled(self.home), deadline - self._now(), must=False)
        done = None
        while self._now() < deadline:
            done = run(self.home, "reconcile")
            if done.returncode == 0 and not unsettled(self.home):
                break
            self._wait_for_evidence()
        self.cell.settled_s = round(self._now() - began, 1)
        if (left := unsettled(self.home)) or done is None or done.returncode != 0:
            told = "" if done is None else done.stdout + done.stderr
            self.cell.broken.append(f"not at rest after {self.cell.settled_s} s: {left} {told}")

    def _wait_for_evidence(self) -> None:
        """Until the earliest moment at which another look can settle more."""
        self.stood_still_s += self.slots.rest(min(11.0, max(0.3, seconds_to_wait(self.home))))

    def _now(self) -> float:
        """Seconds of this trial's own time."""
        return time.monotonic() - self.stood_still_s

    def _fire_again(self) -> None:
        """Nobody can have the order a second time; a proposal that was never claimed can still be tried."""
        claimed = state_of(self.home) != ""
        code, text = fire(self.home, self.proposal)
        if self.scene.restores:
            if code != 1:
                self.cell.broken.append(f"fired after the restore: {code} {text[-300:]}")
            done = run(self.home, "resume", "--reason", "vault and exchange agree", typed=PHRASE)
            if done.returncode != 0:
                self.cell.broken.append(f"resume: {done.stdout}{done.stderr}")
        if claimed and (code != 1 or "ALREADY_CLAIMED by" not in text):
            self.cell.broken.append(f"fired a second time: {code} {text[-300:]}")
        if not claimed and not self.scene.restores:
            self._come_to_rest()

    def _look_at_everything(self) -> None:
        if self.cell.fault == "late-apply" and state_of(self.home) == "ABSENT":
            self.slots.rest(LATE_S)  # an absence that was proven too early shows only then
        done = run(self.home, "verify")
        if done.returncode != 0:
            self.cell.broken.append(f"verify: {done.stdout}{done.stderr}")
        self.cell.broken += disagreements(self.home)
        self.cell.state = state_of(self.home)
        expected = "HALTED" if self.scene in (HALT, TAKE_BACK) else "ACTIVE"
        if (state := trading_state(self.home)) != expected:
            self.cell.broken.append(f"trading is {state} in the end, not {expected}")

    def _wait_until(self, so: Callable[[], bool], seconds: float = 15.0, *, must: bool = True) -> None:
        until = time.monotonic() + seconds
        while not so():
            if time.monotonic() >= until:
                assert not must, f"not so within {seconds} s"
                return
            NEVER.wait(0.05)


def play(folder: Path, template: Path, point: str, fault: str, slots: Slots) -> Cell:
    """One cell in a folder of its own, thrown away if nothing was broken."""
    cell = Cell(point, fault)
    home = folder / f"{point}-{fault}"
    with slots.busy():
        if SCENES[point] is NEW_VAULT:
            home.mkdir()
        else:
            shutil.copytree(template, home, ignore=shutil.ignore_patterns("*.sock"))
        Trial(home, cell, slots).play()
        if not cell.reached and fault not in OUT_OF_REACH.get(point, ()):
            cell.broken.append("no process died at this point")
        if not cell.broken:
            shutil.rmtree(home, ignore_errors=True)
    return cell
