"""Cards: how an order ended, the checks, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.actions import CLASS_WORDS, AvailabilityOf, Class, HelpLine, Where, help_listing
from console.execution.outcome import End
from console.panes.cells import at_text, price_text
from console.panes.drawing import Scene, paragraph, rule, width_of
from console.screens.base import DRIVER_ERRORS, LEAVE, Dialog, frame_lines, keyed
from console.screens.check_lines import CHECKS_WIDTH, check_lines, why_lines
from console.screens.confirm_line import NARROW, Line, Span, blocked_reason
from console.text import fit, safe_text, wrapped
from storage.codes import ExecutionState, Side

if TYPE_CHECKING:
    from console.execution.outcome import Outcome
    from console.screens.confirm_terms import Key
    from storage.models import Holder, Order
    from storage.money import Price

ASK_SECONDS: Final = 1.0
"""Between two looks at an order that is followed."""
READ_SECONDS: Final = 0.7
"""A card that has just appeared does not close: the key was meant for something else."""


def outcome_word(outcome: Outcome) -> str:
    """One word for the end: FILLED, PART, RESTS, CANCELED, REFUSED, ABANDONED, REJECTED, ABSENT, UNKNOWN."""
    if outcome.state is ExecutionState.ABSENT:
        return "ABSENT"
    if outcome.end is not End.ACCEPTED:
        return outcome.end.value.upper()
    return {
        ExecutionState.FILLED: "FILLED",
        ExecutionState.SUBMITTED: "RESTS" if outcome.order.trigger is None else "WAITS",
        ExecutionState.PARTIALLY_FILLED: "PART FILLED, RESTS",
        ExecutionState.CANCELED: "PART FILLED, REST CANCELED" if outcome.filled.is_positive else "CANCELED",
    }.get(outcome.state or ExecutionState.SUBMITTED, "ACCEPTED" if outcome.state is None else outcome.state.value)


def order_text(order: Order, tick: Price | None) -> str:
    """An order in one phrase: ``BUY 0.00041 BTC @ 61 200``."""
    coin = safe_text(order.market.partition("-")[0], 10)
    return f"{order.side.value.upper()} {fmt.quantity(order.quantity)} {coin} {at_text(order, tick)}"


def outcome_sentence(outcome: Outcome, tick: Price | None) -> str:
    """One line for the activity line: ``1042 FILLED 0.00041 BTC @ 61 152 for 25.07 EUR + 0.07``."""
    parts = [str(outcome.proposal_id), outcome_word(outcome)]
    if outcome.filled.is_positive:
        coin = safe_text(outcome.order.market.partition("-")[0], 10)
        at = "" if outcome.average is None else f" @ {price_text(outcome.average, tick, 40, rounded=True)}"
        fee = "" if outcome.fee is None else f", fee {fmt.eur(outcome.fee)}"
        parts.append(f"{fmt.quantity(outcome.filled)} {coin}{at} for {fmt.eur(outcome.value)} EUR{fee}")
    if outcome.holder is not None:
        parts.append(claimed_by(outcome.holder))
    elif outcome.reason:
        parts.append(safe_text(outcome.reason).rstrip("."))
    return " ".join(parts)


def claimed_by(holder: Holder) -> str:
    """Who was faster, in the word that screen and command line share."""
    return f"ALREADY_CLAIMED by {safe_text(holder.actor, 30)}@{safe_text(holder.instance, 40)}"


class Card(Dialog[None], inherit_bindings=False):
    """A card that Enter or ``q`` closes, once it could be read."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = 0.0
        self._top = 0
        """How many lines are scrolled away, on a screen that is lower than the card."""

    def on_mount(self) -> None:
        """Remember when it appeared."""
        self._opened = self.console.driver.clock.monotonic()
        super().on_mount()

    @property
    def readable(self) -> bool:
        """Whether it has been on the screen for long enough."""
        return self.console.driver.clock.monotonic() - self._opened >= READ_SECONDS

    def within(self, lines: list[Line], scene: Scene) -> list[Line]:
        """On a lower screen the empty lines go first, then the rest scrolls between the title and the keys."""
        room = max(self.app.size.height - 3, 1)
        body = lines[1:-2]
        if len(body) > room:
            body = [line for line in body if any(span.text.strip() for span in line[1:-1])]
        most = max(len(body) - room, 0)
        self._top = min(max(self._top, 0), most)
        if not most:
            return [lines[0], *body, *lines[-2:]]
        frame, width = scene.symbols.dialog, width_of(lines[-1])
        more = Span(scene.symbols.spelt(f"{'↑' if self._top else '↓'} more"), "accent")
        corners, token = (frame.bottom_left, frame.bottom_right), lines[-1][0].token
        foot = rule(corners, frame.across, token, (more,), (), width)
        return [lines[0], *body[self._top : self._top + room], lines[-2], foot]

    def press(self, key: Key) -> None:
        """The keys that scroll, Enter and the keys that leave; no other."""
        moves = {"down": 1, "j": 1, "up": -1, "k": -1, "pagedown": 5, "pageup": -5}
        if key.name in moves:
            self._top += moves[key.name]
            self.redraw()
        elif self.readable and (key.name == "enter" or key.name in LEAVE):
            self.dismiss(None)


