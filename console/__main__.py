"""``oracle`` and ``python -m console``."""

from __future__ import annotations

import os
import sys
from typing import Final

COMPLETING: Final = "_ORACLE_COMPLETE"
"""Set by a shell that asks how its line goes on; it gives no words, and wants no console."""


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    try:
        from console.opening import open_at_once, opening_of

        opening = None if COMPLETING in os.environ else opening_of(sys.argv[1:])
        if opening is not None:
            sys.exit(open_at_once(opening))
        from console.cli import run_command_line

        code = run_command_line(sys.argv[1:])
    except KeyboardInterrupt:  # while it was still being loaded, or ended
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
