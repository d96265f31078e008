"""The form of an exit: what is sold of a market, now, or at a price that the exchange waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.execution.ideas import TRIGGER_FIELDS, BadIdea, ExitWords
from console.panes.drawing import Scene
from console.screens.confirm_line import Span
from console.screens.confirm_terms import Key, amount_text
from console.screens.forms import Field
from console.screens.idea_form import SHARES, IdeaForm, WordsForm, form_keys, market_name
from console.text import safe_text
from storage.codes import TriggerType
from storage.execution_models import Trigger
from storage.models import Proposal
from storage.money import Price

if TYPE_CHECKING:
    from console.execution.ideas import Draft

TRIGGERS: Final = {kind.words: kind for kind in TriggerType}
WHENS: Final = {"n": "now", "s": TriggerType.STOP_LOSS.words, "t": TriggerType.TAKE_PROFIT.words}
"""Keys beside the fields that say when an exit sells."""
EXIT_HINT: Final = "a price, or ask, mid, bid, market; empty: bid - 0.5 %"


class ExitForm(WordsForm):
    """Selling a share of what this vault holds of a market, now or at a price that the exchange waits for."""

    def __init__(self, market: str, parent: int | None = None, trigger: Trigger | None = None) -> None:
        super().__init__(
            (
                Field("market", market, "such as BTC-EUR"),
                Field("share", "100", "per cent of what is held and free"),
                Field("when", "now" if trigger is None else trigger.type.words, "now, stop loss or take profit"),
                Field("price", "" if trigger is None else str(trigger.price), EXIT_HINT),
                Field("minutes", "60", "good for"),
            )
        )
        self.parent_id = parent

    def titles(self, scene: Scene) -> list[Span]:
        """An exit."""
        return [Span("EXIT", "strong"), Span("sells what is held", "muted")]

    def keys(self) -> tuple[str, ...]:
        """The shares are keys beside the fields only."""
        if self.place is not None:
            return form_keys("proposes it", beside=False)
        return (
            " {Enter} proposes it   {1} {2} {3} share   {s} stop {t} profit {n} now   {Tab} fields   {Esc}",
            " {Enter} proposes it  {1} {2} {3} share  {s} stop {t} profit {n} now  {Tab}",
            " {Enter} proposes it {s} stop {Tab} {Esc}",
        )

    def press(self, key: Key) -> None:
        """A share, what it waits for, or a way out."""
        if key.character in SHARES:
            self.put("share", str(SHARES[key.character]))
        elif key.character in WHENS:
            self.put("when", WHENS[key.character])
            self._focus_on("price")
        else:
            super().press(key)

    def largest_text(self, draft: Draft, tick: Price | None) -> str:
        """In coins."""
        coin = safe_text(draft.order.market.partition("-")[0], 10)
        return f"{fmt.quantity(draft.sizing.largest)} {coin}"

    def called(self, field: str) -> str:
        """One field holds the price, whatever it is the price of."""
        return "price" if field in ("limit", *TRIGGER_FIELDS.values()) else field

    def _trigger(self) -> TriggerType | None:
        text = self.word("when").lower()
        found = [word for word in ("now", *TRIGGERS) if text and word.startswith(text)]
        if not found:
            raise BadIdea("when", f" is now, stop loss or take profit, not {text!r}")
        return TRIGGERS.get(found[0])

    def _said(self) -> ExitWords:
        market, limit = market_name(self.word("market")), self.word("price")
        limit = limit.lower() if limit.isalpha() else amount_text(limit)
        share = amount_text(self.word("share").removesuffix("%"))
        return ExitWords(market, share, limit or None, "", self.minutes(), self._trigger())

    async def sketch(self) -> Draft:
        """What selling that share comes to."""
        return await self.console.driver.draft_exit(self._said())

    async def store(self) -> Proposal:
        """The exit as a proposal."""
        return await self.console.driver.propose_exit(self._said(), self.parent_id)


def again_form(source: Proposal, *, minutes: str = "60", note: str = "") -> WordsForm:
    """The form that makes the same again at today's price; a stop is set anew."""
    if source.trigger is not None:
        return ExitForm(source.market, source.id, source.trigger)
    return IdeaForm(source, minutes=minutes, note=note)
