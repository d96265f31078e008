"""The form of an order in words: a new idea, the same one again, an edit; it shows what would come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual import on
from textual.widgets import Input

from console import format as fmt
from console.execution.ideas import BadIdea, Idea
from console.panes.cells import at_text
from console.panes.drawing import Scene, paragraph
from console.screens.base import DRIVER_ERRORS
from console.screens.confirm_line import Line, Span, blocked_reason
from console.screens.confirm_terms import Key, amount_text
from console.screens.forms import ROOMY, Field, Form
from console.text import safe_text, wrapped
from storage.clock import MINUTE, Micros
from storage.codes import Side
from storage.models import Proposal
from storage.money import Price
from storage.sizing import share_of

if TYPE_CHECKING:
    from console.execution.ideas import Draft

SHARES: Final = {"1": 25, "2": 50, "3": 100}
SHORT_ROWS: Final = 5
"""Rows of a form that are neither fields nor its order: frame, answer of the gate, note, keys."""
SKETCH_SECONDS: Final = 2.0
"""How often the words are put to the market again while nobody types."""
ANY_SIZE: Final = "10"
"""A size in euros to ask the gate with while none is typed: the largest one does not depend on it."""
LIMIT_HINT: Final = "ask, mid, bid, market, or a price; empty: 0.5 % through the book"


def form_keys(done: str, *, beside: bool) -> tuple[str, ...]:
    """The keys of a form of words, in braces, in ever shorter wordings."""
    shares = "{1} {2} {3} set 25 50 100 %   {Tab} fields" if beside else "{Tab} goes on, then {1} {2} {3}"
    size = "{1} {2} {3} size  {Tab} fields" if beside else "{Tab} on, then {1} {2} {3}"
    return (
        f" {{Enter}} {done}   {shares}   {{Esc}} leaves",
        f" {{Enter}} {done}  {size}  {{Esc}} leaves",
        f" {{Enter}} {done} {{1}} {{2}} {{3}} {{Tab}} {{Esc}}",
    )


class WordsForm(Form[Proposal | None]):
    """A form whose words become a stored proposal, with what the market and the gate say of them meanwhile."""

    def __init__(self, fields: tuple[Field, ...], *, beside: bool = True) -> None:
        super().__init__(fields, chooses=True, beside=beside)
        self.draft: Draft | None = None
        self.problem: str | None = None
        self._sending = False
        self._words = self.values

    def on_mount(self) -> None:
        """Ask what the words come to, now and every two seconds."""
        self._sketch()
        self.set_interval(SKETCH_SECONDS, self._sketch)

    @on(Input.Changed)
    def words_changed(self) -> None:
        """Other words: what was wrong with the old ones no longer stands."""
        if self.values != self._words:  # fields also report what they were born with
            self._words, self.note = self.values, ""
            self._sketch()

    def _sketch(self) -> None:
        if not self._sending:
            self.background(self._ask, "sketch")

    async def _ask(self) -> None:
        try:
            self.draft, self.problem = await self.sketch(), None
        except BadIdea as error:
            self.draft, self.problem = None, safe_text(error.told(self.name_of(error.field)), 200)
        except DRIVER_ERRORS as error:
            self.draft, self.problem = None, safe_text(error, 200)
        self.redraw()

    def submit(self) -> None:
        """Store it; the form stays until that has succeeded."""
        if not self._sending:
            self._sending = True
            self.background(self._send, "send")

    async def _send(self) -> None:
        try:
            stored = await self.store()
        except BadIdea as error:
            self.note = safe_text(error.told(self.name_of(error.field)), 200)
            self._focus_on(error.field)
        except DRIVER_ERRORS as error:
            self.note = safe_text(error, 200)
        else:
            self.leave(stored)
            return
        finally:
            self._sending = False
        self.redraw()

    def name_of(self, field: str) -> str:
        """A field as its label names it."""
        return next((label for label in self.labels if label.lower() == self.called(field)), field)

    def called(self, field: str) -> str:
        """The label, in small letters, of what a sentence about wrong words calls its field."""
        return field

    def _focus_on(self, field: str) -> None:
        for label, box in zip(self.labels, self.fields, strict=True):
            if label.lower() == self.called(field):
                box.focus()

    def word(self, label: str) -> str:
        """What stands in a field; empty where the form has none of that label."""
        return next((text for name, text in zip(self.labels, self.values, strict=True) if name == label), "")

    def put(self, label: str, text: str) -> None:
        """Fill a field."""
        for name, box in zip(self.labels, self.fields, strict=True):
            if name == label:
                box.value = text

    def minutes(self) -> int:
        """How long it is good for. Raises BadIdea."""
        text = self.word("minutes")
        if not text.isdecimal() or len(text) > 6:
            raise BadIdea("minutes", f" must be a whole number, not {text!r}")
        return int(text)

    async def sketch(self) -> Draft:
        """What the words come to. Raises BadIdea, VaultError and the like."""
        raise NotImplementedError

    async def store(self) -> Proposal:
        """Make the proposal. Raises BadIdea, VaultError and the like."""
        raise NotImplementedError

    def largest_text(self, draft: Draft, tick: Price | None) -> str:
        """The largest size, in what the form counts sizes in."""
        raise NotImplementedError

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """The order, the gate's answer, the largest size with the check that bounds it."""
        draft = self.draft
        if draft is None:
            told: Line = (Span(f" {self.problem or 'asking for a quote'}", "wait"),)
            return [told, ()] if self.app.size.height < ROOMY else [told, (), ()]
        tick = None if draft.quote.rules is None else draft.quote.rules.tick_size
        short = self.app.size.height < ROOMY
        noted = max(len(wrapped(self.note, max(width - 2, 2))), 1) - 1  # lines of what is wrong, beyond its own row
        spare = self.app.size.height - len(self.fields) - SHORT_ROWS - noted
        lines = paragraph(" order    ", self.order_text(draft, tick), width - 1, min(max(spare, 1), 3))
        gate, token = _gate_text(draft, scene)
        most = min(max(spare + 1 - len(lines), 1), 4)
        lines += [(line[0], Span(line[1].text, token)) for line in paragraph(" gate     ", gate, width - 1, most)]
        if short:  # the fields and the keys come first on a short screen
            return lines
        bound = draft.sizing.bound
        why = "" if bound is None else f", bounded by {bound.code}: {bound.limit}"
        text = safe_text(f"{self.largest_text(draft, tick)}{why}", 300)
        sized = paragraph(" at most  ", text, width - 1, 3)
        if bound is not None and len(sized) > 2:  # the check is named; its card has the figures
            named = f"{self.largest_text(draft, tick)}, bounded by {bound.code}"
            sized = paragraph(" at most  ", safe_text(named, 300), width - 1, 2)
        return [*lines, *sized]

    def order_text(self, draft: Draft, tick: Price | None) -> str:
        """The order as it would be drawn now."""
        order = draft.order
        coin = safe_text(order.market.partition("-")[0], 10)
        now = "" if draft.outlook is None else f", {draft.outlook.now.value}"
        amount = f"{fmt.quantity(order.quantity)} {coin} {at_text(order, tick)} = {fmt.eur(draft.eur)} EUR"
        return f"{order.side.value.upper()} {amount}{now}"


