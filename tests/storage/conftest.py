"""A stepped clock, and a new vault in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Tx
from tests.storage.world import bare_tx
from tests.support import SteppedClock


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def tx(tmp_path: Path, clock: SteppedClock) -> Iterator[Tx]:
    made = bare_tx(tmp_path, clock)
    yield made
    made.db.close()
