"""The console, whose screen breaks as soon as a file named ``break`` lies in its data folder.

``python -m tests.terminal.crashing run``
"""

from __future__ import annotations

import os
from pathlib import Path

from console.__main__ import main
from console.screens.dashboard import DashboardScreen

repaint = DashboardScreen.refresh_all


def refresh_all(screen: DashboardScreen) -> None:
    """Paint, or break."""
    if Path(os.environ["ORACLE_CONSOLE_HOME"], "break").exists():
        raise RuntimeError("the screen broke")
    repaint(screen)


if __name__ == "__main__":
    DashboardScreen.refresh_all = refresh_all  # type: ignore[assignment, method-assign]
    main()
