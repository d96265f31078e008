"""The colours of the screens: four themes, and the tokens that every style sheet and list uses.

Each token means one thing. Red and green are spent on the frame (LIVE and PAPER), so gains and losses are blue
and orange and always carry their sign; nothing is said by colour alone.
"""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

from storage.codes import Mode

TOKENS: Final = ("mode-paper", "mode-live", "accent", "wait", "stop", "stop-text", "up", "down", "muted", "selected")
"""``stop`` is a background, drawn under ``stop-text``; ``selected`` is the background of the selected row."""

TEXT_TOKENS: Final = ("foreground", "mode-paper", "mode-live", "accent", "wait", "up", "down", "muted")
"""Those that are the colour of letters, on the background and on the selected row."""

_DARK: Final = {
    "background": "#10141a",
    "foreground": "#e6e9ee",
    "mode-paper": "#4cc06a",
    "mode-live": "#ff7b72",
    "accent": "#56d4dd",
    "wait": "#e8b339",
    "stop": "#b0008e",
    "stop-text": "#ffffff",
    "up": "#79b8ff",
    "down": "#ffa657",
    "muted": "#9aa4b2",
    "selected": "#22303c",
}

_LIGHT: Final = {
    "background": "#fbfbf8",
    "foreground": "#16191d",
    "mode-paper": "#0f6b2c",
    "mode-live": "#b3151b",
    "accent": "#0b4fb3",
    "wait": "#7a5200",
    "stop": "#96007a",
    "stop-text": "#ffffff",
    "up": "#0b54a8",
    "down": "#97430a",
    "muted": "#5a626c",
    "selected": "#dfe7ef",
}

_COLOUR_BLIND: Final = _DARK | {
    "mode-paper": "#35b899",
    "mode-live": "#ff8a6b",
    "accent": "#8cb8ff",
    "wait": "#f0e442",
    "up": "#56b4e9",
    "down": "#e69f00",
}
"""Blue, orange, yellow and bluish green stay apart for people who do not tell red from green."""

_HIGH_CONTRAST: Final = {
    "background": "#000000",
    "foreground": "#ffffff",
    "mode-paper": "#5dff8b",
    "mode-live": "#ff9d94",
    "accent": "#5cf2ff",
    "wait": "#ffd84d",
    "stop": "#8a006d",
    "stop-text": "#ffffff",
    "up": "#a8d1ff",
    "down": "#ffc078",
    "muted": "#cfd4da",
    "selected": "#1c2733",
}

PALETTES: Final = {
    "dark": _DARK,
    "light": _LIGHT,
    "colour-blind": _COLOUR_BLIND,
    "high-contrast": _HIGH_CONTRAST,
}

DEFAULT_THEME: Final = "dark"


def _theme(name: str) -> Theme:
    colours = PALETTES[name]
    return Theme(
        name=name,
        primary=colours["accent"],
        secondary=colours["accent"],
        accent=colours["accent"],
        warning=colours["wait"],
        error=colours["stop"],
        success=colours["mode-paper"],
        foreground=colours["foreground"],
        background=colours["background"],
        surface=colours["background"],
        panel=colours["background"],
        dark=name != "light",
        text_alpha=1.0,
        variables={token: colours[token] for token in TOKENS} | {"border": colours["muted"]},
    )


THEMES: Final = tuple(_theme(name) for name in PALETTES)

VARIABLE_DEFAULTS: Final = {token: _DARK[token] for token in TOKENS}
"""For the app's variable defaults, so that the style sheet also reads under a theme that is not ours."""


def mode_token(mode: Mode) -> str:
    """The token of a mode's frame."""
    return "mode-live" if mode is Mode.LIVE else "mode-paper"
