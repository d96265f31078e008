"""What a first frame may show of a vault without opening it properly."""

from __future__ import annotations

from pathlib import Path

from storage.codes import Mode
from storage.database import Vault
from storage.glance import glance
from storage.proposals import create_proposal, decline
from tests.storage.world import an_idea


async def test_a_glance_shows_what_is_open_in_its_own_mode(vault: Vault) -> None:
    made = await vault.transact(lambda tx: create_proposal(tx, an_idea()))
    (glimpse,) = glance(vault.folder, Mode.PAPER)
    assert (glimpse.id, glimpse.side, glimpse.market, glimpse.eur, glimpse.limit) == (
        made.id, made.side, made.market, made.eur, made.limit,
    )  # fmt: skip
    assert (glimpse.expires_at, glimpse.confidence, glimpse.oracle) == (made.expires_at, made.confidence, made.oracle)
    assert glance(vault.folder, Mode.LIVE) == ()


def test_a_glance_at_what_is_no_vault_shows_nothing(tmp_path: Path) -> None:
    assert glance(tmp_path, Mode.PAPER) == ()
    (tmp_path / "vault.db").write_bytes(b"")
    assert glance(tmp_path, Mode.PAPER) == ()
    (tmp_path / "vault.db").write_bytes(b"no database" * 100)
    assert glance(tmp_path, Mode.PAPER) == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vault.db"]


async def test_a_proposal_that_is_no_longer_open_is_not_glimpsed(vault: Vault) -> None:
    made = await vault.transact(lambda tx: create_proposal(tx, an_idea()))
    await vault.transact(lambda tx: decline(tx, made.id, None))
    assert glance(vault.folder, Mode.PAPER) == ()
