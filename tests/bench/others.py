"""How soon a console shows what another process committed: from the commit's return to the text on its terminal."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

from console.clock import SystemClock, SystemEntropy
from console.execution.halting import reduce_only, resume_trading
from storage.codes import Mode
from storage.database import Vault
from storage.models import Actor
from tests.bench.timed import ORACLE, OnTerminal, environment

COMMITS: Final = 60
SETTLED_S: Final = 20.0
REST_S: Final = (0.6, 1.6)
"""Between two commits: they fall anywhere between two looks, and between two whole seconds."""


def measure_others(home: Path) -> dict[str, float | int]:
    """Milliseconds until a console beside shows that trading became REDUCING, or ACTIVE again."""
    program = OnTerminal([*ORACLE, "run"], environment(home), home, columns=120, rows=36)
    try:
        program.until(rb"ACTIVE")
        program.read_for(SETTLED_S)
        took = asyncio.run(_commit_and_see(home / "paper", program))
    finally:
        program.end()
    return {"commits": len(took), "median_ms": round(median(took), 1), "slowest_ms": round(max(took), 1)}


async def _commit_and_see(folder: Path, program: OnTerminal) -> list[float]:
    chance, took = Random(1), []
    vault = await Vault.open(folder, Mode.PAPER, SystemClock(), SystemEntropy(), Actor("bench", "bench", os.getpid()))
    try:
        for _ in range(COMMITS // 2):
            program.read_for(chance.uniform(*REST_S))
            record = await reduce_only(vault, "measured")
            took.append(_seen(program, rb"REDUCING"))
            program.read_for(chance.uniform(*REST_S))
            await resume_trading(vault, record.id, "measured")
            took.append(_seen(program, rb"ACTIVE"))
    finally:
        await vault.close()
    return took


def _seen(program: OnTerminal, word: bytes) -> float:
    began = time.perf_counter()
    program.until(word)
    return (time.perf_counter() - began) * 1000
