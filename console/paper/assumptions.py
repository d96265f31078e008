"""Setting what no source tells: `NAME=VALUE` a row of the table of choices, `CODE=SENTENCE` a text never recorded.

It holds for the whole process, which is one exchange, from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from console.paper.choices import SENTENCES, TABLE, Setting
from console.paper.errors import TEXTS

SETTINGS: Final[dict[str, Setting[object]]] = {name: row for name, row in TABLE.items() if isinstance(row, Setting)}


class AssumptionError(ValueError):
    """Something that cannot be assumed; the text is one sentence."""


def parse_assumptions(sent: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` and `CODE=SENTENCE` as typed, each checked; AssumptionError for the first that cannot be meant."""
    wanted: dict[str, str] = {}
    for each in sent:
        name, equals, value = each.partition("=")
        if not equals or name in wanted:
            raise AssumptionError(f"{each!r} is not of the form NAME=VALUE, each name once.")
        wanted[name] = value
    check_assumptions(wanted)
    return wanted


def check_assumptions(wanted: Mapping[str, str]) -> None:
    """AssumptionError for the first that cannot be meant."""
    for name, value in wanted.items():
        if name.isascii() and name.isdigit():
            _check_sentence(int(name), value)
        elif name not in SETTINGS:
            raise AssumptionError(f"There is no setting {name!r}; known are {', '.join(SETTINGS)}.")
        else:
            try:
                SETTINGS[name].read(value)
            except ValueError as error:
                raise AssumptionError(f"{name} is {error}, not {value!r}.") from None


def _check_sentence(code: int, sentence: str) -> None:
    if code not in SENTENCES.value:
        listed = ", ".join(map(str, SENTENCES.value))
        raise AssumptionError(f"The sentence of {code} is known; not known are those of {listed}.")
    try:
        sentence.format("amount")
    except (ValueError, LookupError, AttributeError):
        raise AssumptionError(f"The sentence of {code} takes one name at most, as in '{{}} is wrong'.") from None


def assume(wanted: Mapping[str, str]) -> None:
    """Put checked assumptions in force."""
    for name, value in wanted.items():
        if name.isdigit():
            TEXTS[int(name)] = (TEXTS[int(name)][0], value)
        else:
            SETTINGS[name].value = SETTINGS[name].read(value)


def assumed() -> dict[str, str]:
    """Every setting as it is now, in the words that set it."""
    return {name: _word(row.value) for name, row in SETTINGS.items()}


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
