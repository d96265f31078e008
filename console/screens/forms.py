"""What is typed: the phrase that lifts a halt, with its reason; the note on a decline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from console import format as fmt
from console.panes.drawing import Scene, paragraph
from console.panes.line_block import LineBlock, Wall
from console.screens.base import Dialog, frame_lines, keyed
from console.screens.confirm_line import Line, Span
from console.screens.confirm_terms import Key
from console.text import safe_text

if TYPE_CHECKING:
    from console.state import ConsoleState

REASON_CELLS = 200


class Form(Dialog[tuple[str, ...] | None], inherit_bindings=False):
    """A box of words over one or more fields. Enter goes on to the next field, at the last one it is done."""

    DEFAULT_CSS = """
    Form > Vertical { width: 80; max-width: 100%; height: auto; background: $background; }
    Form Input { border: none; height: 1; padding: 0 1; background: $background; color: $foreground; width: 1fr; }
    Form Input:focus { border: none; background: $selected; }
    Form Horizontal { height: 1; }
    """

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__()
        self.fields = tuple(
            Input(placeholder=name, max_length=REASON_CELLS, id=f"field-{place}", select_on_focus=False)
            for place, name in enumerate(fields)
        )
        self.note = ""
        self.foot = LineBlock(id="foot")

    def compose(self) -> ComposeResult:
        """The words, the fields, the keys."""
        with Vertical():
            yield self.box
            for field in self.fields:
                with Horizontal():
                    yield Wall()
                    yield field
                    yield Wall()
            yield self.foot

    def on_mount(self) -> None:
        """Start in the first field; nothing in it blinks."""
        super().on_mount()
        for field in self.fields:
            field.cursor_blink = False
        self.fields[0].focus()

    def on_key(self, event: events.Key) -> None:
        """Enter, Tab and the ways out; everything else is typed."""
        if event.key in ("escape", "ctrl+c", "ctrl+q"):
            event.stop()
            self.dismiss(None)
        elif event.key in ("enter", "tab", "down", "shift+tab", "up"):
            event.stop()
            event.prevent_default()
            self._go(event.key)

    def on_paste(self, event: events.Paste) -> None:
        """The fields take pastes themselves."""

    def press(self, key: Key) -> None:
        """Keys are the fields' own."""

    def _go(self, key: str) -> None:
        place = next((place for place, field in enumerate(self.fields) if field.has_focus), 0)
        if key == "enter" and place == len(self.fields) - 1:
            self._submit()
            return
        step = -1 if key in ("shift+tab", "up") else 1
        self.fields[(place + step) % len(self.fields)].focus()

    def _submit(self) -> None:
        values = tuple(field.value.strip() for field in self.fields)
        refused = self.refusal(values)
        if refused is None:
            self.dismiss(values)
            return
        self.note = refused
        self.redraw()

    def refusal(self, values: tuple[str, ...]) -> str | None:
        """Why this cannot be sent, or None."""
        raise NotImplementedError

    def titles(self, scene: Scene) -> list[Span]:
        """What stands in the upper border."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Words above the fields, and under them what was wrong and the keys."""
        width, scene = self.box_width, self.console.scene()
        for container in self.query(Vertical):
            container.styles.width = width
        lines = self.draw(scene, width - 2)
        foot: list[Line] = [(Span(f" {self.note}", "wait"),), keyed(" {Enter} goes on   {Esc} leaves")]
        self.box.show(frame_lines(scene, self.titles(scene), [], lines, width)[:-1])
        self.foot.show(frame_lines(scene, [], [], foot, width)[1:])
        for wall in self.query(Wall):
            wall.show_side((Span(scene.symbols.dialog.down, scene.frame_token),))


class ResumeForm(Form, inherit_bindings=False):
    """Trading again: says which halt is lifted and why it was made, and asks the phrase and a reason."""

    def __init__(self, state: ConsoleState) -> None:
        self.phrase = f"resume {state.header.mode.value}"
        super().__init__((self.phrase, "reason"))
        self.record = state.header.trading
        self.halt_file = state.header.halt_file

    def refusal(self, values: tuple[str, ...]) -> str | None:
        """The phrase to the letter, and some reason."""
        if values[0] != self.phrase:
            return f"type {self.phrase}"
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


class NoteForm(Form, inherit_bindings=False):
    """Why a proposal was declined, in the operator's words."""

    def __init__(self, proposal_id: int) -> None:
        super().__init__(("why",))
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
