"""What the operator does beside firing: ideas of their own, edits, overrides, exits, verdicts; and coming back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the screen's first frame waits for this module: what decisions need is imported when they are made
    from console.engine import Engine
    from console.execution.ideas import Draft, ExitWords, Idea
    from console.execution.unknown import UnknownFacts
    from console.market_data import MarketData, MarketsView
    from console.oracle.snapshot import Dropped, Snapshot
    from console.past import Page, Place
    from console.sight import Sight
    from storage.absence import OperatorFill
    from storage.clock import Micros
    from storage.codes import CheckCode
    from storage.database import Tx
    from storage.looks import StoredLook
    from storage.market_models import MarketRules, Quote
    from storage.models import Proposal
    from storage.presence import Absence
    from storage.proposals import NewProposal

QUOTE_SERVES_S: Final = 2.0
"""A quote this young serves for what is only looked at."""


class WaysOn:
    """The part of the runtime that screens and forms ask for new decisions. Knows no Textual."""

    read_only: bool
    _markets: MarketData | None

    def _ready(self) -> Engine:
        raise NotImplementedError

    def _may_write(self) -> None:
        raise NotImplementedError

    # ideas -----------------------------------------------------------------------------------------------------
    async def draft(self, idea: Idea, edits: int | None) -> Draft:
        """What an idea would come to now, as a new one or as an edit of a proposal; nothing is stored.

        Raises BadIdea, VaultError.
        """
        from console.execution.ideas import check_words, draft, draw_idea
        from storage.proposals import get_proposal

        check_words(idea)
        engine, (rules, quote) = self._ready(), await self._market(idea.market, QUOTE_SERVES_S)
        new = draw_idea(idea, rules, quote, engine.actor.name)

        def look(tx: Tx) -> Draft:
            return draft(tx, new, quote, None if edits is None else get_proposal(tx, edits))

        return await engine.vault.read(look)

    async def propose(self, idea: Idea, parent: int | None) -> Proposal:
        """Store an idea of the operator's own at today's price. Raises BadIdea, VaultError."""
        from console.execution.ideas import check_words, draw_idea
        from storage.proposals import create_proposal

        self._may_write()
        check_words(idea)
        engine, (rules, quote) = self._ready(), await self._market(idea.market)
        new = draw_idea(idea, rules, quote, engine.actor.name, parent)
        return await engine.vault.transact(lambda tx: create_proposal(tx, new))

    async def revise(self, proposal_id: int, revision: int, idea: Idea) -> Proposal:
        """Change size, price, type and life of an open proposal. Raises BadIdea, VaultError (Conflict)."""
        from console.execution.ideas import check_words, draw_idea, revision_of
        from storage.proposals import revise

        self._may_write()
        check_words(idea)
        engine, (rules, quote) = self._ready(), await self._market(idea.market)
        change = revision_of(draw_idea(idea, rules, quote, engine.actor.name))
        return await engine.vault.transact(lambda tx: revise(tx, proposal_id, revision, change))

    # exits -----------------------------------------------------------------------------------------------------
    async def draft_exit(self, words: ExitWords) -> Draft:
        """What selling that share would come to now; nothing is stored. Raises BadIdea, VaultError."""
        from console.execution.ideas import check_exit_words, draft

        check_exit_words(words)
        engine, (rules, quote) = self._ready(), await self._market(words.market, QUOTE_SERVES_S)

        def look(tx: Tx) -> Draft:
            return draft(tx, self._drawn_exit(tx, engine, words, rules, quote, None), quote)

        return await engine.vault.read(look)

    async def propose_exit(self, words: ExitWords, parent: int | None) -> Proposal:
        """Store the operator's exit: at most what is held and not being sold already. Raises BadIdea, VaultError."""
        from console.execution.ideas import check_exit_words
        from storage.proposals import create_proposal

        self._may_write()
        check_exit_words(words)
        engine, (rules, quote) = self._ready(), await self._market(words.market)

        def store(tx: Tx) -> Proposal:
            return create_proposal(tx, self._drawn_exit(tx, engine, words, rules, quote, parent))

        return await engine.vault.transact(store)

    @staticmethod
    def _drawn_exit(
        tx: Tx, engine: Engine, words: ExitWords, rules: MarketRules, quote: Quote, parent: int | None
    ) -> NewProposal:
        from console.execution.ideas import draw_exit, free_to_sell, stops_of

        free, stops = free_to_sell(tx, words.market), stops_of(tx, words.market)
        return draw_exit(words, free, rules, quote, engine.actor.name, parent, stops)

    async def _market(self, market: str, serves_s: float = 0.0) -> tuple[MarketRules, Quote]:
        from console.execution.ideas import rules_of_market

        engine = self._ready()
        quotes = engine.parts.quotes
        known = quotes.latest.get(market)
        age = None if known is None or known.book_confirmed is None else engine.clock.monotonic() - known.book_confirmed
        if known is None or age is None or not 0 <= age < serves_s:
            known = await quotes.fetch(market)
        return rules_of_market(market, quotes.rules, quotes.problem), known

    # decisions -------------------------------------------------------------------------------------------------
    async def approve(self, proposal_id: int, overrides: Mapping[CheckCode, str]) -> None:
        """Approve without executing, with the checks that are set aside for a reason. Raises VaultError."""
        from storage.proposals import approve

        self._may_write()
        await self._ready().vault.transact(lambda tx: approve(tx, proposal_id, overrides))

    async def resolve(self, execution_id: int, verdict: OperatorFill | None, reason: str) -> None:
        """Settle an UNKNOWN by hand, while HALTED. Raises VaultError (Conflict)."""
        from storage.absence import resolve_by_operator

        self._may_write()
        await self._ready().vault.transact(lambda tx: resolve_by_operator(tx, execution_id, verdict, reason))

    async def unknown(self, execution_id: int) -> UnknownFacts:
        """What is known of an order without an answer. Raises VaultError."""
        from console.execution.unknown import read_unknown

        return await self._ready().vault.read(lambda tx: read_unknown(tx, execution_id))

    # looking ---------------------------------------------------------------------------------------------------
    def look_at(self, market: str, others: frozenset[str]) -> MarketsView | None:
        """What is known of a market's last trades and the others' candles; None before the start. Asking keeps them."""
        return None if self._markets is None else self._markets.look_at(market, others)

    async def sight(self, proposal_id: int) -> Sight:
        """What was seen for a proposal, as stored. Raises VaultError."""
        from console.sight import stored_sight

        return await self._ready().vault.read(lambda tx: stored_sight(tx, proposal_id))

    async def look_again(self, market: str) -> Snapshot | Dropped:
        """The same figures of this moment; nothing is stored. Raises VaultError, ExchangeError."""
        from console.sight import look_again

        return await look_again(self._ready().looking, market)

    async def newest_looks(self) -> list[StoredLook]:
        """The newest look at each market. Raises VaultError."""
        from storage.looks import latest_looks

        return await self._ready().vault.read(latest_looks)

    # coming back -----------------------------------------------------------------------------------------------
    async def note_key(self) -> None:
        """Store that the operator is there. A read-only console stores nothing. Raises VaultError."""
        from storage.presence import note_presence

        if not self.read_only:
            await self._ready().vault.transact(note_presence)

    async def last_key(self) -> Micros | None:
        """When this operator last pressed a key, in any console of this vault. Raises VaultError."""
        engine = self._ready()  # first: this is asked before there is an engine, and must cost nothing then
        from storage.presence import last_seen

        return await engine.vault.read(last_seen)

    async def absence(self, since: Micros) -> Absence:
        """What happened after a moment. Raises VaultError."""
        from storage.presence import read_absence

        return await self._ready().vault.read(lambda tx: read_absence(tx, since))

    async def history_page(self, start: Place) -> Page:
        """The lines of history before a place. Raises VaultError."""
        from console.past import read_page

        return await self._ready().vault.read(lambda tx: read_page(tx, start))
