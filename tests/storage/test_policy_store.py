"""The policies of a vault: all stored, one in force."""

from __future__ import annotations

import pytest

from storage.codes import Mode
from storage.database import Tx
from storage.errors import Conflict, NotFound, VaultBroken
from storage.models import ActivePolicy
from storage.policies import Policy, presets, read_policy
from storage.policy_store import activate_policy, active_policy, policy_named, policy_with_hash
from tests.storage.world import bare_tx
from tests.support import SteppedClock


def changed(name: str = "mine", cooldown_min: int = 7) -> Policy:
    return read_policy({**presets(Mode.PAPER)["semi-auto"].model_dump(), "name": name, "cooldown_min": cooldown_min})


def identity(active: ActivePolicy) -> tuple[int, str, str]:
    return active.activation_id, active.hash, active.name


def activations(tx: Tx) -> list[tuple[int, int]]:
    return [tuple(row) for row in tx.db.execute("SELECT id, active FROM policy_activations ORDER BY id")]


@pytest.mark.parametrize("mode", list(Mode))
def test_a_new_vault_holds_the_presets_of_its_mode(tmp_path_factory: pytest.TempPathFactory, mode: Mode) -> None:
    tx = bare_tx(tmp_path_factory.mktemp("vault"), SteppedClock(), mode)
    for name, policy in presets(mode).items():
        assert policy_named(tx, name).hash() == policy.hash()
        assert policy_with_hash(tx, policy.hash()).canonical() == policy.canonical()
    tx.db.close()


def test_activating_replaces_the_one_that_was_seen(tx: Tx) -> None:
    seen = active_policy(tx)
    now = activate_policy(tx, changed(), seen.activation_id)
    assert identity(active_policy(tx)) == identity(now)
    assert (now.name, now.hash, active_policy(tx).policy.hash()) == ("mine", changed().hash(), changed().hash())
    assert activations(tx) == [(seen.activation_id, 0), (now.activation_id, 1)]
    row = tx.db.execute("SELECT kind, payload FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
    assert row["kind"] == "policy.activated"
    assert seen.hash in row["payload"]
    assert now.hash in row["payload"]
    assert tx._urgent


def test_a_second_operator_is_told_that_another_came_first(tx: Tx) -> None:
    seen = active_policy(tx)
    first = activate_policy(tx, changed("first"), seen.activation_id)
    with pytest.raises(Conflict, match="first was activated meanwhile"):
        activate_policy(tx, changed("second"), seen.activation_id)
    assert identity(active_policy(tx)) == identity(first)
    assert sum(active for _, active in activations(tx)) == 1


def test_activating_the_one_in_force_changes_nothing(tx: Tx) -> None:
    seen = active_policy(tx)
    before = activations(tx)
    assert activate_policy(tx, seen.policy, replaces=999) == seen
    assert activations(tx) == before


def test_going_back_to_an_earlier_policy_stores_it_once(tx: Tx) -> None:
    first = active_policy(tx)
    second = activate_policy(tx, changed(), first.activation_id)
    third = activate_policy(tx, first.policy, second.activation_id)
    assert third.hash == first.hash
    assert third.activation_id > second.activation_id
    assert tx.db.execute("SELECT count(*) FROM policies WHERE hash = ?", (first.hash,)).fetchone()[0] == 1


def test_a_name_stands_for_its_newest_policy(tx: Tx) -> None:
    old = activate_policy(tx, changed(cooldown_min=7), active_policy(tx).activation_id)
    tx.now += 1
    new = activate_policy(tx, changed(cooldown_min=8), old.activation_id)
    assert policy_named(tx, "mine").hash() == new.hash
    assert policy_with_hash(tx, old.hash).cooldown_min == 7


def test_unknown_names_and_hashes_are_said_to_be_unknown(tx: Tx) -> None:
    with pytest.raises(NotFound, match="no policy nosuch"):
        policy_named(tx, "nosuch")
    with pytest.raises(NotFound):
        policy_with_hash(tx, "0" * 64)


def test_a_policy_that_was_edited_in_the_file_is_not_used(tx: Tx) -> None:
    tx.db.execute("DROP TRIGGER policies_no_update")
    forged = changed(cooldown_min=0).canonical()
    tx.db.execute("UPDATE policies SET canonical = ? WHERE hash = ?", (forged, active_policy(tx).hash))
    with pytest.raises(VaultBroken, match="does not match its hash"):
        active_policy(tx)


def test_a_vault_without_an_active_policy_does_not_trade(tx: Tx) -> None:
    tx.db.execute("UPDATE policy_activations SET active = 0")
    with pytest.raises(VaultBroken, match="no active policy"):
        active_policy(tx)
