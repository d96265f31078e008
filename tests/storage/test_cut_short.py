"""A vault whose making was cut short: nobody takes it for one, and the next to write makes the rest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.connections import configure_writer
from storage.schema import migrate, migrations
from storage.verification import vault_is_set_up
from tests.support import SteppedClock, opened_vault


@pytest.mark.parametrize("scripts", [0, 1, None])
async def test_a_vault_without_identity_is_made_anew(
    tmp_path: Path, clock: SteppedClock, scripts: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = migrations()
    with closing(sqlite3.connect(tmp_path / "vault.db", isolation_level=None)) as db, monkeypatch.context() as patched:
        configure_writer(db, 1.0)
        patched.setattr("storage.schema.migrations", lambda: whole[:scripts])
        migrate(db)
    assert (tmp_path / "vault.db").stat().st_size > 0
    assert not vault_is_set_up(tmp_path)
    async with opened_vault(tmp_path, clock):
        assert vault_is_set_up(tmp_path)


def test_what_cannot_be_read_counts_as_there(tmp_path: Path) -> None:
    (tmp_path / "vault.db").write_bytes(b"no database" * 500)
    assert vault_is_set_up(tmp_path)


def test_somebody_elses_database_counts_as_there(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "vault.db")) as db:
        db.execute("CREATE TABLE notes (text)")
    assert vault_is_set_up(tmp_path)
