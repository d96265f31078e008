"""The two lines at the top: which mode and state this is, and whether everything behind it is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.drawing import Scene, joined, rule, walled, width_of
from console.screens.confirm_line import Line, Span
from console.text import safe_text, wrapped
from storage.codes import TradingState

if TYPE_CHECKING:
    from console.state import ConsoleState, Header

WIDE: Final = 120
STANDARD: Final = 80
LINK_SECONDS: Final = 15.0
"""An exchange that has not answered for so long is called old."""


def trading_word(header: Header) -> str:
    """ACTIVE, REDUCING or HALTED; a HALT file stops whatever the vault says."""
    return TradingState.HALTED.value if header.halt_file is not None else header.trading.state.value


def trading_token(word: str) -> str:
    """The token of a trading state."""
    return {"HALTED": "stop", "REDUCING": "wait"}.get(word, "strong")


def top_lines(state: ConsoleState | None, scene: Scene, width: int, startup: str) -> list[Line]:
    """The top border and the line or lines of the link, each exactly ``width`` cells.

    Without a state one line more where ``startup`` needs it: what to do stands at its end.
    """
    mode = Span(scene.mode.value.upper(), f"{scene.frame_token} strong")
    frame, token = scene.frame, scene.frame_token
    ends = (frame.top_left, frame.top_right)
    clock = (Span(_clock_text(scene, width), ""),)
    if state is None:
        told = [(Span(" "), Span(line, "wait")) for line in _told(startup, width)]
        return [
            rule(ends, frame.across, token, [mode], clock, width),
            *(walled(line, width, frame, token) for line in told),
        ]
    header = state.header
    if width < STANDARD:
        parts = [mode, Span(safe_text(header.source.partition(",")[0], 30))]
        lines = [rule(ends, frame.across, token, parts, clock, width)]
        return [*lines, *(walled(line, width, frame, token) for line in _narrow(header, scene, width))]
    word = trading_word(header)
    policy = f"{safe_text(header.policy_name, 16)} {header.policy_hash[:4]}"
    start = [mode, Span(word, trading_token(word))]
    source = Span(safe_text(header.source, 40))
    who = [Span(safe_text(scene.who, 20), "muted")] if scene.who else []
    stage = Span(header.stage.value)
    choices = (
        [*start, Span(policy), *([source, *who] if width >= WIDE else [stage, source])],
        [*start, Span(policy), source],
    )
    parts = next((parts for parts in choices if _fits(parts, clock, width)), [*start, source])
    return [
        rule(ends, frame.across, token, parts, clock, width),
        walled(_status(header, scene, width), width, frame, token),
    ]


def _told(startup: str, width: int) -> list[str]:
    """The sentence in as many lines as the head has, and one; the last is cut."""
    room, most = max(width - 4, 2), 3 if width < STANDARD else 2
    lines = wrapped(safe_text(startup, room * most * 2), room)
    return [*lines[: most - 1], safe_text(" ".join(lines[most - 1 :]), room)] if len(lines) >= most else list(lines)


def _fits(parts: list[Span], right: Line, width: int) -> bool:
    return width_of(parts) + 3 * len(parts) + width_of(right) + 4 <= width


def _clock_text(scene: Scene, width: int) -> str:
    zone = f" {scene.zone_name}" if scene.zone_name else ""
    day = f"{fmt.day(scene.now, scene.zone)} " if width >= WIDE else ""
    return f"{day}{fmt.clock(scene.now, scene.zone)}{zone}"


def _status(header: Header, scene: Scene, width: int) -> Line:
    parts = [
        link(header, scene, width),
        look(header, scene),
        Span(f"in flight {header.in_flight}", "wait" if header.in_flight else ""),
        unknown(header),
        Span(f"resting {header.resting}"),
        Span(f"dead-man {'on' if header.dead_man else 'off'}"),
    ]
    if width < WIDE:
        return (Span(" "), *joined(parts, "  "))
    if header.scheduler not in (None, "here"):
        parts.insert(2, Span(f"by {safe_text(header.scheduler, 20)}", "muted"))
    parts.append(Span(f"stage {header.stage.value}"))
    return (Span(" "), *joined(parts, f" {scene.symbols.dot} "))


def _narrow(header: Header, scene: Scene, width: int) -> list[Line]:
    word, dot = trading_word(header), f" {scene.symbols.dot} "
    policy = f" {safe_text(header.policy_name, 12)}"
    sending = Span(f"sending {header.in_flight}")
    first = (Span(" "), Span(word, trading_token(word)), Span(policy), Span(dot), unknown(header), Span(dot), sending)
    if width_of(first) > width - 3:  # the policy's name goes before any count does
        first = (*first[:2], Span(""), *first[3:])
    return [
        first,
        (
            Span(" "),
            *joined([link(header, scene, width, short=True), look(header, scene, short=True)], dot),
            Span(f"{dot}dead-man {'on' if header.dead_man else 'off'}"),
        ),
    ]


def link(header: Header, scene: Scene, width: int, *, short: bool = False) -> Span:
    """How long ago the exchange answered, and whether that is too long; where there is room, by which way."""
    answered = header.link.answered
    if answered is None:
        return Span("link none", "wait")
    age = scene.age(answered)
    if header.link.problem is not None:
        return Span(f"link down {age}", "stop")
    if scene.monotonic - answered > LINK_SECONDS:
        return Span(f"link old {age}", "wait")
    way = f" {header.link.way}" if header.link.way and width >= WIDE else ""
    return Span(f"link {age}" if short else f"link ok {age}{way}")


def look(header: Header, scene: Scene, *, short: bool = False) -> Span:
    """When the markets are looked at next, or that nobody does it."""
    if header.scheduler is None:
        return Span("no looks" if short else "nobody looks", "wait")
    if header.next_look_at is None:
        return Span("look soon")
    left = header.next_look_at - scene.now
    word = "look" if short else "look in"
    return Span(f"{word} {fmt.countdown(left)}")


def unknown(header: Header) -> Span:
    """How many orders nobody knows the fate of."""
    return Span(f"UNKNOWN {header.unknown}", "stop" if header.unknown else "")


def tiny_lines(state: ConsoleState | None, scene: Scene, width: int, startup: str) -> list[Line]:
    """What is left under 40 columns or 12 rows: mode, state, UNKNOWN and the stop key."""
    lines: list[Line] = [(Span(scene.mode.value.upper(), f"{scene.frame_token} strong"),)]
    if state is None:
        lines.append((Span(safe_text(startup, max(width, 2)), "wait"),))
    else:
        word = trading_word(state.header)
        lines += [(Span(word, trading_token(word)),), (unknown(state.header),)]
    return [*lines, (Span("h", "accent"), Span(" stop  "), Span("q", "accent"), Span(" leave"))]
