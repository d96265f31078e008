"""Whatever is pressed, pasted and resized in whatever order, F fires only where it may."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from console.screens.confirm_state import ENDED, ConfirmState, Key, Live, State, Step
from storage.codes import CheckCode, Side
from storage.models import Check
from storage.money import Price
from tests.ui.test_confirm_state import QUIET, TYPED

STEPS_A_SEED = 4_000
SEEDS = range(8)

BLOCKED = Check(code=CheckCode.COOLDOWN, passed=False, applied=True, observed="", limit="", reason="cooling")
MARKETS: tuple[Live, ...] = (
    *(QUIET,) * 12,
    *(TYPED,) * 3,
    replace(QUIET, book_age=6.0),
    replace(QUIET, reference=Price.of(70_000)),
    replace(QUIET, reference=None),
    replace(QUIET, blocking=BLOCKED),
    replace(QUIET, quote=1, opened_on=Price.of("61152")),
    replace(TYPED, total="25.20"),
)
KEYS = (
    *(Key("enter", "\r"),) * 6,
    *(Key("F", "F"),) * 8,
    *(Key(digit, digit) for digit in "25.16"),
    Key("shift+f", "F"),
    Key("f", "f"),
    Key("r", "r"),
    Key("i", "i"),
    Key("space", " "),
    Key("backspace", "\x7f"),
    Key("left_shift"),
    Key("caps_lock"),
    Key("ctrl+shift+f", "F"),
    Key("alt+F", "F"),
)
ENDING_KEYS = (Key("escape", "\x1b"), Key("q", "q"))


class Watch:
    """Drives one machine with chance, and holds every step against what was known before it."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.at = chance.uniform(0, 1e6)
        self.live = QUIET
        self.live_at = self.at
        self.machine = ConfirmState(self.at, QUIET)
        self.quiet_until = self.at + 0.7
        self.painted_at: float | None = None
        self.fired = 0
        self.ended = False

    def check(self, step: Step, before: State, key: Key | None) -> None:
        """The rules, worked out again from outside."""
        if self.ended:
            assert step == Step(), "nothing is heard after the end"
        if step.fire:
            self.fired += 1
            assert key is not None
            assert key.name in ("F", "shift+f")
            assert key.character == "F"
            assert before is State.ARMED
            assert self.painted_at is not None
            assert self.at - self.painted_at >= 0.25
            assert self.at >= self.quiet_until
            assert self.live.blocking is None
            assert self.live.gone is None
            assert self.live.book_age is not None
            assert self.live.book_age + self.at - self.live_at < 5.0
            assert self.live.reference == QUIET.reference
            assert step.close
        if step.requote:
            self.quiet_until = self.at + 0.3
        assert self.fired <= 1
        if self.machine.state is not State.ARMED:
            self.painted_at = None
        self.ended = self.machine.state in ENDED

    def step(self) -> None:
        """One random event."""
        self.at += self.chance.choice((0.0, 0.01, 0.05, 0.2, 0.3, 0.4, 1.0))
        before, key = self.machine.state, None
        draw = self.chance.random()
        if draw < 0.55:
            key = self.chance.choice(ENDING_KEYS if self.chance.random() < 0.01 else KEYS)
            result = self.machine.key(key, self.at)
        elif draw < 0.75:
            if self.chance.random() < 0.3:
                self.live = self.chance.choice(MARKETS)
            if self.chance.random() < 0.01:
                self.live = replace(self.live, gone="expired 0 s ago")
            self.live_at = self.at
            result = self.machine.tick(self.at, self.live)
        elif draw < 0.95:
            self.machine.painted(self.at)
            if self.machine.state is State.ARMED and self.painted_at is None:
                self.painted_at = self.at
            return
        else:
            event = self.chance.choice((self.machine.paste, self.machine.blur, self.machine.resized))
            result = event(self.at)
            assert self.machine.state is not State.ARMED
        self.check(result, before, key)


@pytest.mark.parametrize("seed", SEEDS)
def test_chance_fires_only_where_a_person_may(seed: int) -> None:
    chance = Random(seed)
    fired = ended = 0
    reached: set[State] = set()
    watch = Watch(chance)
    after_end = 0
    for _ in range(STEPS_A_SEED):
        watch.step()
        reached.add(watch.machine.state)
        after_end += watch.ended
        if after_end > 20:
            fired += watch.fired
            ended += 1
            watch, after_end = Watch(chance), 0
    assert fired > 0, "the fuzz must reach what it guards"
    assert ended > fired
    assert reached == set(State)


def test_no_batch_fires() -> None:
    """A whole burst within one instant, in any order, never fires: nothing can have been painted in between."""
    chance = Random(7)
    for _ in range(300):
        machine = ConfirmState(0.0, QUIET)
        machine.tick(1.0, QUIET)
        for _ in range(40):
            assert not machine.key(chance.choice(KEYS), 1.0).fire


def test_a_sell_is_guarded_like_a_buy() -> None:
    live = replace(QUIET, side=Side.SELL, reference=Price.of(60_000))
    machine = ConfirmState(0.0, live)
    for beat in range(200):
        machine.painted(beat * 0.3)
        assert not machine.key(Key("F", "F") if beat % 2 else Key("enter", "\r"), beat * 0.3).fire
