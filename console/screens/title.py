"""The terminal's title: twenty-one cells that a terminal multiplexer shows by itself, whatever pane is in front."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from console import format as fmt
from console.panes.header import trading_word
from storage.codes import Mode, TradingState

if TYPE_CHECKING:
    from console.state import ConsoleState

CELLS: Final = 21
NO_TITLES: Final = frozenset({"", "dumb", "linux", "unknown"})
"""Terminals that have no title, or would show the sequence itself."""


def title_text(state: ConsoleState | None, mode: Mode) -> str:
    """``PAPER 2 rdy UNK0 +1.84``: ready proposals, or how trading is stopped; unknown orders; the result of 24 h.

    A result that does not fit in ``CELLS`` is left out; nothing is cut.
    """
    name = mode.value.upper()
    if state is None:
        return f"{name} starting"
    word = trading_word(state.header)
    ready = sum(view.blocking is None for view in state.proposals)
    first = f"{ready} rdy" if word == TradingState.ACTIVE else word
    short = f"{name} {first} UNK{state.header.unknown}"
    full = f"{short} {fmt.eur_signed(state.day_result)}"
    # PAPER's fifth letter is no reason to lose the money.
    return full if cell_len(full) - len(name) <= CELLS - len(Mode.LIVE.value) else short


def sequence(text: str) -> str:
    """What sets a terminal's title: printable ASCII alone, so that nothing can end it early."""
    return f"\x1b]2;{''.join(sign for sign in text if ' ' <= sign <= '~')}\x07"


def has_title(term: str | None = None) -> bool:
    """Whether a terminal of this name (that of ``TERM``) takes a title."""
    return (os.environ.get("TERM", "") if term is None else term) not in NO_TITLES


class Title:
    """The title as it was written last; written again only when it differs."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._shown: str | None = None

    def show(self, text: str) -> bool:
        """Write it unless it stands there already; whether it was written."""
        if text == self._shown:
            return False
        self._shown = text
        self._write(sequence(text))
        return True
