"""What is typed: the phrase that lifts a halt, the note on a decline, the reason of an override, a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from console import format as fmt
from console.panes.cells import at_text
from console.panes.drawing import Scene, paragraph
from console.panes.line_block import LineBlock
from console.screens.base import LEAVE, Dialog, frame_lines, keyed
from console.screens.confirm_line import Line, Span, blocked_reason
from console.screens.confirm_terms import Key, amount_text
from console.text import safe_text, wrapped
from storage.absence import OperatorFill
from storage.money import Eur, NotANumber, Price, Quantity

if TYPE_CHECKING:
    from console.state import ConsoleState
    from storage.execution_models import Execution
    from storage.models import Check, Proposal

T = TypeVar("T")

REASON_CELLS = 200
ROOMY = 18
"""Rows under which a form says no more than it must, so that its fields and keys stay on the screen."""


class FieldWall(LineBlock):
    """One side of the frame beside a field, one cell wide."""

    DEFAULT_CSS = "FieldWall { width: 1; height: 1; }"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form: its label (none: the hint says it), what stands in it, what is said while it is empty."""

    label: str = ""
    value: str = ""
    hint: str = ""


class Form(Dialog[T], inherit_bindings=False):
    """A box of words over one or more fields. Enter goes on to the next field, at the last one it is done.

    In a form that ``chooses`` Enter is done at once, in every field, and there is a place beside the fields where keys
    are the form's own; it starts there, unless it has to be filled first.
    """

    DEFAULT_CSS = """
    Form > Vertical { width: 80; max-width: 100%; height: auto; background: $background; }
    Form Input { border: none; height: 1; padding: 0 1 0 0; background: $background; color: $foreground; width: 1fr; }
    Form Input:focus { border: none; background: $selected; }
    Form Input > .input--placeholder { color: $muted; text-style: italic; }
    Form Horizontal { height: 1; }
    Form .label { width: 10; }
    Form .margin { width: 1; }
    """

    # Before the field gets the key: what is typed right behind it belongs to the next field already. Enter alone comes
    # after what was typed, as it judges that.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"go('{key}')", show=False, priority=True) for key in ("tab", "shift+tab", "down", "up")
    ]

    def __init__(self, fields: tuple[Field, ...], *, chooses: bool = False, beside: bool | None = None) -> None:
        super().__init__()
        self.labels = tuple(field.label for field in fields)
        self.fields = tuple(
            Input(field.value, placeholder=field.hint, max_length=REASON_CELLS,
                  id=f"field-{place}", select_on_focus=False)
            for place, field in enumerate(fields)
        )  # fmt: skip
        self.chooses = chooses
        self.beside = chooses if beside is None else beside
        """Whether it starts beside its fields."""
        self.note = ""
        self.foot = LineBlock(id="foot")

    def compose(self) -> ComposeResult:
        """The words, the fields, the keys."""
        with Vertical():
            yield self.box
            for label, field in zip(self.labels, self.fields, strict=True):
                with Horizontal():
                    yield FieldWall()
                    if label:
                        block = LineBlock(classes="label")
                        block.show([(Span(f" {label}", "muted"),)])
                        yield block
                    else:
                        yield LineBlock(classes="margin")
                    yield field
                    yield FieldWall()
            yield self.foot

    def on_mount(self) -> None:
        """Start in the first field, or beside the fields; nothing in them blinks."""
        symbols = self.console.scene().symbols
        for field in self.fields:
            field.cursor_blink = False
            field.placeholder = symbols.spelt(str(field.placeholder))
        if not self.beside:
            self.fields[0].focus()

    def on_key(self, event: events.Key) -> None:
        """Enter, Tab and the ways out; everything else is typed, or the form's own beside the fields."""
        if not self.is_active:
            event.stop()
            event.prevent_default()  # closed by the key before this one, which arrived together with it
        elif event.key in ("escape", "ctrl+c", "ctrl+q"):
            event.stop()
            event.prevent_default()
            self.dismiss(None)
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self._go(event.key)
        elif event.key == "ctrl+u" and self.place is not None:
            event.stop()
            event.prevent_default()
            self.fields[self.place].value = ""
        elif self.place is not None:
            event.prevent_default()  # typed, and nothing to the dialog

    def on_paste(self, event: events.Paste) -> None:
        """The fields take pastes themselves."""

    def press(self, key: Key) -> None:
        """A key beside the fields; the ways out."""
        if key.name in LEAVE:
            self.dismiss(None)

    @property
    def values(self) -> tuple[str, ...]:
        """What stands in the fields."""
        return tuple(field.value.strip() for field in self.fields)

    @property
    def place(self) -> int | None:
        """Which field is typed into; None beside the fields."""
        return next((place for place, field in enumerate(self.fields) if field.has_focus), None)

    def action_go(self, key: str) -> None:
        """To the next field, or the one before."""
        self._go(key)

    def _go(self, key: str) -> None:
        place = self.place
        if key == "enter" and (self.chooses or place == len(self.fields) - 1):
            self.submit()
            return
        step = -1 if key in ("shift+tab", "up") else 1
        stops = len(self.fields) + (1 if self.chooses else 0)  # the last stop of a form that chooses is beside them
        at = ((stops - 1 if place is None else place) + step) % stops
        if at < len(self.fields):
            self.set_focus(self.fields[at])  # now: a widget that is told to take the focus does so later
        else:
            self.set_focus(None)

    def submit(self) -> None:
        """Send what was typed, or say why not."""
        raise NotImplementedError

    def titles(self, scene: Scene) -> list[Span]:
        """What stands in the upper border."""
        raise NotImplementedError

    def keys(self) -> tuple[str, ...]:
        """The keys, in braces; the longest wording that fits is shown, the last one in any case."""
        return (" {Enter} goes on   {Esc} leaves",)

    def redraw(self) -> None:
        """Words above the fields, and under them what was wrong and the keys."""
        if not self.is_mounted:
            return
        width, scene = self.box_width, self.console.scene()
        for container in self.query(Vertical):
            container.styles.width = width
        lines = self.draw(scene, width - 2)
        foot: list[Line] = [(Span(f" {line}", "wait"),) for line in wrapped(self.note, max(width - 4, 2))]
        choices = self.keys()
        shown = next((text for text in choices if len(text) - 2 * text.count("{") <= width - 3), choices[-1])
        foot = [*(foot or [()]), keyed(shown)]
        self.box.show(frame_lines(scene, self.titles(scene), [], lines, width)[:-1])
        self.foot.show(frame_lines(scene, [], [], foot, width)[1:])
        for wall in self.query(FieldWall):
            wall.show([(Span(scene.symbols.dialog.down, scene.frame_token),)])


