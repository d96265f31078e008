"""Read, arm, fire: the states of the confirm dialog, without a screen.

The machine is told of keys, pastes, blur, resizes, paints and the market, each with the monotonic second it
happened at, and answers with what the screen must do. It fires at most once, only by the character ``F`` or the
key ``shift+f``, only while ARMED, and only once ARMED has been on the screen for a quarter of a second. Whatever
it has not been told of lately counts against firing: the book's age runs on between two looks at the market.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from console.screens.confirm_terms import Key, Live, Step, amount_text, stale_reason
from storage.codes import CheckCode

__all__ = ["ENDED", "ConfirmState", "Key", "Live", "State", "Step"]

WAIT_SECONDS: Final = 0.7
"""After opening: what was typed ahead is not meant for this dialog."""
QUARANTINE_SECONDS: Final = 0.3
"""After a new quote, and after a state that cleared by itself."""
PAINTED_SECONDS: Final = 0.25
"""How long ARMED must have been on the screen before F counts."""
IDLE_SECONDS: Final = 180.0
ARMED_SHORTEST: Final = 8.0
ARMED_LONGEST: Final = 30.0
TYPED_LONGEST: Final = 24

_LEAVE: Final = frozenset({"q", "escape", "ctrl+c", "ctrl+q"})
AMOUNT_SIGNS: Final = frozenset("0123456789.,")
"""What an amount is typed with."""


class State(StrEnum):
    """Where the dialog stands; only ARMED can fire."""

    WAIT = "WAIT"
    READY = "READY"
    TYPE = "TYPE"
    ARMED = "ARMED"
    FIRED = "FIRED"
    STALE = "STALE"
    BLOCKED = "BLOCKED"
    GONE = "GONE"
    CLOSED = "CLOSED"


ENDED: Final = frozenset({State.FIRED, State.CLOSED})


NOTHING: Final = Step()
CHANGED: Final = Step(changed=True)


class ConfirmState:
    """The confirm dialog of one ticket, from opening to firing or closing.

    Args: the monotonic second of opening, the market as it is, and how many seconds ARMED lasts (8 to 30).
    All times are monotonic seconds; one that runs backward counts as standing still.
    """

    def __init__(self, at: float, live: Live, armed_seconds: float = ARMED_SHORTEST) -> None:
        if not ARMED_SHORTEST <= armed_seconds <= ARMED_LONGEST:
            raise ValueError(f"armed for {armed_seconds} s is not within {ARMED_SHORTEST:.0f} to {ARMED_LONGEST:.0f} s")
        self.armed_seconds = armed_seconds
        self.state = State.WAIT
        self.wait_seconds = WAIT_SECONDS
        self.typed = ""
        self.note: str | None = None
        """What the last key has done, for READY and TYPE; gone with the next one."""
        self._live = live
        self._live_at = self._now = self._active_at = self._since = at
        self._painted_at: float | None = None
        self._gone: str | None = None

    @property
    def live(self) -> Live:
        """The market as last told."""
        return self._live

    @property
    def remaining(self) -> float:
        """Seconds of WAIT or ARMED still to run; 0.0 in every other state."""
        lasts = {State.WAIT: self.wait_seconds, State.ARMED: self.armed_seconds}.get(self.state, 0.0)
        return max(self._since + lasts - self._now, 0.0) if lasts else 0.0

    @property
    def reason(self) -> str | None:
        """Why the quote is STALE, or what made the proposal GONE; None in every other state."""
        if self.state is State.GONE:
            return self._gone
        return stale_reason(self._live, self._book_age()) if self.state is State.STALE else None

    def tick(self, at: float, live: Live) -> Step:
        """Time passes, and the market is so: drift, checks, the proposal's end, the countdown, idleness."""
        self._now = max(self._now, at)
        if self.state in ENDED:
            return NOTHING
        before, self._live, self._live_at = self._live, live, at
        quarantined = self.state is State.WAIT and self.remaining >= QUARANTINE_SECONDS
        if self.state is State.GONE or quarantined or live.reads_like(before):
            return self._review() or NOTHING
        self._enter_wait(QUARANTINE_SECONDS)
        return self._review() or CHANGED

    def painted(self, at: float) -> None:
        """ARMED has just been drawn on the screen; a paint from before arming, or of another state, does not count."""
        self._now = max(self._now, at)
        if self.state is State.ARMED and self._painted_at is None and at >= self._since:
            self._painted_at = self._now

    def attended(self, at: float) -> None:
        """The operator is at work on this order elsewhere, in a form over the ticket: that is not idling."""
        self._now = self._active_at = max(self._now, at)

    def blur(self, at: float) -> Step:
        """The terminal lost the focus: keys may be meant for something else."""
        return self._disarm(at, "disarmed: focus lost")

    def resized(self, at: float) -> Step:
        """The screen is laid out anew: what is read is no longer where it was."""
        return self._disarm(at, "disarmed: resized")

    def paste(self, at: float) -> Step:
        """A bracketed paste, whatever is in it: it never counts as keys, and never as a typed amount."""
        if self.state is State.TYPE:
            self.note = "a paste does not count"
            return CHANGED
        return self._disarm(at, "disarmed: a paste does not count")

    def key(self, key: Key, at: float) -> Step:
        """One key. See the rules of each state below; what has ended hears nothing."""
        self._now = max(self._now, at)
        if self.state in ENDED or key.is_modifier:
            return NOTHING
        before = self.state
        turned = self._review()
        if self.state in ENDED:
            return turned or NOTHING
        self._active_at = self._now
        if key.name == "escape" or (key.name in _LEAVE and self.state is not State.WAIT):
            return self._close()
        overtaken = turned is not None and before is not State.WAIT  # the key was meant for the state before
        if self.state is State.WAIT or overtaken:
            return turned or NOTHING
        self.note = None
        return {
            State.READY: self._key_ready,
            State.TYPE: self._key_type,
            State.ARMED: self._key_armed,
            State.STALE: self._key_stale,
        }.get(self.state, self._key_shut)(key)

    def _key_ready(self, key: Key) -> Step:
        if key.name == "enter":
            return self._arm()
        return self._requote() if key.name == "r" else Step(changed=True, unused=True)

    def _key_type(self, key: Key) -> Step:
        if key.name == "enter":
            typed = amount_text(self.typed)
            if typed and typed == amount_text(self._live.total):  # a total nobody filled in is not matched by nothing
                return self._arm()
            self.note = f"not {self._live.total}"
        elif key.character is not None and key.character in AMOUNT_SIGNS and len(self.typed) < TYPED_LONGEST:
            self.typed += key.character
        elif key.name == "backspace":
            self.typed = self.typed[:-1]
        elif key.name == "r":
            return self._requote()
        else:
            return Step(changed=True, unused=key.character != " ")
        return CHANGED

    def _key_armed(self, key: Key) -> Step:
        if key.fires:
            if self._painted_at is None or self._now - self._painted_at < PAINTED_SECONDS:
                return NOTHING
            self.state = State.FIRED
            return Step(fire=True, close=True, changed=True)
        if key.name == "r":
            return self._requote()
        return self._disarm(self._now, "shift+F fires" if key.character == "f" else "disarmed")

    def _key_stale(self, key: Key) -> Step:
        return self._requote() if key.name == "r" else Step(unused=True)

    def _key_shut(self, key: Key) -> Step:
        """BLOCKED and GONE: nothing but leaving, and the ways on, which are the screen's."""
        return Step(unused=True)

    def _arm(self) -> Step:
        self.state, self._since, self._painted_at = State.ARMED, self._now, None
        return CHANGED

    def _requote(self) -> Step:
        self._enter_wait(QUARANTINE_SECONDS)
        return Step(requote=True, changed=True)

    def _close(self) -> Step:
        self.state = State.CLOSED
        return Step(close=True, changed=True)

    def _disarm(self, at: float, note: str) -> Step:
        self._now = max(self._now, at)
        if self.state is not State.ARMED:
            return NOTHING
        self._settle(State.READY)
        self.note = note
        return self._review() or CHANGED

    def _enter_wait(self, seconds: float) -> None:
        self.state, self._since, self.wait_seconds = State.WAIT, self._now, seconds

    def _settle(self, state: State) -> None:
        """Enter a state that waits for the operator; READY is TYPE where the amount must be typed."""
        self.state = State.TYPE if state is State.READY and self._live.type_reason is not None else state
        self.typed, self.note, self._painted_at = "", None, None

    def _book_age(self) -> float | None:
        age = self._live.book_age
        return None if age is None else age + (self._now - self._live_at)

    def _condition(self) -> State:
        """What the market and the vault allow, apart from keys and time."""
        told = self._live.gone
        if self._gone is None or (told is not None and told.split()[:1] == self._gone.split()[:1]):
            self._gone = told  # the same end, only longer ago
        if self._gone is not None:
            return State.GONE
        blocking = self._live.blocking
        if blocking is not None and blocking.code is not CheckCode.PRICE_FRESH:
            return State.BLOCKED
        return State.STALE if stale_reason(self._live, self._book_age()) is not None else State.READY

    def _review(self) -> Step | None:
        """Follow time and conditions. The step to take where the state has changed, else None."""
        if self._now - self._active_at >= IDLE_SECONDS:
            return self._close()
        allowed = self._condition()
        if self.state is State.WAIT:
            if allowed is not State.GONE and self.remaining > 0:
                return None
            self._settle(allowed)
        elif allowed is not State.READY:
            if self.state is allowed:
                return None
            self._settle(allowed)
        elif self.state in (State.STALE, State.BLOCKED):
            self._enter_wait(QUARANTINE_SECONDS)
        elif self.state is State.ARMED and self.remaining <= 0:
            self._settle(State.READY)
        else:
            return None
        return CHANGED
