"""``python -m tests.cli.long_stop``: a halt by file and by command while the vault is locked for a whole minute.

Tells for each what the exchange took, and when; ends with 1 if anything left, or was lost.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.cli.kit import BETWEEN_LOOKS, broken_promises, locked, oracle, oracle_json, wait_until
from tests.cli.stopping import WAYS, Scene, firing, refused_thrice_more, scene

LOCKED_S: Final = 60.0
HALTED_AFTER_S: Final = 5.0


def trial(scene: Scene, how: str, way: str) -> float:
    """One lock of a minute with a halt in it; seconds that the halt took. Raises AssertionError."""
    scene.rest_an_entry()
    with firing(scene.home) as process:
        with locked(scene.home, how):
            ends = time.monotonic() + LOCKED_S
            BETWEEN_LOOKS.wait(HALTED_AFTER_S)
            began = time.monotonic()
            stopped, told = scene.halt(way)
            took = time.monotonic() - began
            if told:
                scene.told_of_the_entry(told)
            assert oracle_json(scene.home, "status")["trading_state"] == "HALTED"
            BETWEEN_LOOKS.wait(max(0.0, ends - time.monotonic()))
        refused_thrice_more(process)
    scene.nothing_left_after(way, stopped)
    scene.entry_is_gone_and_the_stop_stays()
    oracle(scene.home, "reconcile", check=False)
    wait_until(lambda: oracle_json(scene.home, "status")["unknown"] == 0, 60)
    assert broken_promises(scene.home) == []
    scene.go_on()
    return took


def main() -> int:
    """Every kind of lock, each way to halt."""
    # The exchange goes on for a few seconds, in the folder that is thrown away.
    thrown_away = tempfile.TemporaryDirectory(prefix="long-stop-", ignore_cleanup_errors=True)
    with thrown_away as folder, scene(Path(folder)) as made:
        for how in ("database", "file"):
            for way in WAYS:
                took = trial(made, how, way)
                sys.stdout.write(
                    f"{how} locked for {LOCKED_S:.0f} s, halted by {way} in {took:.2f} s: no order left after it, "
                    "the entry is canceled, the stop stays\n"
                )
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
