"""What can go wrong in the vault. Each error is one sentence for a person: what happened and what to do."""

from __future__ import annotations


class VaultError(Exception):
    """The vault could not do what was asked; nothing was changed unless the text says otherwise."""


class VaultBusy(VaultError):
    """The lock or the database was held by somebody else past the deadline; nothing was done and nothing will be."""


class VaultFull(VaultError):
    """The disk is full; nothing was stored."""


class VaultBroken(VaultError):
    """The database file is unreadable, damaged, or its writer is dead."""


class VaultDead(VaultBroken):
    """The vault's thread ended; no call will succeed any more, and trading must stop."""


class WrongMode(VaultError):
    """The vault belongs to the other mode, or to another exchange."""


class WrongSchema(VaultError):
    """The vault was written by a newer program, or is no vault of this program."""


class Conflict(VaultError):
    """A compare-and-set lost: the row is not in the state the change expected."""


class NotFound(VaultError):
    """There is no such row."""


class InvalidPolicy(VaultError):
    """The policy is incomplete, contradictory or unknown."""


class StaleFence(VaultError):
    """The lease was taken over by another holder; the write was not made."""


class BudgetExceeded(VaultError):
    """The reservation would pass a cap; the call must not be made."""


class IllegalTransition(VaultError):
    """The database refused a state change that its transition table does not hold."""


class BadBackup(VaultError):
    """The backup cannot be restored here, or no backup can be written there; nothing was changed."""
