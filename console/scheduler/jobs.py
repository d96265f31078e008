"""What a job is to the scheduler: a callable that gets a lease, and how often it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from storage.clock import SECOND, Clock, Micros
from storage.codes import JobName
from storage.database import Tx, Vault
from storage.errors import StaleFence
from storage.leases import require_lease
from storage.models import Lease

T = TypeVar("T")


class HeldLease:
    """A lease while its job runs; the only way the job writes."""

    def __init__(self, vault: Vault, clock: Clock, lease: Lease) -> None:
        self._vault = vault
        self._clock = clock
        self.lease = lease

    async def transact(self, change: Callable[[Tx], T]) -> T:
        """Write under the lease: holder and fence are read first, in the same transaction. Raises StaleFence."""
        lease = self.lease

        def guarded(tx: Tx) -> T:
            require_lease(tx, lease)
            return change(tx)

        return await self._vault.transact(guarded)

    def require_time(self, seconds: float) -> None:
        """Before an outside call of up to so many seconds. Raises StaleFence when the lease runs out sooner."""
        if self.lease.expires_at - self._clock.now() < seconds * SECOND:
            raise StaleFence(f"the lease of {self.lease.job} runs out before the call would end")


URGENT_EVERY: Final[Micros] = 5 * SECOND

JobRun: TypeAlias = Callable[[HeldLease], Awaitable[str]]
"""Runs a job once; one sentence on what it changed, empty for nothing."""


@dataclass(frozen=True, slots=True)
class Job:
    """A registered job. A ``held`` one keeps its lease between runs, so that others see it live."""

    name: JobName
    run: JobRun
    every: Micros
    held: bool = False
    pace: Callable[[], Micros] | None = None
    """The interval to the next run, where it depends on what the last one found; ``every`` is then the longest."""
    wanted: Callable[[Tx], bool] | None = None
    """Whether there is anything to do; a due job without work takes no lease and writes nothing."""
    urgent: Callable[[Tx], bool] | None = None
    """Whether it should run every ``URGENT_EVERY`` just now, whatever its interval."""

    def interval(self) -> Micros:
        """Until the next run. Never more than ``every``: a due time further ahead counts as due."""
        return self.every if self.pace is None else min(self.pace(), self.every)
