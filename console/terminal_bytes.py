"""The terminal library's reader, made lenient about bytes that are no UTF-8."""

from __future__ import annotations

import codecs
from functools import partial
from typing import Final

from textual.drivers import linux_driver

DECODER: Final = "getincrementaldecoder"
"""The name under which the library's reader finds its decoder; a test holds that it is still there."""


def read_bytes_leniently() -> None:
    """Let the terminal library read any byte: what is no UTF-8 becomes one replacement character, a key like others.

    Its own reader ends the program at such a byte, as a terminal of another encoding sends it.
    """
    setattr(linux_driver, DECODER, _lenient_decoder)


def _lenient_decoder(encoding: str) -> partial[codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")
