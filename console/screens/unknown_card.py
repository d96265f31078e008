"""The card of an order without an answer: what was sent, who looks for it, what it holds, and what not to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console import format as fmt
from console.panes.cells import at_text
from console.panes.drawing import Scene, paragraph
from console.screens.base import DRIVER_ERRORS, frame_lines, keyed
from console.screens.cards import ASK_SECONDS, Card, became, outcome_word
from console.screens.confirm_line import NARROW, Line, Span
from console.text import safe_text
from storage.codes import ExecutionState, Mode

if TYPE_CHECKING:
    from console.execution.outcome import Outcome
    from console.execution.unknown import UnknownFacts
    from console.screens.confirm_terms import Key
    from console.state import ConsoleState
    from storage.execution_models import Execution
    from storage.money import Price


class UnknownCard(Card, inherit_bindings=False):
    """An order nobody knows the fate of. It follows the look-ups, and says when it is settled."""

    def __init__(self, execution: Execution, facts: UnknownFacts | None = None) -> None:
        super().__init__()
        self.execution = execution
        self.facts = facts
        self.outcome: Outcome | None = None
        """How it ended, once it is settled."""
        self.note = ""

    def on_mount(self) -> None:
        """Ask what is known, now and every second."""
        super().on_mount()
        self._ask()
        self.set_interval(ASK_SECONDS, self._ask)

    def _ask(self) -> None:
        self.background(self._learn, "facts")

    async def _learn(self) -> None:
        try:
            self.facts = await self.console.driver.unknown(self.execution.id)
            if self.facts.settled:
                self.outcome = await self.console.driver.execution_outcome(self.execution.id)
        except DRIVER_ERRORS:
            return  # what was known stays; the header shows what is wrong
        self.redraw()

    def press(self, key: Key) -> None:
        """``V`` settles it by hand, where that is allowed; ``n`` proposes an absent one again; else as every card."""
        absent = self.outcome is not None and self.outcome.state is ExecutionState.ABSENT
        if key.character == "n" and absent and self.readable and not self.console.driver.read_only:
            self.dismiss(None)
            self.console.open_again(self.execution.proposal_id)
            return
        if key.character != "V" or not self._unknown(self.console.driver.state):
            super().press(key)
            return
        self.note = self.console.why_not("settle") or ""
        if self.note:
            self.redraw()
        else:
            self.dismiss(None)
            self.console.open_verdict(self.execution)

    def _unknown(self, state: ConsoleState | None) -> bool:
        if self.facts is not None:  # read since the card opened; the state may be from before the order
            return not self.facts.settled
        return state is None or any(row.id == self.execution.id for row in state.unknown)

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """What was sent and when, and whether it is still unknown."""
        state = self.console.driver.state
        execution, inner = self.execution, width - 2
        mode = Span(scene.mode.value.upper(), f"{scene.frame_token} strong")
        number = [Span(str(execution.proposal_id))]
        if not self._unknown(state):
            return self._settled(state, scene, width)
        lines = [*self._sent(state, scene, inner), *self._looks(scene, inner), *self._held(state, inner)]
        count = max(1, 0 if state is None else state.header.unknown)
        text = f"Nothing to do: it settles itself. q hides this, the header keeps UNKNOWN {count}."
        lines += [(), *paragraph(" ", text, inner - 1, 2)]
        where = "on Bitvavo" if scene.mode is Mode.LIVE else "at the simulated exchange"
        after = f", after looking {where}" if inner >= NARROW else ""
        lines += [keyed(" {V} settles by hand while HALTED" + after)]
        if self.note:
            lines += [(row[0], Span(row[1].text, "wait")) for row in paragraph(" ", self.note, inner - 1, 2)]
        return frame_lines(scene, [Span("UNKNOWN", "stop"), mode], number, lines, width)

    def _settled(self, state: ConsoleState | None, scene: Scene, width: int) -> list[Line]:
        """How it ended after all, in the words of the card of outcomes."""
        outcome, inner = self.outcome, width - 2
        mode = Span(scene.mode.value.upper(), f"{scene.frame_token} strong")
        number = [Span(str(self.execution.proposal_id))]
        tick = None if state is None else state.tick_sizes.get(self.execution.market)
        order = paragraph(" order      ", self._order(tick), inner - 1, 2)
        if outcome is None:
            body = [*order, (), *paragraph(" ", "It is settled; how it ended is being read.", inner - 1, 2)]
            return frame_lines(scene, [Span("SETTLED", "strong"), mode], number, [*body, keyed(" {q} closes")], width)
        if outcome.state is ExecutionState.ABSENT:
            text = f"{safe_text(outcome.reason, 200)}, nothing was placed, the trade is given back; n proposes it again"
            said = paragraph(" so         ", text, inner - 1, 4)
        else:
            said = [*paragraph(" ended      ", became(outcome, tick), inner - 1, 4)]
            said += paragraph(" so         ", "it is settled; pane 4 has it", inner - 1, 2)
        absent = outcome.state is ExecutionState.ABSENT
        keys = " {Enter} closes   {n} again" if absent else " {Enter} closes"
        body = [*order, *said, (), keyed(keys)]
        return frame_lines(scene, [Span(outcome_word(outcome), "strong"), mode], number, body, width)

    def _order(self, tick: Price | None) -> str:
        execution = self.execution
        coin = safe_text(execution.market.partition("-")[0], 10)
        return f"{execution.side.value.upper()} {fmt.quantity(execution.quantity)} {coin} {at_text(execution, tick)}"

    def _sent(self, state: ConsoleState | None, scene: Scene, inner: int) -> list[Line]:
        execution = self.execution
        tick = None if state is None else state.tick_sizes.get(execution.market)
        order = self._order(tick)
        sent = execution.submitting_at if execution.submitting_at is not None else execution.claimed_at
        text = f"{order} was sent at {fmt.clock_ms(sent, scene.zone)}. No answer came back."
        warning = "It may exist. It counts as a trade until proven. Do not place it by hand."
        lines = [*paragraph(" ", text, inner - 1, 3), *paragraph(" ", warning, inner - 1, 3), ()]
        lines += paragraph(" order id    ", safe_text(execution.client_order_id, 80), inner - 1, 2)
        if self.facts is not None and self.facts.cause:
            lines += paragraph(" because     ", safe_text(self.facts.cause, 200).rstrip("."), inner - 1, 2)
        return lines

    def _looks(self, scene: Scene, inner: int) -> list[Line]:
        facts = self.facts
        if facts is None:
            return []
        zone, dot = scene.zone, f" {scene.symbols.dot} "
        seen = "none yet" if facts.looked_at is None else f"not found at {fmt.clock(facts.looked_at, zone)}"
        if facts.problem is not None:
            seen = f"failed: {safe_text(facts.problem, 120).rstrip('.')}"
        if facts.next_look is None:
            ahead = "nobody runs who looks again: start a console or worker, or oracle reconcile"
        else:
            ahead = f"next in {fmt.age(max(facts.next_look - scene.now, 0))}"
        lines = paragraph(" look-ups    ", f"{seen}{dot}{ahead}", inner - 1, 3)
        if facts.proof_at is not None:
            left = facts.proof_at - scene.now
            to_go = f", {fmt.countdown(left)} to go" if left > 0 else ": every look-up can prove it now"
            text = f"absent at {fmt.clock(facts.proof_at, zone)} at the earliest{to_go}"
            lines += paragraph(" proof       ", text, inner - 1, 2)
        return lines

    def _held(self, state: ConsoleState | None, inner: int) -> list[Line]:
        facts, market = self.facts, safe_text(self.execution.market, 20)
        blocked = f"no buy anywhere, nothing in {market}"
        if facts is None:
            return paragraph(" held        ", f"{blocked} until it is settled", inner - 1, 2)
        trades = f"{facts.trades} of {facts.trades_limit} trades"
        return paragraph(" held        ", f"{fmt.eur(facts.held)} EUR, {trades}; {blocked}", inner - 1, 3)
