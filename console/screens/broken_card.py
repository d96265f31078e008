"""The card of a fire that ended without an outcome: what was told, and whether an order can have left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.panes.drawing import Scene, paragraph
from console.screens.base import frame_lines, keyed
from console.screens.cards import Card, order_text
from console.screens.confirm_line import Line, Span
from console.text import safe_text

if TYPE_CHECKING:
    from console.execution.ticket import TicketView


@dataclass(frozen=True, slots=True)
class Broken:
    """A fire that raised."""

    view: TicketView
    sentence: str
    sent: bool | None
    """Whether the order may have been sent; None where the vault cannot tell."""


class BrokenCard(Card, inherit_bindings=False):
    """Says that nothing was sent, or that nobody can tell and nothing is to be placed by hand."""

    def __init__(self, broken: Broken) -> None:
        super().__init__()
        self.broken = broken

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """Order, sentence, consequence."""
        broken, inner, state = self.broken, width - 2, self.console.driver.state
        order = broken.view.order
        tick = None if state is None else state.tick_sizes.get(order.market)
        word = Span("NOT SENT", "wait") if broken.sent is False else Span("UNKNOWN", "stop")
        titles = [word, Span(scene.mode.value.upper(), f"{scene.frame_token} strong")]
        body = [*paragraph(" order      ", order_text(order, tick), inner, 2)]
        body += paragraph(" reason     ", safe_text(broken.sentence, 600), inner - 1, 4)
        body += paragraph(" so         ", _consequence(broken.sent), inner - 1, 3)
        body += [(), keyed(" {Enter} closes")]
        return frame_lines(scene, titles, [Span(str(broken.view.proposal.id))], body, width)


def _consequence(sent: bool | None) -> str:
    if sent is False:
        return "nothing was sent"
    if sent is None:
        return "whether it was sent cannot be told now. Do not place it by hand; pane 4 shows it when the vault answers"
    return "it was claimed here and may have been sent; it is being looked for. Do not place it by hand"
