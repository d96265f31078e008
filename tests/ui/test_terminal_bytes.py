"""The terminal library's reader, made lenient."""

from __future__ import annotations

from textual.drivers import linux_driver

from console.terminal_bytes import DECODER, read_bytes_leniently


def test_the_reader_takes_its_decoder_from_where_it_is_replaced() -> None:
    assert hasattr(linux_driver, DECODER)
    read_bytes_leniently()
    assert getattr(linux_driver, DECODER)("utf-8")().decode(b"\xe9a") == "�a"
