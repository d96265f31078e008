"""Another process that is sending: shares the folder's send lock until it is told to stop.

``python -m tests.execution.sender FOLDER`` says ``ready`` and waits for a line.
"""

from __future__ import annotations

import sys
from pathlib import Path

from console.execution.send_lock import sending


def main() -> None:
    """Send for as long as the test wants."""
    with sending(Path(sys.argv[1])) as may_send:
        sys.stdout.write("ready\n" if may_send else "must not send\n")
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main()