def _gate_text(draft: Draft, scene: Scene) -> tuple[str, str]:
    if draft.blocking is not None:
        return blocked_reason(draft.blocking, scene.zone), "wait"
    return ("ready", "") if draft.typed_reason is None else (f"ready, amount to type: {draft.typed_reason}", "")


def minutes_left(expires_at: Micros, now: Micros) -> str:
    """What an edit keeps of a proposal's life: begun minutes count, one at least."""
    return str(max(-(-(expires_at - now) // MINUTE), 1))


def market_name(text: str) -> str:
    """A market as the exchange spells it: a coin alone stands for its market in euros. Raises BadIdea for nothing."""
    if not text:
        raise BadIdea("market", ": which one?")
    name = text.upper()
    return name if "-" in name else f"{name}-EUR"


class IdeaForm(WordsForm):
    """A new idea, the same again at today's price, or an edit of an open proposal."""

    def __init__(
        self, source: Proposal | None, *, edits: bool = False, minutes: str = "60", note: str = "", market: str = ""
    ) -> None:
        size = "" if source is None else fmt.eur_plain(source.eur)
        at = "ask" if source is None or source.side is Side.BUY else "bid"
        if source is not None and edits:
            at = "market" if source.limit is None else str(source.limit)
        words = (
            Field("EUR", size, "size without fee"),
            Field("limit", at, LIMIT_HINT),
            Field("minutes", minutes, "good for"),
        )
        about = (
            Field("market", market if source is None else source.market, "such as BTC-EUR"),
            Field("side", "buy" if source is None else source.side.value, "buy or sell"),
        )
        super().__init__(words if edits else (*about, *words), beside=source is not None)
        self.source = source
        self.edits = edits
        self.note = note

    def titles(self, scene: Scene) -> list[Span]:
        """New, again from which, or which revision is edited."""
        if self.source is None:
            return [Span("NEW", "strong")]
        if self.edits:
            return [Span("EDIT", "strong"), Span(f"{self.source.id} rev {self.source.revision}")]
        return [Span("AGAIN", "strong"), Span(f"from {self.source.id}, yours")]

    def keys(self) -> tuple[str, ...]:
        """The shares are keys beside the fields only."""
        return form_keys("stores it" if self.edits else "proposes it", beside=self.place is None)

    def press(self, key: Key) -> None:
        """A share of the largest size, or a way out."""
        if key.character in SHARES:
            self._take(SHARES[key.character])
        else:
            super().press(key)

    def _take(self, percent: int) -> None:
        draft = self.draft
        if draft is None or draft.quote.rules is None:
            self.note = "the largest size is not known yet"
        elif not draft.sizing.largest.is_positive:
            bound = draft.sizing.bound
            self.note = safe_text("no size is allowed" if bound is None else f"no size is allowed: {bound.reason}", 200)
        else:
            price = self._price(draft)
            size = share_of(draft.sizing, percent, draft.quote.rules.quantity_decimals) * price
            # A buy is kept under its bound by whole cents; a sell to the last digit, so that nothing is left over.
            self.put("EUR", fmt.eur_plain(size.cents_down()) if draft.order.side is Side.BUY else str(size))
        self.redraw()

    def _price(self, draft: Draft) -> Price:
        price = draft.order.limit
        if price is None:
            price = draft.quote.ask if draft.order.side is Side.BUY else draft.quote.bid
        return Price.zero() if price is None else price

    def largest_text(self, draft: Draft, tick: Price | None) -> str:
        """In euros."""
        return f"{fmt.eur((draft.sizing.largest * self._price(draft)).cents_down())} EUR"

    def order_text(self, draft: Draft, tick: Price | None) -> str:
        """Nothing while no size is typed."""
        return super().order_text(draft, tick) if self.word("EUR") else "type a size, or take a share of the largest"

    def _idea(self, eur: str) -> Idea:
        source = self.source
        market = self.word("market") if source is None or not self.edits else source.market
        market = market_name(market)
        side = source.side.value if source is not None and self.edits else self.word("side")
        limit = self.word("limit")
        limit = limit.lower() if limit.isalpha() else amount_text(limit)
        why, wrong = "", None
        if source is not None:
            why = source.rationale.why
            same = (market, side.lower()) == (source.market, source.side.value)
            wrong = source.rationale.invalidation_price if same else None
        return Idea(market, side, amount_text(eur), limit or None, why, self.minutes(), wrong)

    async def sketch(self) -> Draft:
        """What the words come to; while no size is typed, what the market allows."""
        edited = self.source.id if self.source is not None and self.edits else None
        return await self.console.driver.draft(self._idea(self.word("EUR") or ANY_SIZE), edited)

    async def store(self) -> Proposal:
        """A new proposal, or the next revision."""
        idea, driver, source = self._idea(self.word("EUR")), self.console.driver, self.source
        if source is None:
            return await driver.propose(idea, None)
        if self.edits:
            return await driver.revise(source.id, source.revision, idea)
        return await driver.propose(idea, source.id)
