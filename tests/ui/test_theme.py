"""Every token can be read on every ground it is drawn on, and the themes reach the style sheet."""

from __future__ import annotations

import dataclasses

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.color import Color
from textual.widgets import Static

from console.symbols import SETS, UNICODE, Frame, Symbols
from console.theme import PALETTES, TEXT_TOKENS, THEMES, TOKENS, VARIABLE_DEFAULTS, mode_token
from storage.codes import Mode


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = (part / 255 for part in Color.parse(colour).rgb)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_is_that_of_the_standard() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", PALETTES)
def test_every_text_can_be_read_on_every_ground(name: str) -> None:
    colours, least = PALETTES[name], 7.0 if name == "high-contrast" else 4.5
    for token in TEXT_TOKENS:
        for ground in ("background", "selected"):
            assert contrast(colours[token], colours[ground]) >= least, (token, ground)
    assert contrast(colours["stop-text"], colours["stop"]) >= least


@pytest.mark.parametrize("name", PALETTES)
def test_no_two_tokens_share_a_colour(name: str) -> None:
    colours = PALETTES[name]
    assert len({colours[token] for token in (*TEXT_TOKENS, "stop", "selected")}) == len(TEXT_TOKENS) + 2


class Sample(App[None]):
    """One line in each token."""

    CSS = "".join(f"#{token} {{ color: ${token}; background: $background; }}" for token in TOKENS)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)

    def compose(self) -> ComposeResult:
        for token in TOKENS:
            yield Static("x", id=token)


async def test_the_tokens_reach_the_style_sheet_in_every_theme() -> None:
    app = Sample()
    async with app.run_test() as pilot:
        for name, colours in PALETTES.items():
            app.theme = name
            await pilot.pause()
            for token in TOKENS:
                shown = app.screen.query_one(f"#{token}").styles
                assert shown.color == Color.parse(colours[token]), (name, token)
                assert shown.background == Color.parse(colours["background"])


def signs(symbols: Symbols) -> list[str]:
    """Every sign of a set, those of its frames too."""
    found: list[str] = []
    for field in dataclasses.fields(symbols):
        value = getattr(symbols, field.name)
        if isinstance(value, Frame):
            found.extend(dataclasses.astuple(value))
        elif field.name != "name":
            found.append(value)
    return found


@pytest.mark.parametrize("name", SETS)
def test_every_sign_but_the_cut_is_one_cell_wide(name: str) -> None:
    wide = {sign for sign in signs(SETS[name]) if cell_len(sign) != 1 or len(sign) != 1}
    assert wide == ({".."} if name == "ascii" else set())


def test_sentences_have_ascii_twins_of_their_signs() -> None:
    assert SETS["ascii"].spelt("a · b… ↑ ⌫") == "a - b.. up Bksp"
    assert SETS["unicode"].spelt("a · b… ↑ ⌫") == "a · b… ↑ ⌫"


def test_the_ascii_set_is_ascii_and_tells_the_modes_apart() -> None:
    symbols = SETS["ascii"]
    assert all(sign.isascii() for sign in signs(symbols))
    assert symbols.frame(Mode.LIVE).across == "="
    assert symbols.frame(Mode.PAPER).across == "-"
    assert len({symbols.used, symbols.reserved, symbols.free}) == 3


def test_live_has_its_own_frame_and_colour() -> None:
    assert UNICODE.frame(Mode.LIVE).top_left == "╔"
    assert UNICODE.frame(Mode.PAPER).top_left == "┌"
    assert mode_token(Mode.LIVE) != mode_token(Mode.PAPER)
