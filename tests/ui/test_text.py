"""Nothing that has passed the gate can move the cursor, hide, reverse or overflow."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.text import fit, safe_text, wrapped

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x07\u202e\u2066\u200b\ufeff\u0301\u3000\n\t[]界é\U000e0041\ufe0f\u200d👩"),
        st.characters(codec=None, categories=["Cs", "Co", "Cf", "Cc"]),
    ),
    max_size=600,
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("limit [/price] reached", "limit [/price] reached"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        ("\x1b]52;c;aGk=\x07", "]52;c;aGk="),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\u202eRUE-CTB", "RUE-CTB"),
        ("a\u200bb\u2066c\ufeffd", "abcd"),
        ("one\r\ntwo\tthree\u2028four\xa0five\x85six", "one two three four five six"),
        ("  spaced   out  ", "spaced out"),
        ("e\u0301", "é"),
        ("\u0301leading accent", "leading accent"),
        ("z" + "\u0335" * 50, "z\u0335\u0335"),
        ("\ud800lone", "lone"),
        ("\ue000private\U000e0041tag", "privatetag"),
        ("\u3164\u2800blank", "blank"),
        ("", ""),
        ("\x00\x00", ""),
        (ValueError("boom\n\x1b[2J"), "boom [2J"),
        (None, "None"),
        (0, "0"),
    ],
)
def test_text_from_outside_is_shown_as_it_is_written(raw: object, shown: str) -> None:
    assert safe_text(raw) == shown


def test_a_long_text_ends_in_an_ellipsis_within_its_limit() -> None:
    assert safe_text("x" * 10_000) == "x" * 399 + "…"
    assert safe_text("界" * 100, 10) == "界界界界…"
    assert safe_text("\u200b" * 10_000 + "end", 10) == "…"
    assert safe_text("ab", 1) == "…"


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        safe_text("x", 0)


@given(HOSTILE, st.integers(1, 500))
def test_what_has_passed_is_drawable_short_and_stays_the_same(raw: str, limit: int) -> None:
    shown = safe_text(raw, limit)
    assert cell_len(shown) <= limit
    assert all(unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for character in shown)
    assert shown == shown.strip()
    assert "  " not in shown
    assert safe_text(shown, limit) == shown
    shown.encode()


@given(HOSTILE, st.integers(0, 60), st.sampled_from(["left", "right", "center"]))
def test_a_column_is_exactly_as_wide_as_it_should_be(raw: str, width: int, align: str) -> None:
    assert cell_len(fit(safe_text(raw), width, align)) == width  # type: ignore[arg-type]


def test_fit_pads_on_the_open_side_and_marks_a_cut() -> None:
    assert fit("25.16", 8, "right") == "   25.16"
    assert fit("BUY", 5) == "BUY  "
    assert fit("ab", 5, "center") == " ab  "
    assert fit("ANTI_FLIP 16:29", 6) == "ANTI_…"
    assert fit("ANTI_FLIP", 6, cut="~") == "ANTI_~"
    assert fit("界界", 3) == "界…"
    assert fit("x", -1) == ""


@given(HOSTILE, st.integers(2, 40))
def test_wrapping_loses_no_letter_and_keeps_the_width(raw: str, width: int) -> None:
    text = safe_text(raw, 200)
    lines = wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_wrapping_keeps_words_whole_where_they_fit() -> None:
    assert wrapped("momentum above the band", 14) == ("momentum above", "the band")
    assert wrapped("", 14) == ("",)
    assert wrapped("15 attempts in 24 h", 16) == ("15 attempts in", "24 h")
    assert wrapped("over 61 200 EUR, then", 10) == ("over", "61 200", "EUR, then")
    with pytest.raises(ValueError, match="too few"):
        wrapped("x", 1)
