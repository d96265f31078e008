"""Whether somebody sits before the console: the last key, told to the vault once a minute at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console.screens.base import DRIVER_ERRORS
from storage.clock import MINUTE, SECOND, Micros

if TYPE_CHECKING:
    from console.screens.driver import Driver

STORE_SECONDS: Final = 60.0
AWAY: Final[Micros] = 30 * MINUTE


class Presence:
    """The operator's keys in this console, and the last one of the console before."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        clock = driver.clock
        self._key_at: Micros = clock.now()
        """Wall time of the last key; the start counts as one."""
        self._key_monotonic = clock.monotonic()
        self._stored: float | None = None
        self._before_asked = False
        self._before: Micros | None = None
        """The last key of an earlier console, while it has not been told about."""
        self._told = False
        self.pressed = False
        """Whether a key was pressed in this console."""
        self.was_here = False
        """Whether a key of an earlier console was stored, as far as was asked."""

    def key(self) -> bool:
        """Somebody pressed a key; whether that is to be stored."""
        clock = self._driver.clock
        self.pressed = True
        self._key_at, self._key_monotonic, self._told = clock.now(), clock.monotonic(), False
        due = self._stored is None or self._key_monotonic - self._stored >= STORE_SECONDS
        # The last key of the console before is read first; a key of this one would hide it.
        return due and self._before_asked and not self._driver.read_only

    async def store(self) -> None:
        """Tell the vault. Raises what the driver raises."""
        self._stored = self._driver.clock.monotonic()
        await self._driver.note_key()

    async def away_since(self) -> Micros | None:
        """Since when the operator has been away, if it is long enough to be told about, and was not told yet."""
        driver = self._driver
        if driver.state is None:
            return None
        if not await self.ask_before():
            return None
        if self._before is not None:
            return self._before
        idle = (driver.clock.monotonic() - self._key_monotonic) * SECOND
        return self._key_at if not self._told and idle >= AWAY else None

    async def ask_before(self) -> bool:
        """Read the last key of an earlier console, once; whether it is known by now."""
        if self._before_asked:
            return True
        try:
            before = await self._driver.last_key()
        except DRIVER_ERRORS:
            return False
        if not self._before_asked:  # two may have asked at once
            now = self._driver.clock.now()
            self._before_asked, self.was_here = True, before is not None
            self._before = before if before is not None and now - before >= AWAY else None
        return True

    def told(self) -> None:
        """The card is shown."""
        self._before, self._told = None, True
