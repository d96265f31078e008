"""Cards of what was looked at: the numbers behind one proposal, and every market where nothing was proposed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.oracle.rationale import price_text
from console.oracle.saw import Judged, Mark, figure_values, figure_words, judge_numbers
from console.oracle.snapshot import Snapshot
from console.panes.drawing import Scene, paragraph, width_of
from console.screens.base import DRIVER_ERRORS
from console.screens.cards import ASK_SECONDS, ScrollCard
from console.screens.confirm_line import Line, Span
from console.text import fit, safe_text

if TYPE_CHECKING:
    from console.screens.confirm_terms import Key
    from console.sight import Sight
    from storage.clock import Micros
    from storage.looks import StoredLook
    from storage.models import Rationale

NUMBER_CELLS: Final = 11
OUTCOMES: Final = {
    "proposed": "proposed",
    "duplicate": "nothing new",
    "quiet": "quiet",
    "nothing": "no idea",
    "dropped": "dropped",
}
"""What followed from a look, in at most eleven cells; a word this program does not know stays as it is."""
LIMITED: Final = {
    "move_1h_pct": ("1 h", " %"),
    "move_4h_pct": ("4 h", " %"),
    "volatility_pct": ("volatility", " %"),
    "volume_z": ("volume z", ""),
}
"""The figures that a policy sets a limit for, with their units."""


class SawCard(ScrollCard, inherit_bindings=False):
    """The whole rationale of a proposal, each of its numbers beside what it is now, and all figures of the snapshot."""

    closers = ("enter",)

    def __init__(self, proposal_id: int, *, leads_on: bool) -> None:
        super().__init__()
        self.proposal_id = proposal_id
        self.heading = f"SAW {proposal_id}"
        self.leads_on = leads_on
        """Whether ``w`` goes on to all markets; not over a ticket, which stays one key away."""
        self.sight: Sight | None = None
        self.now: Snapshot | None = None
        self.problem = ""
        """Why the vault could not be read."""
        self.unseen = "being looked at"
        """Why there is no figure of this moment."""

    def on_mount(self) -> None:
        """Read what was stored, then look at the market once more."""
        super().on_mount()
        self.background(self._learn, "sight")

    async def _learn(self) -> None:
        driver = self.console.driver
        try:
            self.sight = await driver.sight(self.proposal_id)
        except DRIVER_ERRORS as error:
            self.problem = safe_text(error)
            self.redraw()
            return
        self.redraw()
        try:
            seen = await driver.look_again(self.sight.proposal.market)
        except DRIVER_ERRORS as error:
            self.unseen = safe_text(error)
        else:
            self.now = seen if isinstance(seen, Snapshot) else None
            self.unseen = "" if isinstance(seen, Snapshot) else safe_text(seen.reason)
        self.redraw()

    def press(self, key: Key) -> None:
        """``w`` goes on to all markets; else as every card that scrolls."""
        if key.character == "w" and self.leads_on:
            self.app.switch_screen(LooksCard())
        else:
            super().press(key)

    @property
    def keys(self) -> str:
        """``w`` leads on where it does."""
        return " {w} all markets   {q} closes" if self.leads_on else " {q} closes"

    def content(self, scene: Scene, inner: int) -> list[Line]:
        """Rationale, ages, numbers, figures."""
        sight = self.sight
        if sight is None:
            return paragraph(" ", self.problem or "reading the vault", inner - 1, 4)
        proposal, saw = sight.proposal, sight.snapshot
        words = f"{proposal.side.value.upper()} {proposal.market} by {safe_text(proposal.oracle, 60)}"
        lines = [*paragraph(" ", words, inner - 1, 2), *rationale_lines(proposal.rationale, inner)]
        if saw is None:
            return [*lines, (), *paragraph(" seen ", safe_text(sight.missing, 300), inner - 1, 4)]
        lines += [*self._ages(saw, scene, inner), ()]
        judged = judge_numbers(proposal.rationale, saw, self.now)
        held = sum(each.mark is not Mark.MISSING for each in judged)
        lines += _heading(f"numbers {scene.symbols.passed} {held} of {len(judged)}", inner)
        lines += [line for each in judged for line in _number_lines(each, scene, inner)]
        lines += [(), *_heading("all figures", inner)]
        current = {} if self.now is None else figure_values(self.now.figures)
        for name, value in figure_values(saw.figures).items():
            lines += _row("   ", figure_words(name), _text(value), _text(current.get(name)), inner)
        return lines

    def _ages(self, saw: Snapshot, scene: Scene, inner: int) -> list[Line]:
        """When it was looked at, how old that was, and when the second column was seen."""
        ago = fmt.age(max(scene.now - saw.taken_at, 0))
        text = (
            f"{fmt.clock(saw.taken_at, scene.zone)}, {ago} ago: book {fmt.age(saw.book_age)} old, "
            f"candles {fmt.age(saw.candles_age)} old, {saw.traded_candles} of {len(saw.candles)} with trades"
        )
        lines = paragraph(" saw  ", text, inner - 1, 4)
        if self.now is None:
            return [*lines, *((span[0], Span(span[1].text, "wait")) for span in
                              paragraph(" now: ", self.unseen, inner - 1, 3))]  # fmt: skip
        now = f"{fmt.clock(self.now.taken_at, scene.zone)}, {fmt.age(max(scene.now - self.now.taken_at, 0))} ago"
        return [*lines, *paragraph(" now  ", now, inner - 1, 2)]


class LooksCard(ScrollCard, inherit_bindings=False):
    """The newest look at every market: its figures, each beside its limit, and what followed."""

    heading = "WHY NOTHING"
    closers = ("enter", "w")

    def __init__(self) -> None:
        super().__init__()
        self.looks: Sequence[StoredLook] | None = None
        self.problem = ""

    def on_mount(self) -> None:
        """Read the newest look, and every second whether there is a newer one."""
        super().on_mount()
        self._ask()
        self.set_interval(ASK_SECONDS, self._ask)

    def _ask(self) -> None:
        self.background(self._learn, "looks")

    async def _learn(self) -> None:
        try:
            self.looks = await self.console.driver.newest_looks()
            self.problem = ""
        except DRIVER_ERRORS as error:
            self.problem = safe_text(error)
        self.redraw()

    def content(self, scene: Scene, inner: int) -> list[Line]:
        """Two lines a market: what followed and the nearest miss, and the figures with their limits."""
        if self.looks is None or self.problem:
            return paragraph(" ", self.problem or "reading the vault", inner - 1, 4)
        if not self.looks:
            return [(Span(" nothing was looked at yet", "wait"),)]
        newest = max(look.at for look in self.looks)
        when = f"looked at {fmt.clock(newest, scene.zone)}, {fmt.age(max(scene.now - newest, 0))} ago"
        lines = [*paragraph(" ", when, inner - 1, 2), ()]
        for look in sorted(self.looks, key=lambda look: look.market):
            lines += _look_lines(look, newest, scene, inner)
        about = "Each figure stands beside the policy's limit, from which on a costly oracle would be asked."
        return [*lines, *paragraph(" ", about, inner - 1, 3)]


def rationale_lines(reason: Rationale, inner: int) -> list[Line]:
    """Why, why not, what ends it, what to mind; whole."""
    parts = (("why", reason.why), ("not", reason.why_not), ("then", reason.next_trigger), ("note", reason.risk_notes))
    return [
        line
        for word, text in parts
        if text.strip()
        for line in paragraph(f" {word:<4} ", safe_text(text, 1000), inner - 1, 20)
    ]


def _heading(title: str, inner: int) -> list[Line]:
    return [(Span(line[0].text + line[1].text, "muted"),) for line in _row(" ", title, "saw", "now", inner)]


def _row(mark: str, words: str, saw: str, now: str, inner: int) -> list[Line]:
    """A figure and its two values; words that leave no room for those have a line of their own."""
    values = f"{saw:>{NUMBER_CELLS}}{now:>{NUMBER_CELLS}}"
    left = inner - len(values) - 1
    label = f"{mark}{words}"
    if len(label) < left:
        return [(Span(fit(label, left)), Span(values))]
    told = [(Span(line[0].text), Span(line[1].text)) for line in paragraph(mark, words, inner - 1, 3)]
    return [*told, (Span(" " * left), Span(values))]


def _text(value: Decimal | None) -> str:
    return "-" if value is None else price_text(value)


def _number_lines(each: Judged, scene: Scene, inner: int) -> list[Line]:
    """A number as the sentence has it, the figure that it is, and that figure now."""
    symbols = scene.symbols
    if each.figure is None:
        return [(Span(f" {symbols.failed} {safe_text(each.text, 20)} not in the snapshot", "wait"),)]
    sign = symbols.passed if each.mark is Mark.EXACT else symbols.near
    return _row(f" {sign} ", figure_words(each.figure), each.text, _text(each.now), inner)


def _look_lines(look: StoredLook, newest: Micros, scene: Scene, inner: int) -> list[Line]:
    outcome = OUTCOMES.get(look.outcome, safe_text(look.outcome, 11))
    token = "strong" if look.outcome == "proposed" else "wait" if look.outcome == "dropped" else ""
    head: Line = (Span(f" {fit(safe_text(look.market, 20), 10)} ", "strong"), Span(fit(outcome, 11), token))
    if look.at < newest:
        head = (*head, Span(f" at {fmt.clock(look.at, scene.zone)}", "wait"))
    why = look.reason or (f"nearest {look.nearest}" if look.nearest else "")
    why = safe_text(why, 200)
    if width_of(head) + len(why) + 2 < inner:
        lines: list[Line] = [(*head, Span(f" {why}"))]
    else:
        lines = [head, *paragraph("    ", why, inner - 1, 3)]
    dot = f" {scene.symbols.dot} "
    told = dot.join(_limited(name, look) for name in LIMITED if name in look.figures)
    return [*lines, *(paragraph("    ", told, inner - 1, 4) if told else []), ()]


def _limited(name: str, look: StoredLook) -> str:
    figure, (word, unit) = look.figures[name], LIMITED[name]
    return (
        f"{word} {'-' if figure.value is None else safe_text(figure.value, 20)} of {safe_text(figure.limit, 20)}{unit}"
    )
