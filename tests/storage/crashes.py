"""Power cuts while a vault claims orders: the vault's own schema, statements and pragmas on a disk that forgets.

``python -m tests.storage.crashes`` prints the report of 500 crashes. Claims are written by the SQLite of apsw, because
only that takes a VFS; the program's own SQLite recovers and verifies what is left. Both versions stand in the report.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import apsw

from storage import audit
from storage.codes import Mode
from storage.connections import configure_writer
from storage.database import Tx
from storage.errors import VaultError
from storage.models import Claim
from storage.queries import Sql
from storage.schema import migrate
from storage.setup import read_audit_key, set_up_vault, vault_info
from storage.verification import verify_vault
from tests.storage import power_loss
from tests.storage.apsw_connection import connect
from tests.storage.world import Ready, claim_by_hand, claim_of, make_ready
from tests.support import OPERATOR, SeededEntropy, SteppedClock

T = TypeVar("T")

OPERATIONS: Final = 400
"""A run ends within this many writes and syncs; a claim takes about thirty."""


@dataclass(frozen=True, slots=True)
class Crash:
    """One run: the claims whose COMMIT returned, and what was found afterwards."""

    acknowledged: tuple[str, ...]
    lost: int
    damage: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vault:
    """A closed vault with one proposal that passes the gate."""

    database: bytes
    key: bytes
    ready: Ready


class Crasher:
    """Lets power fail at a random operation, and looks at what is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vfs = power_loss.ForgetfulVfs()
        self.clock = SteppedClock()
        self.vault = self._new_vault()

    def crash(self, seed: int, synchronous: str = "FULL") -> Crash:
        """One run with the vault's pragmas, or with another ``synchronous`` instead of theirs."""
        random = Random(seed)
        platter = power_loss.Platter(bytearray(self.vault.database), [], named=True)
        disk = self.vfs.disk = power_loss.Disk({"vault.db": platter})
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder) / "vault.db"
            path.write_bytes(self.vault.database)
            acknowledged, head = self._claim_until_power_fails(path, disk, random, synchronous)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            for name, platter in disk.files.items():
                content = platter.after_power_cut(random)
                if content is not None:
                    (Path(folder) / name).write_bytes(content)
            (Path(folder) / "audit.key").write_bytes(self.vault.key)
            audit.write_head(Path(folder) / "audit.head", self.vault.key, head)
            return self._look(Path(folder), acknowledged)

    def _new_vault(self) -> Vault:
        folder = self.folder / "new"
        folder.mkdir()
        path, entropy = folder / "vault.db", SeededEntropy()
        db = connect(path, power_loss.NAME)
        configure_writer(db, 1.0)
        migrate(db)
        key = read_audit_key(folder, db, entropy)
        set_up_vault(db, folder, Mode.PAPER, self.clock, entropy, OPERATOR, key)
        ready, _ = self._transact(db, key, make_ready)
        db.close()
        return Vault(path.read_bytes(), key, ready)

    def _claim_until_power_fails(
        self, path: Path, disk: power_loss.Disk, random: Random, synchronous: str
    ) -> tuple[tuple[str, ...], audit.Head]:
        db = connect(path, power_loss.NAME)
        configure_writer(db, 1.0)
        if synchronous != "FULL":
            db.execute(f"PRAGMA synchronous = {synchronous}")
        # The vault leaves this at 1,000 pages; fewer let power fail while the log is copied into the file, too.
        db.execute(f"PRAGMA wal_autocheckpoint = {random.choice((5, 40, 1000))}")
        newest = db.execute("SELECT seq, mac, at FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
        head = audit.Head(newest[0], newest[1], newest[2], vault_info(db).incarnation)
        disk.power_for = random.randrange(OPERATIONS)
        acknowledged: list[str] = []
        try:
            while True:
                claim, head = self._transact(
                    db, self.vault.key, claim_by_hand if acknowledged else self._through_the_gate
                )
                acknowledged.append(claim.client_order_id)
        except power_loss.PowerCut:
            db.close()
        return tuple(acknowledged), head

    def _through_the_gate(self, tx: Tx) -> Claim:
        return claim_of(tx, self.vault.ready)

    def _transact(self, db: sqlite3.Connection, key: bytes, change: Callable[[Tx], T]) -> tuple[T, audit.Head]:
        """A transaction as the vault runs one, and the head it writes when COMMIT has returned."""
        db.execute("BEGIN IMMEDIATE")
        info = vault_info(db)
        tx = Tx(db, Sql(db), self.clock.now(), self.clock.monotonic(), OPERATOR, info, self.folder, key)
        result = change(tx)
        db.execute("COMMIT")
        assert tx._newest is not None
        return result, audit.Head(tx._newest.seq, tx._newest.mac, tx.now, info.incarnation)

    def _look(self, folder: Path, acknowledged: tuple[str, ...]) -> Crash:
        """Open what is left as the program opens it, and verify all of it."""
        try:
            with closing(sqlite3.connect(folder / "vault.db", isolation_level=None)) as db:
                configure_writer(db, 1.0)
                stored = {str(row[0]) for row in db.execute("SELECT client_order_id FROM trade_executions")}
            report = verify_vault(folder, Mode.PAPER, self.clock, OPERATOR)
        except (sqlite3.DatabaseError, VaultError) as error:
            return Crash(acknowledged, len(acknowledged), (str(error),))
        return Crash(acknowledged, len(set(acknowledged) - stored), report.problems)


def versions() -> dict[str, str]:
    """The SQLite that claims, and the one that the program uses and that recovers."""
    return {"claimed by SQLite": apsw.sqlite_lib_version(), "recovered by SQLite": sqlite3.sqlite_version}


def summary(crashes: list[Crash]) -> dict[str, int]:
    """How many crashes, acknowledged claims, lost claims, crashes that lost any, and damaged vaults."""
    return {
        "crashes": len(crashes),
        "acknowledged": sum(len(crash.acknowledged) for crash in crashes),
        "lost": sum(crash.lost for crash in crashes),
        "crashes that lost": sum(crash.lost > 0 for crash in crashes),
        "damaged": sum(bool(crash.damage) for crash in crashes),
    }


def main() -> int:
    """Crash, report as JSON; exit code 1 if a claim was lost, or if none was where nothing is synced."""
    parser = argparse.ArgumentParser(prog="python -m tests.storage.crashes", description=__doc__)
    parser.add_argument("--crashes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20261124)
    asked = parser.parse_args()
    report: dict[str, Any] = dict(versions())
    with tempfile.TemporaryDirectory(prefix="oracle-crashes-") as folder:
        crasher = Crasher(Path(folder))
        for synchronous in ("FULL", "NORMAL", "OFF"):
            seeds = range(asked.seed, asked.seed + asked.crashes)
            report[synchronous] = summary([crasher.crash(seed, synchronous) for seed in seeds])
    print(json.dumps(report, indent=1))  # noqa: T201 - the report is what this command is for
    held = report["FULL"]["lost"] == report["FULL"]["damaged"] == 0
    return 0 if held and report["OFF"]["lost"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
