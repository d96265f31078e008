from __future__ import annotations

import subprocess
import sys


def test_importing_the_oracle_loads_neither_indicators_screen_nor_network() -> None:
    program = (
        "import sys, console.oracle.look\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'talipp', 'textual', 'httpx', 'numpy'}))\n"
        "print(sorted(name for name in sys.modules if name.startswith(('console.exchange', 'console.execution'))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split("\n") == ["[]", "[]", ""]
