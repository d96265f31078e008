"""A simulated exchange that was killed comes back where running clients look for it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from console.paper.process import answers, ensure_exchange, hold


def test_a_killed_exchange_comes_back_on_its_port_with_its_id_and_keys(tmp_path: Path) -> None:
    with hold(tmp_path):
        before = ensure_exchange(tmp_path)
        os.kill(before.pid, signal.SIGKILL)
        while answers(before, 0.2):
            pass
        after = ensure_exchange(tmp_path)
        os.kill(after.pid, signal.SIGTERM)
    assert (after.rest, after.id, after.readonly, after.trade) == (
        before.rest,
        before.id,
        before.readonly,
        before.trade,
    )
    assert after.pid != before.pid
