"""The policies of a vault and which one is in force."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from storage.clock import Micros
from storage.database import Tx
from storage.errors import Conflict, InvalidPolicy, NotFound, VaultBroken
from storage.models import ActivePolicy
from storage.policies import Policy, read_policy
from storage.policy_window import Venue, contradictions

SHORTEST_PREFIX: Final = 4


@lru_cache(maxsize=32)
def _parsed(canonical: str, policy_hash: str) -> Policy:
    policy = read_policy(json.loads(canonical))
    if policy.hash() != policy_hash:
        raise VaultBroken(f"policy {policy_hash[:8]} does not match its hash; see oracle verify")
    return policy


def active_policy(tx: Tx) -> ActivePolicy:
    """The policy in force. Raises VaultBroken where there is none."""
    row = tx.sql.one("active_policy")
    if row is None:
        raise VaultBroken("the vault has no active policy; activate one with oracle policy activate NAME")
    return ActivePolicy(row["activation_id"], row["hash"], row["name"], _parsed(row["canonical"], row["hash"]))


def policy_named(tx: Tx, name: str) -> Policy:
    """The newest stored policy of that name. Raises NotFound."""
    return _policy(tx.sql.one("policy_by_name", name=name), name)


def policy_with_hash(tx: Tx, policy_hash: str) -> Policy:
    """The stored policy with that hash. Raises NotFound."""
    return _policy(tx.sql.one("policy_by_hash", hash=policy_hash), policy_hash[:8])


def _policy(row: sqlite3.Row | None, wanted: str) -> Policy:
    if row is None:
        raise NotFound(f"there is no policy {wanted}; oracle policy list names them")
    return _parsed(row["canonical"], row["hash"])


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy of the vault; ``since`` is when it was last put in force, None if it never was."""

    name: str
    hash: str
    active: bool
    since: Micros | None


def stored_policies(tx: Tx) -> list[StoredPolicy]:
    """Every policy, the one in force first, then by when it was last in force."""
    return [
        StoredPolicy(row["name"], row["hash"], bool(row["active"]), row["since"])
        for row in tx.sql.all("stored_policies")
    ]


def find_policy(tx: Tx, word: str) -> Policy:
    """The newest policy of that name, or the only one whose hash begins so (four digits or more). Raises NotFound."""
    try:
        return policy_named(tx, word)
    except NotFound:
        rows = tx.sql.all("policies_by_prefix", prefix=word.lower()) if len(word) >= SHORTEST_PREFIX else []
        if len(rows) != 1:
            raise
    return _parsed(rows[0]["canonical"], rows[0]["hash"])


def activate_policy(tx: Tx, policy: Policy, replaces: int, venues: Mapping[str, Venue] | None = None) -> ActivePolicy:
    """Put a policy in force instead of the activation ``replaces`` (compare-and-set).

    Raises:
        InvalidPolicy: it leaves no order that a buy could have, in some market or at all; with the figures. The
            exchange's own minima are tested where ``venues`` tell them. Or a market is in both of its lists.
        Conflict: another policy was activated meanwhile.
    """
    policy_hash = policy.hash()
    current = active_policy(tx)
    if current.hash == policy_hash:
        return current
    # Whoever puts a market on exit_only wants no buys there, and the allowlist would let them through.
    if both := sorted(set(policy.allowlist) & set(policy.exit_only)):
        stand = "stands" if len(both) == 1 else "stand"
        raise InvalidPolicy(
            f"policy {policy.name}: {', '.join(both)} {stand} in allowlist and in exit_only; one of them must go"
        )
    from storage.facts import STAGE_LIMITS, current_stage  # facts are read with this module's active policy

    stage = current_stage(tx)
    if problems := contradictions(policy, stage, STAGE_LIMITS[stage], venues):
        raise InvalidPolicy(f"policy {policy.name} would refuse every order: {'; '.join(problems)}")
    if current.activation_id != replaces or tx.sql.change("end_activation", id=replaces) != 1:
        raise Conflict(f"policy {current.name} was activated meanwhile; look at it before you replace it")
    if tx.sql.one("policy_by_hash", hash=policy_hash) is None:
        tx.sql.change("insert_policy", hash=policy_hash, name=policy.name, canonical=policy.canonical(), now=tx.now)
    activation = tx.sql.insert(
        "insert_activation", hash=policy_hash, replaces=replaces, actor=tx.actor.name, now=tx.now
    )
    tx.audit("policy.activated", policy.name, urgent=True, hash=policy_hash, replaces=current.hash)
    return ActivePolicy(activation, policy_hash, policy.name, policy)