class OutcomeCard(Card, inherit_bindings=False):
    """How one attempt to send an order ended. Its figures follow the fills."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome
        self.theirs: Outcome | None = None
        """What became of the order of whoever was faster."""

    def on_mount(self) -> None:
        """Follow the order that took the place of this one."""
        super().on_mount()
        if self.outcome.holder is not None:
            self._ask()
            self.set_interval(ASK_SECONDS, self._ask)

    def _ask(self) -> None:
        self.background(self._learn, "theirs")

    async def _learn(self) -> None:
        holder = self.outcome.holder
        if holder is None:
            return
        try:
            self.theirs = await self.console.driver.execution_outcome(holder.execution_id)
        except DRIVER_ERRORS:
            return  # what was known stays; the header shows what is wrong
        self.redraw()

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """Order, figures, reason."""
        outcome, state = self.outcome, self.console.driver.state
        tick = None if state is None else state.tick_sizes.get(outcome.order.market)
        bad = outcome.end is not End.ACCEPTED
        titles = [Span(outcome_word(outcome), "stop" if outcome.end is End.UNKNOWN else "wait" if bad else "strong")]
        titles.append(Span(scene.mode.value.upper(), f"{scene.frame_token} strong"))
        inner = width - 2
        body = [*paragraph(" order      ", order_text(outcome.order, tick), inner, 2)]
        body += _figures(outcome, tick, inner)
        body += self._causes(scene, tick, inner)
        body += paragraph(" so         ", _consequence(outcome), inner - 1, 3)
        ways = "   {x} exit" if self.can_exit else "   {n} again, fresh price" if self.can_again else ""
        body += [(), keyed(f" {{Enter}} closes{ways}")]
        return frame_lines(scene, titles, [Span(str(outcome.proposal_id))], body, width)

    def _causes(self, scene: Scene, tick: Price | None, inner: int) -> list[Line]:
        """Why not: whoever was faster alone, else the checks that fail, else the sentence."""
        outcome = self.outcome
        if outcome.holder is not None:
            text = f"{claimed_by(outcome.holder)} at {fmt.clock(outcome.holder.at, scene.zone)}"
            lines = paragraph(" because    ", text, inner - 1, 3)
            theirs = "looking" if self.theirs is None else became(self.theirs, tick)
            return [*lines, *paragraph(" theirs     ", theirs, inner - 1, 3)]
        if outcome.failed:
            texts = [blocked_reason(check, scene.zone, scene.now) for check in outcome.failed]
            return [line for text in texts for line in paragraph(" because    ", text, inner - 1, 4)]
        if outcome.reason:
            return paragraph(" reason     ", safe_text(outcome.reason, 600).rstrip("."), inner - 1, 4)
        return []

    @property
    def can_exit(self) -> bool:
        """Whether something was bought that could be sold again."""
        bought = self.outcome.side is Side.BUY and self.outcome.filled.is_positive
        return bought and not self.console.driver.read_only

    @property
    def can_again(self) -> bool:
        """Whether its proposal is used up though there is no order, and nobody else has one for it."""
        outcome = self.outcome
        used_up = outcome.end in (End.ABANDONED, End.REJECTED) and outcome.holder is None
        return used_up and not self.console.driver.read_only

    def press(self, key: Key) -> None:
        """``x`` goes on to selling what was bought, ``n`` to the same idea again where nothing came of it."""
        if key.character == "x" and self.can_exit and self.readable:
            self.dismiss(None)
            self.console.open_exit(self.outcome.order.market, self.outcome.proposal_id)
        elif key.character == "n" and self.can_again and self.readable:
            self.dismiss(None)
            self.console.open_again(self.outcome.proposal_id)
        else:
            super().press(key)


def _figures(outcome: Outcome, tick: Price | None, inner: int) -> Sequence[Line]:
    if outcome.end is not End.ACCEPTED:
        return ()
    coin = safe_text(outcome.order.market.partition("-")[0], 10)
    filled = f"{fmt.quantity(outcome.filled)} of {fmt.quantity(outcome.order.quantity)} {coin}"
    if outcome.average is not None:
        filled += f" @ {price_text(outcome.average, tick, 40, rounded=True)}"
    fee = "fee not known yet" if outcome.fee is None else f"fee {fmt.eur(outcome.fee)} EUR"
    lines = paragraph(" filled     ", filled, inner, 2)
    if outcome.filled.is_positive:
        lines += paragraph(" value      ", f"{fmt.eur(outcome.value)} EUR, {fee}", inner, 2)
    if outcome.seconds is None:
        return lines
    return [*lines, *paragraph(" took       ", f"{outcome.seconds:.2f} s from F to the answer", inner, 2)]


def became(outcome: Outcome, tick: Price | None) -> str:
    """What became of an order, without its number: ``FILLED 0.00041 BTC @ 61 152 for 25.07 EUR, fee 0.07``."""
    return outcome_sentence(outcome, tick).partition(" ")[2]


def _consequence(outcome: Outcome) -> str:
    if outcome.holder is not None:
        return "nothing was sent from here; the proposal is used up by the other order, pane 4 has it"
    if outcome.state is ExecutionState.ABSENT:
        return "nothing was placed, the trade is given back; n proposes it again"
    if outcome.end is End.REFUSED:
        return "nothing was sent; the proposal is as it was"
    if outcome.end is End.ABANDONED:
        return "nothing was sent; this proposal is used up"
    if outcome.end is End.REJECTED:
        return "the exchange has no order; this proposal is used up"
    if outcome.end is End.UNKNOWN:
        return "it may exist and counts as a trade; it is being looked for. Do not place it by hand"
    if outcome.state in (ExecutionState.SUBMITTED, ExecutionState.PARTIALLY_FILLED):
        return "the rest is in the book; c on its row in pane 4 cancels it"
    return "it is in the history, pane 4"


class ScrollCard(Card, inherit_bindings=False):
    """A card of many lines; it closes at once, as it is in the way of nothing."""

    heading = ""
    closers: tuple[str, ...] = ("enter",)

    def within(self, lines: list[Line], scene: Scene) -> list[Line]:
        """All of them: what is drawn here is cut to the screen already, and keeps its own place."""
        return lines

    def press(self, key: Key) -> None:
        """Scroll, or close."""
        moves = {"down": 1, "j": 1, "up": -1, "k": -1, "pagedown": 10, "pageup": -10, "home": -999, "end": 999}
        if key.name in moves:
            self._top += moves[key.name]
            self.redraw()
        elif key.name in (*LEAVE, *self.closers):
            self.dismiss(None)

    def content(self, scene: Scene, inner: int) -> list[Line]:
        """All lines."""
        raise NotImplementedError

    @property
    def keys(self) -> str:
        """The keys beside those that scroll."""
        return " {q} closes"

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """As many lines as there is room for."""
        lines = self.content(scene, width - 2)
        room = max(self.app.size.height - 4, 1)
        self._top = min(max(self._top, 0), max(len(lines) - room, 0))
        more = len(lines) > room
        place = f"{self._top + 1}-{min(self._top + room, len(lines))} of {len(lines)}" if more else ""
        foot = keyed((" {↓} {↑} more  " if more else "") + self.keys)
        shown = lines[self._top : self._top + room]
        right = [Span(place, "muted")] if place else []
        return frame_lines(scene, [Span(self.heading, "strong")], right, [*shown, foot], width)


class ChecksCard(ScrollCard, inherit_bindings=False):
    """The checks of a proposal with their numbers, as the gate answers now."""

    closers = ("enter", "i")

    @property
    def box_width(self) -> int:
        """The numbers take what a wide screen has."""
        return min(CHECKS_WIDTH, max(self.app.size.width, 4))

    def __init__(self, proposal_id: int) -> None:
        super().__init__()
        self.proposal_id = proposal_id
        self.heading = f"CHECKS {proposal_id}"

    def content(self, scene: Scene, inner: int) -> list[Line]:
        """One line a check, the failing ones first."""
        state = self.console.driver.state
        views = [] if state is None else [view for view in state.proposals if view.proposal.id == self.proposal_id]
        if not views:
            return [(Span(f" {self.proposal_id} is no longer open", "wait"),)]
        return [*why_lines(views[0].proposal, inner), *check_lines(views[0].checks, scene, inner)]


class HelpCard(ScrollCard, inherit_bindings=False):
    """All keys, those of the focused pane first; what cannot be done now says why."""

    heading = "KEYS"
    closers = ("enter", "question_mark", "f1")

    def __init__(self, focus: Sequence[Where], availability: AvailabilityOf) -> None:
        super().__init__()
        self._focus = tuple(focus)
        self._availability = availability

    def content(self, scene: Scene, inner: int) -> list[Line]:
        """Every action by place."""
        return self._lines(inner)

    def _lines(self, inner: int) -> list[Line]:
        lines: list[Line] = []
        for place, actions in help_listing(self._focus, self._availability):
            lines.append((Span(f" {place.value}", "strong"),))
            for action in actions:
                lines += help_lines(action, inner)
        return lines


def help_lines(action: HelpLine, inner: int) -> list[Line]:
    """Keys, guard and meaning of one action in three columns (two where it is narrow), each wrapped, none cut."""
    wide = inner >= NARROW
    key_cells, guard_cells = (20, 10) if wide else (9, 0)
    text, token = action.description, ""
    if action.unavailable is not None:
        text, token = f"{text}: {safe_text(action.unavailable, 200)}", "muted"
    elif not wide and action.guard != CLASS_WORDS[Class.SAFE]:
        text = f"{text} ({action.guard})"
    keys = wrapped(action.keys, key_cells)
    words = wrapped(text, max(inner - key_cells - guard_cells - 5, 2))
    lines: list[Line] = []
    for place in range(max(len(keys), len(words))):
        key = keys[place] if place < len(keys) else ""
        guard = action.guard if place == 0 and wide else ""
        word = words[place] if place < len(words) else ""
        columns = [Span("  "), Span(fit(key, key_cells), "accent"), Span(" ")]
        columns += [Span(fit(guard, guard_cells), "muted"), Span(" ")] if wide else []
        lines.append((*columns, Span(word, token)))
    return lines
