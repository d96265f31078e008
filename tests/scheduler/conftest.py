"""One exchange process per file of tests, a vault of its own for each test; as the tests of execution have it."""

from __future__ import annotations

from tests.execution.conftest import exchange, exchange_folder, rig

__all__ = ["exchange", "exchange_folder", "rig"]