class TypedForm(Form[tuple[str, ...] | None]):
    """A form that ends in what was typed, once nothing speaks against it."""

    def submit(self) -> None:
        """End, unless something is wrong."""
        refused = self.refusal(self.values)
        if refused is None:
            self.dismiss(self.values)
            return
        self.note = refused
        self.redraw()

    def refusal(self, values: tuple[str, ...]) -> str | None:
        """Why this cannot be sent, or None."""
        raise NotImplementedError


class ResumeForm(TypedForm):
    """Trading again: says which halt is lifted and why it was made, and asks the phrase and a reason."""

    def __init__(self, state: ConsoleState) -> None:
        self.phrase = f"resume {state.header.mode.value}"
        super().__init__((Field("phrase", "", f"type {self.phrase}"), Field("reason", "", "type why; it is stored")))
        self.record = state.header.trading
        self.halt_file = state.header.halt_file

    def on_input_changed(self, event: Input.Changed) -> None:
        """A phrase that cannot become the right one is named while it is typed."""
        event.stop()
        typed = self.values[0]
        self.note = "" if self.phrase.startswith(typed) else self._wrong(typed)
        self.redraw()

    def _go(self, key: str) -> None:
        if key == "enter" and self.place == 0 and self.values[0] != self.phrase:
            self.note = self._wrong(self.values[0])
            self.redraw()
            return
        super()._go(key)

    def _wrong(self, typed: str) -> str:
        said = safe_text(typed, 40)
        return f"type {self.phrase}" if not said else f"{said} is not {self.phrase}; ctrl+u clears it"

    def refusal(self, values: tuple[str, ...]) -> str | None:
        """The phrase to the letter, and some reason."""
        if values[0] != self.phrase:
            return self._wrong(values[0])
        return None if values[1] else "a reason is needed; it is stored"

    def titles(self, scene: Scene) -> list[Span]:
        """Resume, and which mode."""
        return [Span("RESUME", "strong"), Span(scene.mode.value.upper(), f"{scene.frame_token} strong")]

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """Who stopped, when and why."""
        record = self.record
        by = f"{record.state.value} by {safe_text(record.actor, 30)} on {fmt.day(record.at, scene.zone)}"
        lines = paragraph(" stopped  ", f"{by} {fmt.clock(record.at, scene.zone)}", width - 1, 2)
        lines += paragraph(" because  ", safe_text(record.reason, 400), width - 1, 3)
        if self.halt_file is not None:
            lines += paragraph(" file     ", safe_text(self.halt_file, 200), width - 1, 2)
        return [*lines, *paragraph(" ", f"To trade again, type {self.phrase} and why.", width - 1, 2)]


