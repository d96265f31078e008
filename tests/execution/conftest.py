"""One exchange process per file of tests; a vault of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from console.paper.process import Address
from tests.execution.kit import Rig, rig_at
from tests.paper.roomy import running_with_room


@pytest.fixture(scope="module")
def exchange_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exchange")


@pytest.fixture(scope="module")
def exchange(exchange_folder: Path) -> Iterator[Address]:
    with running_with_room(exchange_folder, "--balance", "10000") as address:
        yield address


@pytest.fixture
async def rig(exchange: Address, exchange_folder: Path, tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig_at(exchange, exchange_folder, tmp_path / "paper") as made:
        yield made
