"""The terminal library is held back before it is imported."""

from __future__ import annotations

import os
import subprocess
import sys

from console.terminal import prepare_environment


def test_the_environment_is_set_whatever_it_was() -> None:
    environment = {"TEXTUAL_DISABLE_KITTY_KEY": "0", "HOME": "/", "COLUMNS": "80", "LINES": "24"}
    prepare_environment(environment)
    assert environment == {"TEXTUAL_DISABLE_KITTY_KEY": "1", "TEXTUAL_ANIMATIONS": "none", "HOME": "/"}


def test_textual_imported_afterwards_neither_asks_for_kitty_keys_nor_animates() -> None:
    code = (
        "import sys; from console.terminal import prepare_environment; assert 'textual' not in sys.modules;"
        "prepare_environment(); from textual import constants;"
        "assert constants.DISABLE_KITTY_KEY is True; assert constants.TEXTUAL_ANIMATIONS == 'none'"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TEXTUAL")}
    assert subprocess.run([sys.executable, "-c", code], env=clean, timeout=60).returncode == 0


def test_what_must_not_know_the_screen_library_does_not_load_it() -> None:
    code = (
        "import sys, console.text, console.format, console.symbols, console.actions, console.terminal,"
        "console.screens.confirm_state, console.screens.confirm_line; sys.exit('textual' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
