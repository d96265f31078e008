"""The simulated exchange with requests almost without limit, for tests that look often and are about something else.

The real limit is 1,000 points a minute: how many of them a test finds left depends on what ran in the same minute.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import console.paper.limits
from console.paper.__main__ import main
from console.paper.process import Address, ensure_exchange, hold
from tests.paper.exchanges import stop, wait_for

ROOT: Final = Path(__file__).parents[2]
POINTS: Final = 1_000_000


@contextmanager
def running_with_room(folder: Path, *options: str) -> Iterator[Address]:
    """An exchange of its own on a free port; told to stop afterwards."""
    with hold(folder):
        command = [sys.executable, "-m", "tests.paper.roomy", "--home", str(folder), *options]
        with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
            wait_for(lambda: (folder / "exchange.json").exists() or process.poll() is not None)
            address = ensure_exchange(folder, timeout=30)
            try:
                yield address
            finally:
                stop(address.pid)


if __name__ == "__main__":
    console.paper.limits.POINTS = POINTS  # type: ignore[misc]
    sys.exit(main())
