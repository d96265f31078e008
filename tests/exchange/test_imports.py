from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("console.exchange.readonly", "console.exchange.trade"),
        ("console.exchange.trade", "console.exchange.readonly"),
        ("console.exchange.trade", "console.paper"),
        ("console.exchange.trade", "textual"),
    ],
)
def test_one_half_of_the_client_loads_nothing_of_the_other(module: str, absent: str) -> None:
    code = f"import sys, {module}; print({absent!r} in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
