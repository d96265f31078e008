"""``python -m tests.storage.long_audit``: a vault of a million events is verified in the memory a small one takes.

Prints its figures as JSON; exit code 1 if the memory grew beyond the bound or an altered event was not found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from storage import audit
from storage.codes import Mode
from storage.connections import configure_writer
from storage.verification import verify_vault
from tests.storage.tampering import COLUMNS, open_up
from tests.support import OPERATOR, SteppedClock, opened_vault

SMALL: Final = 1000
MOST_MORE: Final = 16 * 1024
"""KiB that the verification of the long chain may take more than that of the small one."""


async def new_vault(folder: Path) -> None:
    """A vault that was opened and closed once."""
    async with opened_vault(folder):
        pass


def write_events(folder: Path, last: int) -> None:
    """Continue the chain of a closed vault up to number ``last``, as it would have grown, and bring its head up."""
    key = (folder / "audit.key").read_bytes()
    head = audit.read_head(folder / "audit.head", key)
    assert head is not None
    newest = audit.AuditRow(head.seq, head.at, "", "", "", "", 0, "", head.mac)

    def rows() -> Iterator[tuple[object, ...]]:
        nonlocal newest
        for seq in range(newest.seq + 1, last + 1):
            payload = audit.canonical_payload({"digest": f"{seq:064x}", "state": "CLAIMED", "order": seq})
            row = audit.AuditRow(seq, head.at + seq, "execution.claimed", str(seq), "operator", "i-1", 42, payload, "")
            mac = audit.event_mac(key, newest.mac, row)
            newest = audit.AuditRow(seq, row.at, row.kind, row.subject, row.actor, row.instance, row.pid, payload, mac)
            yield seq, row.at, row.kind, row.subject, row.actor, row.instance, row.pid, payload, mac

    with closing(sqlite3.connect(folder / "vault.db", isolation_level=None)) as db:
        configure_writer(db, 1.0)
        db.execute("BEGIN IMMEDIATE")
        db.executemany(f"INSERT INTO audit_log ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", rows())  # noqa: S608
        db.execute("COMMIT")
    audit.write_head(folder / "audit.head", key, audit.Head(last, newest.mac, newest.at, head.incarnation))


def verified_alone(folder: Path) -> dict[str, int | bool | float]:
    """Verify in a process of its own: what was found, seconds, and the most memory it ever had, in KiB."""
    command = [sys.executable, "-m", "tests.storage.long_audit", "--verify", str(folder)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    found: dict[str, int | bool | float] = json.loads(run.stdout)
    return found


def verify_here(folder: Path) -> dict[str, int | bool | float | None]:
    """Verify in this process; see ``verified_alone``. Linux alone tells its peak (VmHWM)."""
    started = time.perf_counter()
    report = verify_vault(folder, Mode.PAPER, SteppedClock(), OPERATOR)
    seconds = round(time.perf_counter() - started, 1)
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return {
        "clean": report.clean,
        "events": report.events,
        "first_bad": report.first_bad,
        "seconds": seconds,
        "peak_kib": peak,
    }


def main() -> int:
    """Write a small chain and a long one, verify both, then alter the last event but one."""
    parser = argparse.ArgumentParser(prog="python -m tests.storage.long_audit", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--verify", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.verify is not None:
        print(json.dumps(verify_here(asked.verify)))  # noqa: T201 - the figures are what this command is for
        return 0
    with tempfile.TemporaryDirectory(prefix="oracle-audit-") as home:
        folder = Path(home) / "paper"
        asyncio.run(new_vault(folder))
        write_events(folder, SMALL)
        small = verified_alone(folder)
        write_events(folder, asked.events)
        long = verified_alone(folder)
        with closing(sqlite3.connect(folder / "vault.db", isolation_level=None)) as db:
            open_up(db)
            db.execute("UPDATE audit_log SET actor = 'somebody' WHERE seq = ?", (asked.events - 1,))
        altered = verified_alone(folder)
    print(json.dumps({"small": small, "long": long, "altered": altered}, indent=1))  # noqa: T201
    bounded = long["peak_kib"] - small["peak_kib"] <= MOST_MORE
    whole = small["clean"] and long["clean"] and long["events"] == asked.events
    return 0 if bounded and whole and altered["first_bad"] == asked.events - 1 else 1


if __name__ == "__main__":
    sys.exit(main())