class NoteForm(TypedForm):
    """Why a proposal was declined, in the operator's words."""

    def __init__(self, proposal_id: int) -> None:
        super().__init__((Field(hint="why"),))
        self.proposal_id = proposal_id

    def refusal(self, values: tuple[str, ...]) -> str | None:
        """Something must be said."""
        return None if values[0] else "type why, or Esc"

    def titles(self, scene: Scene) -> list[Span]:
        """What was declined."""
        return [Span(f"DECLINED {self.proposal_id}", "strong")]

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """The question."""
        return [(Span(" Why? It is stored with the decline."),)]


class OverrideForm(TypedForm):
    """Why the checks that alone stand in the way are set aside for one proposal."""

    def __init__(self, proposal: Proposal, checks: tuple[Check, ...]) -> None:
        super().__init__((Field(hint="reason"),))
        self.proposal = proposal
        self.checks = checks

    def refusal(self, values: tuple[str, ...]) -> str | None:
        """Some reason."""
        return None if values[0] else "a reason is needed; it is stored with the order"

    def titles(self, scene: Scene) -> list[Span]:
        """What is overridden, of what."""
        codes = " and ".join(check.code.value for check in self.checks)
        return [Span("OVERRIDE", "strong"), Span(codes, "wait"), Span(str(self.proposal.id))]

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """What each check says, and what comes next."""
        lines: list[Line] = []
        for check in self.checks:
            lines += paragraph(" ", blocked_reason(check, scene.zone, scene.now), width - 1, 3)
        text = "Why is it right all the same? The ticket that opens then asks for the amount."
        return [*lines, *paragraph(" ", text, width - 1, 2)]


class ResolveForm(TypedForm):
    """The operator's verdict on an order whose answer never came, after having looked at the exchange."""

    def __init__(self, execution: Execution) -> None:
        super().__init__(
            (
                Field("verdict", "", "none, or filled, as you saw it at the exchange"),
                Field("quantity", "", "filled: how much"),
                Field("price", "", "filled: average price in EUR"),
                Field("fee", "", "filled: fee in EUR, 0 for none"),
                Field("reason", "", "how you know; it is stored"),
            )
        )
        self.execution = execution
        self.verdict: OperatorFill | None = None

    def refusal(self, values: tuple[str, ...]) -> str | None:
        """A verdict with all its figures, and a reason."""
        word, quantity, price, fee, reason = values
        if word.lower() not in ("none", "filled"):
            return "the verdict is none or filled"
        if not reason:
            return "a reason is needed; it is stored"
        if word.lower() == "none":
            return None if not (quantity or price or fee) else "with none there is no quantity, price or fee"
        try:
            fill = OperatorFill(
                Quantity.of(amount_text(quantity)), Price.of(amount_text(price)), Eur.of(amount_text(fee))
            )
        except NotANumber as error:
            return f"filled needs quantity, price and fee: {safe_text(error, 60)}"
        if not fill.quantity.is_positive or not fill.price.is_positive or fill.fee < Eur.zero():
            return "quantity and price must be more than zero, the fee not less"
        if fill.quantity > self.execution.quantity:
            return f"no more than the {fmt.quantity(self.execution.quantity)} that were ordered"
        self.verdict = fill
        return None

    def titles(self, scene: Scene) -> list[Span]:
        """What is settled."""
        return [Span("SETTLE BY HAND", "stop"), Span(str(self.execution.proposal_id))]

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """The order, and what to look for."""
        execution, state = self.execution, self.console.driver.state
        tick = None if state is None else state.tick_sizes.get(execution.market)
        amount = f"{fmt.quantity(execution.quantity)} {safe_text(execution.market, 20)} {at_text(execution, tick)}"
        lines = paragraph(" order    ", f"{execution.side.value.upper()} {amount}", width - 1, 2)
        if self.app.size.height < ROOMY:
            return lines
        lines += paragraph(" order id ", safe_text(execution.client_order_id, 80), width - 1, 2)
        text = "Look at the exchange first. What turns up there later still counts, and halts."
        return [*lines, *paragraph(" ", text, width - 1, 2)]
