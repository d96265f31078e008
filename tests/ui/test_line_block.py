"""Of a line that changed only the cells that differ are drawn again, and never fewer than those."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.panes.line_block import _changed
from console.screens.confirm_line import Line, Span

WIDTH = 40


def cells(line: Line) -> list[tuple[str, str]]:
    """What stands in every cell with its token; the second cell of a wide sign is empty."""
    drawn: list[tuple[str, str]] = []
    for span in line:
        for sign in span.text:
            drawn += [(sign, span.token), *[("", span.token)] * (cell_len(sign) - 1)]
    return (drawn + [(" ", "")] * WIDTH)[:WIDTH]


@pytest.mark.parametrize(
    ("before", "after", "columns"),
    [
        (("link ok ", "3.5 s", " · look"), ("link ok ", "4.0 s", " · look"), (8, 13)),
        (("link ok ", "9.9 s", " · look"), ("link ok ", "10.4 s", " · look"), (8, WIDTH)),
        (("a", "日本", "z"), ("a", "日木", "z"), (1, 5)),
        (("a",), ("a", "b"), (1, WIDTH)),
    ],
)
def test_the_columns_that_differ(before: tuple[str, ...], after: tuple[str, ...], columns: tuple[int, int]) -> None:
    assert _changed(tuple(map(Span, before)), tuple(map(Span, after)), WIDTH) == columns


SPANS = st.lists(st.builds(Span, st.text("ab日", max_size=3), st.sampled_from(["", "up"])), max_size=6).map(tuple)


@given(SPANS, SPANS)
def test_no_cell_that_differs_is_left_out(before: Line, after: Line) -> None:
    left, right = _changed(before, after, WIDTH)
    was, now = cells(before), cells(after)
    assert all(left <= place < right for place in range(WIDTH) if was[place] != now[place])
