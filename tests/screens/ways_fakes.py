"""What a driver of the tests answers to forms: the real reading of words, over one quote and one set of facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from console.execution.ideas import (
    Draft,
    ExitWords,
    Idea,
    check_exit_words,
    check_words,
    draw_exit,
    draw_idea,
    rules_of_market,
)
from console.execution.ticket import look_ahead
from console.execution.unknown import UnknownFacts
from console.past import FIRST, HISTORY_ROWS, HistoryLine, Page, Place
from console.state import ConsoleState
from storage.absence import OperatorFill
from storage.checks import run_checks, verdict
from storage.clock import Micros
from storage.codes import CheckCode, Origin
from storage.execution_models import Execution
from storage.market_models import MarketRules, Quote
from storage.models import Proposal, Sweep
from storage.money import Eur
from storage.presence import Absence
from storage.proposals import NewProposal
from storage.sizing import largest_size
from tests.storage.builders import HELD, MARKET, NOW, coins, eur, make_proposal, make_question, make_quote, make_rules
from tests.support import SteppedClock

STORED = 1050
"""The id of what a form stores."""


class WaysFake:
    """The part of a driver that forms and cards ask. It stores nothing but what it was asked."""

    clock: SteppedClock
    current: ConsoleState | None
    failure: Exception | None
    asked: list[tuple[Any, ...]]

    def __init__(self) -> None:
        self.held = coins("0.0061")
        self.before: Micros | None = None
        self.past: tuple[HistoryLine, ...] = ()
        """Everything that can be read, newest first, beside the newest lines of the state."""
        self.keys_noted = 0
        self.unknown_changes: dict[str, Any] = {}
        self.unseen_unknown: tuple[Execution, ...] = ()
        """Orders without an answer of which the newest state does not know yet."""
        self.absence_changes: dict[str, Any] = {}

    def _ask(self, *what: Any) -> None:
        raise NotImplementedError

    def _market(self, market: str) -> tuple[MarketRules, Quote]:
        quote = make_quote(book_confirmed=self.clock.monotonic() - 0.4, balance_fetched=self.clock.monotonic() - 0.4)
        return rules_of_market(market, {MARKET: make_rules()}, None), quote

    def _draft(self, new: NewProposal, quote: Quote) -> Draft:
        proposal = make_proposal(
            id=0, kind=new.kind, side=new.side, order_type=new.order_type, quantity=new.quantity, limit=new.limit,
            eur=new.eur, origin=Origin.OPERATOR, confidence=None, expires_at=self.clock.now() + new.lives,
            trigger=new.trigger,
        )  # fmt: skip
        fresh = {"now": self.clock.now(), "monotonic": self.clock.monotonic(), **HELD}
        question = replace(make_question(proposal=proposal, facts=fresh, with_ticket=False), quote=quote)
        checks = run_checks(question)
        return Draft(
            order=question.order,
            eur=new.eur,
            outlook=look_ahead(question.order, quote),
            checks=checks,
            blocking=verdict(checks),
            typed_reason=None,
            sizing=largest_size(question),
            quote=quote,
            free=self.held,
        )

    def _store(self, new: NewProposal, **changes: Any) -> Proposal:
        made = make_proposal(
            id=STORED, revision=1, origin=new.origin, oracle=new.oracle, kind=new.kind, market=new.market,
            side=new.side, order_type=new.order_type, quantity=new.quantity, limit=new.limit, eur=new.eur,
            confidence=None, rationale=new.rationale, expires_at=self.clock.now() + new.lives,
            created_at=self.clock.now(), quote_at_creation=new.quote_at_creation, parent_id=new.parent_id,
            trigger=new.trigger,
        )  # fmt: skip
        made = replace(made, **changes)
        state = self.current
        assert state is not None
        from tests.screens.fakes import proposal_view

        others = tuple(row for row in state.proposals if row.proposal.id != made.id)
        self.current = replace(state, proposals=(*others, proposal_view(made)))
        return made

    async def draft(self, idea: Idea, edits: int | None) -> Draft:
        check_words(idea)
        rules, quote = self._market(idea.market)
        return self._draft(draw_idea(idea, rules, quote, "you"), quote)

    async def propose(self, idea: Idea, parent: int | None) -> Proposal:
        check_words(idea)
        rules, quote = self._market(idea.market)
        new = draw_idea(idea, rules, quote, "you", parent)
        self._ask("propose", idea, parent)
        return self._store(new)

    async def revise(self, proposal_id: int, revision: int, idea: Idea) -> Proposal:
        check_words(idea)
        rules, quote = self._market(idea.market)
        new = draw_idea(idea, rules, quote, "you")
        self._ask("revise", proposal_id, revision, idea)
        return self._store(new, id=proposal_id, revision=revision + 1)

    async def draft_exit(self, words: ExitWords) -> Draft:
        check_exit_words(words)
        rules, quote = self._market(words.market)
        return self._draft(draw_exit(words, self.held, rules, quote, "you"), quote)

    async def propose_exit(self, words: ExitWords, parent: int | None) -> Proposal:
        check_exit_words(words)
        rules, quote = self._market(words.market)
        new = draw_exit(words, self.held, rules, quote, "you", parent)
        self._ask("exit", words, parent)
        return self._store(new)

    async def approve(self, proposal_id: int, overrides: Mapping[CheckCode, str]) -> None:
        self._ask("approve", proposal_id, dict(overrides))

    async def resolve(self, execution_id: int, verdict: OperatorFill | None, reason: str) -> None:
        self._ask("resolve", execution_id, verdict, reason)

    async def unknown(self, execution_id: int) -> UnknownFacts:
        state = self.current
        assert state is not None
        facts = UnknownFacts(
            execution=next(row for row in (*state.unknown, *self.unseen_unknown) if row.id == execution_id),
            now=self.clock.now(),
            cause="the connection was reset",
            proof_at=NOW + 41_000_000,
            held=eur("24.97"),
            trades=1,
            trades_limit=5,
            looked_at=NOW - 2_000_000,
            problem=None,
            next_look=NOW + 3_000_000,
        )
        return replace(facts, **self.unknown_changes)

    async def note_key(self) -> None:
        self.keys_noted += 1

    async def last_key(self) -> Micros | None:
        return self.before

    async def absence(self, since: Micros) -> Absence:
        found = Absence(
            since=since,
            now=self.clock.now(),
            result=Eur.zero(),
            fees=Eur.zero(),
            fills=0,
            before=None,
            model_cost=Eur.zero(),
            model_open=0,
            flows=0,
            orders=(),
            expired=0,
            refused=0,
            alerts=(),
            trading=(),
            policies=(),
            stages=(),
            sweep=Sweep(NOW, True, (), frozenset()),
            runners=(),
        )
        return replace(found, **self.absence_changes)

    async def history_page(self, start: Place) -> Page:
        first = 0 if start == FIRST else start.trade[1]
        last = first + HISTORY_ROWS
        then = Place(trade=(0, last)) if last < len(self.past) else None
        return Page(start, self.past[first:last], (), then, self.clock.now())
