"""What every screen and dialog shares: the console behind it, its frame, and keys that go nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from console.exchange.errors import ExchangeError
from console.panes.drawing import Scene, fitted, rule, walled
from console.panes.line_block import LineBlock
from console.screens.confirm_line import Line, Span
from console.screens.confirm_terms import Key
from storage.errors import VaultError

if TYPE_CHECKING:
    from textual.timer import Timer

    from console.execution.ticket import TicketView
    from console.screens.driver import Driver
    from console.symbols import Symbols
    from storage.execution_models import Execution

T = TypeVar("T")

DRIVER_ERRORS: Final = (VaultError, ExchangeError, OSError)
"""What the program behind the screen says in one sentence when something could not be done."""

DIALOG_WIDTH: Final = 80
LEAVE: Final = frozenset({"q", "escape", "ctrl+c", "ctrl+q"})


class Console(Protocol):
    """The app, as its screens see it."""

    driver: Driver

    def scene(self) -> Scene:
        """The time, zone, signs and mode to draw under."""

    def say(self, text: str, token: str = "", *, while_true: Callable[[], bool] = ...) -> None:
        """One sentence on the activity line, for a while, or until it stops being true."""

    def spawn(self, work: Coroutine[Any, Any, None], doing: str) -> None:
        """Run something that outlives the screen; what goes wrong is said in one sentence."""

    def action_stop(self) -> None:
        """Open the stop bar."""

    def open_exit(self, market: str, parent: int | None = None) -> None:
        """The form that sells what is held of a market."""

    def open_verdict(self, execution: Execution) -> None:
        """The form of a verdict on an UNKNOWN."""

    def open_again(self, proposal_id: int) -> None:
        """The form of a new idea, filled from a proposal that has ended."""

    def why_not(self, action: str) -> str | None:
        """Why an action of the registry cannot be done now; None if it can."""

    def fire(self, view: TicketView, *, typed: bool) -> None:
        """Hand a ticket to the program behind the screen, and show what comes of it."""


def console_of(screen: ModalScreen[Any]) -> Console:
    """The app of a screen."""
    return cast(Console, screen.app)


def spelt(line: Line, symbols: Symbols) -> Line:
    """A line with the signs of the set in use; padding at its end gives way to what becomes longer."""
    if symbols.name != "ascii" or all(span.text.isascii() for span in line):
        return line
    changed = [Span(symbols.spelt(span.text), span.token) for span in line]
    while changed and not changed[-1].text.strip():
        changed.pop()
    return tuple(changed)


def frame_lines(
    scene: Scene, titles: Sequence[Span], right: Sequence[Span], body: Sequence[Line], width: int
) -> list[Line]:
    """Lines in a dialog's frame, titles in its upper border, exactly ``width`` cells."""
    frame, token = scene.symbols.dialog, scene.frame_token
    lines = [rule((frame.top_left, frame.top_right), frame.across, token, titles, right, width)]
    lines += [walled(spelt(line, scene.symbols), width, frame, token, scene.symbols.cut) for line in body]
    lines.append((Span(frame.bottom_left + frame.across * (width - 2) + frame.bottom_right, token),))
    return lines


class Dialog(ModalScreen[T], inherit_bindings=False):
    """A dialog drawn by line. Keys, pastes and clicks stay in it; ``ctrl+x`` alone goes past it."""

    AUTO_FOCUS = ""
    TICK: ClassVar[float] = 0.25
    """Seconds between two drawings."""
    STOPS: ClassVar[bool] = True
    """Whether ``h`` opens the stop bar over it, as everywhere but where text is typed."""

    DEFAULT_CSS = """
    Dialog { background: transparent; align: center middle; }
    Dialog > LineBlock { width: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.box = LineBlock(id="box")
        self._timer: Timer | None = None
        self._left_with: tuple[T | None] | None = None

    @property
    def console(self) -> Console:
        """The app."""
        return console_of(self)

    def compose(self) -> ComposeResult:
        """The box alone."""
        yield self.box

    def background(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> None:
        """Run something of this dialog's, in place of what still runs of the same group; it ends with the dialog."""
        # Given as a function, so that nothing is left behind unawaited where it is replaced before it began.
        self.run_worker(cast("Any", work), group=group, exclusive=True)

    def on_mount(self) -> None:
        """Draw, and go on drawing."""
        self.redraw()
        self._timer = self.set_interval(self.TICK, self.redraw)

    def leave(self, result: T | None = None) -> None:
        """End with this, at once or, from under another dialog, when that has gone."""
        if not self.is_attached:
            return
        if self.is_active:
            self.dismiss(result)
        else:
            self._left_with = (result,)

    def on_screen_resume(self) -> None:
        """What lay over the dialog has gone."""
        if self._left_with is not None:
            self.call_later(self.leave, *self._left_with)

    def on_resize(self) -> None:
        """Lay out anew."""
        self.redraw()

    def on_key(self, event: events.Key) -> None:
        """Every key ends here."""
        event.stop()
        event.prevent_default()
        key = Key(event.key, event.character)
        if not self.is_active:
            return  # closed or covered by the key before this one, which arrived together with it
        if key.character == "h" and self.STOPS:
            self.console.action_stop()
        elif not key.is_modifier:
            self.press(key)

    def on_paste(self, event: events.Paste) -> None:
        """A paste is no key."""
        event.stop()

    def on_click(self, event: events.Click) -> None:
        """A click decides nothing."""
        event.stop()

    def press(self, key: Key) -> None:
        """One key that is more than a modifier."""
        raise NotImplementedError

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """The whole box, each line ``width`` cells."""
        raise NotImplementedError

    @property
    def box_width(self) -> int:
        """Cells of the box: the dialog's own, or the whole of a narrower screen."""
        return min(DIALOG_WIDTH, max(self.app.size.width, 4))

    def redraw(self) -> None:
        """Show what is true now."""
        width, scene = self.box_width, self.console.scene()
        self.box.styles.width = width
        self.box.show([fitted(line, width) for line in self.within(self.draw(scene, width), scene)])

    def within(self, lines: list[Line], scene: Scene) -> list[Line]:
        """The lines that are shown of a box that may be higher than the screen."""
        return lines


class Bar(Dialog[T], inherit_bindings=False):
    """A dialog of a few lines at the foot of the screen."""

    DEFAULT_CSS = """
    Bar { align: center bottom; }
    """

    @property
    def box_width(self) -> int:
        """The whole width."""
        return max(self.app.size.width, 4)

    def bar_lines(self, scene: Scene, title: Span, body: Sequence[Line], width: int) -> list[Line]:
        """The lines in the frame of the mode."""
        frame, token = scene.frame, scene.frame_token
        inside = [walled(spelt(line, scene.symbols), width, frame, token, scene.symbols.cut) for line in body]
        foot: Line = (Span(frame.bottom_left + frame.across * (width - 2) + frame.bottom_right, token),)
        return [rule((frame.join_left, frame.join_right), frame.across, token, [title], (), width), *inside, foot]


def keyed(text: str) -> Line:
    """Words with their keys accented: ``{Enter} HALT   {q} back``."""
    line: list[Span] = []
    for place, part in enumerate(text.split("{")):
        key, closed, rest = part.partition("}")
        if place and closed:
            line += [Span(key, "accent"), Span(rest)]
        else:
            line.append(Span(part))
    return tuple(line)
