from __future__ import annotations

from pathlib import Path

import pytest

from tests.paper.kit import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench.make(tmp_path)
