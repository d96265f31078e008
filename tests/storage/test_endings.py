"""Ends of a process that holds a vault: none of them hangs, none leaves a thread that outlives its loop."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from storage.errors import VaultBroken
from tests.support import opened_vault
from tests.terminal.pseudo_terminal import ROOT

HEAD = """
import asyncio, shutil, sys
from pathlib import Path
from tests.support import OPERATOR, SeededEntropy, SteppedClock, opened_vault
from storage.codes import Mode
from storage.database import Vault
folder = Path(sys.argv[1])
kept = []
"""

FORGOTTEN = """
async def main():
    kept.append(await Vault.open(folder, Mode.PAPER, SteppedClock(), SeededEntropy(), OPERATOR))
    await kept[0].transact(lambda tx: tx.audit("alert.info", "x", text="kept"))
asyncio.run(main())
"""

BROKEN_INSIDE = """
async def main():
    async with opened_vault(folder):
        raise RuntimeError("inside")
asyncio.run(main())
"""

INTERRUPTED_INSIDE = """
async def main():
    async with opened_vault(folder) as vault:
        await asyncio.gather(vault.read(lambda tx: tx.now), boom())
async def boom():
    raise KeyboardInterrupt
asyncio.run(main())
"""

FOLDER_GONE = """
async def main():
    kept.append(await Vault.open(folder, Mode.PAPER, SteppedClock(), SeededEntropy(), OPERATOR))
asyncio.run(main())
shutil.rmtree(folder)
"""

LEFT_BY_EXIT = """
async def main():
    kept.append(await Vault.open(folder, Mode.PAPER, SteppedClock(), SeededEntropy(), OPERATOR))
    sys.exit(7)
asyncio.run(main())
"""


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HEAD + script, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=20
    )


@pytest.mark.processes
@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        pytest.param(FORGOTTEN, 0, "", id="never closed"),
        pytest.param(FOLDER_GONE, 0, "", id="its folder is gone"),
        pytest.param(BROKEN_INSIDE, 1, "RuntimeError: inside", id="an exception inside"),
        pytest.param(INTERRUPTED_INSIDE, -2, "KeyboardInterrupt", id="Ctrl+C inside"),
        pytest.param(LEFT_BY_EXIT, 7, "", id="sys.exit inside"),
    ],
)
async def test_a_process_ends_whatever_happens_to_its_vault(tmp_path: Path, script: str, code: int, words: str) -> None:
    done = run(tmp_path, script)
    assert done.returncode == code
    assert words in done.stderr
    assert bool(done.stderr) == bool(words)
    # The audit head was moved and the lock is free: the next one opens at once.
    async with opened_vault(tmp_path, wait=0.5) as vault:
        assert await vault.read(lambda tx: tx.db.execute("PRAGMA quick_check").fetchone()[0]) == "ok"
        if script is FORGOTTEN:
            assert await vault.read(lambda tx: tx.db.execute("SELECT max(seq) FROM audit_log").fetchone()[0]) == 2


async def test_a_vault_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    (tmp_path / "vault.db").mkdir()
    before = set(threading.enumerate())
    with pytest.raises(VaultBroken, match=r"vault\.db cannot be read or written"):
        async with opened_vault(tmp_path):
            pass
    assert set(threading.enumerate()) <= before
