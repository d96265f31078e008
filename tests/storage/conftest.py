"""A stepped clock, a new vault in memory, and one in a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.database import Tx, Vault
from tests.storage.world import bare_tx
from tests.support import SteppedClock, opened_vault


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def tx(tmp_path: Path, clock: SteppedClock) -> Iterator[Tx]:
    made = bare_tx(tmp_path, clock)
    yield made
    made.db.close()


@pytest.fixture
async def vault(tmp_path: Path, clock: SteppedClock) -> AsyncIterator[Vault]:
    async with opened_vault(tmp_path / "paper", clock) as opened:
        yield opened
