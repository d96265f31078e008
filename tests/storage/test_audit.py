"""The audit chain: every edit, cut, move and rollback by somebody without the key shows, at its first bad number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias

import pytest

from storage.audit import (
    AuditRow,
    Head,
    canonical_payload,
    event_mac,
    read_chain,
    read_head,
    verify_chain,
    write_head,
)
from storage.database import Tx
from storage.errors import VaultBroken
from storage.models import Actor
from tests.storage.world import bare_tx
from tests.support import SteppedClock

KEY: Final = b"k" * 32
INCARNATION: Final = "11111111-2222-4333-8444-555555555555"
Chain: TypeAlias = list[AuditRow]


def chain_of(length: int, key: bytes = KEY) -> Chain:
    """A chain of events, written without the vault's own code that appends."""
    rows: Chain = []
    previous = "0" * 64
    for seq in range(1, length + 1):
        row = AuditRow(seq, 1000 + seq, f"kind.{seq % 3}", str(seq), "operator", "i-1", 42, f'{{"n":{seq}}}', "")
        row = replace(row, mac=event_mac(key, previous, row))
        rows.append(row)
        previous = row.mac
    return rows


def head_of(rows: Chain) -> Head:
    return Head(rows[-1].seq, rows[-1].mac, rows[-1].at, INCARNATION)


def test_an_untouched_chain_is_intact(tx: Tx) -> None:
    for number in range(20):
        tx.audit("test", str(number), number=number)
    rows = list(read_chain(tx.db))
    report = verify_chain(rows, tx._key, head_of(rows))
    assert report.intact
    assert (report.events, report.first_bad) == (21, None)
    assert [row.seq for row in rows] == list(range(1, 22))


def test_the_head_may_lag_behind_the_chain() -> None:
    rows = chain_of(9)
    assert verify_chain(rows, KEY, head_of(rows[:5])).intact


EDITS: Final[dict[str, Callable[[Any], Any]]] = {
    "at": lambda at: at + 1,
    "kind": lambda kind: kind + "x",
    "subject": lambda subject: subject + "x",
    "actor": lambda actor: "somebody",
    "instance": lambda instance: "elsewhere",
    "pid": lambda pid: pid + 1,
    "payload": lambda payload: '{"n":0}',
    "mac": lambda mac: mac[1:] + ("0" if mac[0] != "0" else "1"),
}


@pytest.mark.parametrize("field", EDITS)
def test_an_edit_of_any_field_shows_at_its_event(field: str) -> None:
    rows = chain_of(9)
    for place in range(9):
        attacked = list(rows)
        attacked[place] = replace(rows[place], **{field: EDITS[field](getattr(rows[place], field))})
        report = verify_chain(attacked, KEY, head_of(rows))
        assert report.first_bad == place + 1
        assert report.problem is not None


def attack_delete(rows: Chain, random: Random) -> tuple[Chain, int]:
    place = random.randrange(len(rows))
    return rows[:place] + rows[place + 1 :], place + 1


def attack_delete_and_close_ranks(rows: Chain, random: Random) -> tuple[Chain, int]:
    place = random.randrange(len(rows) - 1)
    moved = [replace(row, seq=row.seq - 1) for row in rows[place + 1 :]]
    return rows[:place] + moved, place + 1


def attack_swap(rows: Chain, random: Random) -> tuple[Chain, int]:
    place = random.randrange(len(rows) - 1)
    one, other = rows[place], rows[place + 1]
    swapped = [replace(other, seq=one.seq), replace(one, seq=other.seq)]
    return rows[:place] + swapped + rows[place + 2 :], place + 1


def attack_insert(rows: Chain, random: Random) -> tuple[Chain, int]:
    place = random.randrange(len(rows))
    forged = AuditRow(place + 1, 5, "forged", "x", "operator", "i-1", 42, "{}", "f" * 64)
    shifted = [replace(row, seq=row.seq + 1) for row in rows[place:]]
    return [*rows[:place], forged, *shifted], place + 1


def attack_copy(rows: Chain, random: Random) -> tuple[Chain, int]:
    place, source = random.sample(range(len(rows)), 2)
    copied = list(rows)
    copied[place] = replace(rows[source], seq=place + 1)
    return copied, place + 1


def attack_cut(rows: Chain, random: Random) -> tuple[Chain, int]:
    left = random.randrange(len(rows))
    return rows[:left], left + 1


def attack_rewrite_without_the_key(rows: Chain, random: Random) -> tuple[Chain, int]:
    place = random.randrange(len(rows))
    forged, previous = list(rows[:place]), rows[place - 1].mac if place else "0" * 64
    for row in rows[place:]:
        again = replace(row, actor="somebody")
        forged.append(replace(again, mac=event_mac(b"another key", previous, again)))
        previous = forged[-1].mac
    return forged, place + 1


def attack_edit(rows: Chain, random: Random) -> tuple[Chain, int]:
    place, field = random.randrange(len(rows)), random.choice(list(EDITS))
    edited = list(rows)
    edited[place] = replace(rows[place], **{field: EDITS[field](getattr(rows[place], field))})
    return edited, place + 1


ATTACKS: Final = (
    attack_delete, attack_delete_and_close_ranks, attack_swap, attack_insert, attack_copy, attack_cut,
    attack_rewrite_without_the_key, attack_edit,
)  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_is_found_at_its_first_bad_number(attack: Callable[[Chain, Random], tuple[Chain, int]]) -> None:
    for seed in range(60):
        random = Random(seed)
        rows = chain_of(random.randrange(2, 30))
        attacked, first_bad = attack(rows, random)
        report = verify_chain(attacked, KEY, head_of(rows))
        assert not report.intact, seed
        assert report.first_bad == first_bad, seed
        assert report.events == first_bad - 1


def test_a_rollback_with_new_events_on_top_shows_where_it_parts_from_the_head() -> None:
    rows = chain_of(9)
    back = rows[:6]
    other = replace(rows[6], subject="other")
    back.append(replace(other, mac=event_mac(KEY, rows[5].mac, other)))
    for seq in range(8, 12):
        row = replace(rows[0], seq=seq)
        back.append(replace(row, mac=event_mac(KEY, back[-1].mac, row)))
    assert verify_chain(back, KEY, head_of(rows)).first_bad == 9


def test_an_empty_chain_is_never_intact() -> None:
    # The making of every vault is its first event.
    assert verify_chain([], KEY, None).first_bad == 1
    assert verify_chain([], KEY, head_of(chain_of(3))).first_bad == 1


def test_a_chain_without_a_head_is_bad_behind_its_last_event() -> None:
    report = verify_chain(chain_of(3), KEY, None)
    assert (report.events, report.first_bad) == (3, 4)
    assert report.problem == "no valid head names its end: events after 3 may have been cut"


def test_another_key_verifies_nothing() -> None:
    rows = chain_of(3)
    assert verify_chain(rows, b"x" * 32, head_of(rows)).first_bad == 1


# -- the head file ------------------------------------------------------------------------------------------------


def test_the_head_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "audit.head"
    assert read_head(path, KEY) is None
    head = head_of(chain_of(3))
    write_head(path, KEY, head)
    assert read_head(path, KEY) == head
    assert [entry.name for entry in tmp_path.iterdir()] == ["audit.head"]


def test_the_head_never_goes_lower_within_an_incarnation(tmp_path: Path) -> None:
    path, rows = tmp_path / "audit.head", chain_of(9)
    write_head(path, KEY, head_of(rows))
    for lower in (rows[:8], rows[:1], rows):
        write_head(path, KEY, replace(head_of(lower), at=1))
        assert read_head(path, KEY) == head_of(rows)
    anew = Head(2, rows[1].mac, 5, "another incarnation")
    write_head(path, KEY, anew)
    assert read_head(path, KEY) == anew


@pytest.mark.parametrize("field", ["seq", "mac", "at", "incarnation", "hmac"])
def test_a_head_changed_without_the_key_is_refused(tmp_path: Path, field: str) -> None:
    path, rows = tmp_path / "audit.head", chain_of(9)
    write_head(path, KEY, head_of(rows))
    raw = json.loads(path.read_text())
    raw[field] = raw[field] - 1 if isinstance(raw[field], int) else "0" * 64
    path.write_text(json.dumps(raw))
    with pytest.raises(VaultBroken, match=r"not written with this vault's audit\.key"):
        read_head(path, KEY)


def test_a_head_cut_back_to_an_older_event_of_the_chain_is_refused(tmp_path: Path) -> None:
    # Number and MAC of any older event stand in the database for everybody to copy; the head's own MAC does not.
    path, rows = tmp_path / "audit.head", chain_of(9)
    write_head(path, KEY, head_of(rows))
    raw = json.loads(path.read_text()) | {"seq": 4, "mac": rows[3].mac, "at": rows[3].at}
    path.write_text(json.dumps(raw))
    with pytest.raises(VaultBroken):
        read_head(path, KEY)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "not json", '{"seq": "x", "mac": "", "at": 1, "incarnation": ""}']
)
def test_an_unreadable_head_is_refused_and_kept_as_evidence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "audit.head"
    path.write_text(text)
    with pytest.raises(VaultBroken):
        read_head(path, KEY)
    write_head(path, KEY, head_of(chain_of(3)))
    assert path.read_text() == text


# -- in the vault -------------------------------------------------------------------------------------------------


def test_an_attack_on_the_stored_rows_is_found(tmp_path: Path) -> None:
    tx = bare_tx(tmp_path, SteppedClock())
    for number in range(8):
        tx.audit("test", str(number))
    head = head_of(list(read_chain(tx.db)))
    for name in ("update", "delete"):
        tx.db.execute(f"DROP TRIGGER audit_log_no_{name}")
    for attack, bad in (
        ("UPDATE audit_log SET payload = '{\"x\":1}' WHERE seq = 5", 5),
        ("DELETE FROM audit_log WHERE seq = 5", 5),
        ("DELETE FROM audit_log WHERE seq > 6", 7),
        ("DELETE FROM audit_log", 1),
    ):
        tx.db.execute("SAVEPOINT attack")
        tx.db.execute(attack)
        assert verify_chain(read_chain(tx.db), tx._key, head).first_bad == bad
        tx.db.execute("ROLLBACK TO attack")
    assert verify_chain(read_chain(tx.db), tx._key, head).intact
    tx.db.close()


def test_an_event_says_who_from_which_process_and_when(tx: Tx) -> None:
    tx.actor = Actor("me", "i-9", 77)
    tx.now += 5
    tx.audit("kind", "subject", amount="1")
    row = list(read_chain(tx.db))[-1]
    assert (row.at, row.kind, row.subject, row.actor, row.instance, row.pid) == (
        tx.now,
        "kind",
        "subject",
        "me",
        "i-9",
        77,
    )
    assert row.payload == '{"amount":"1"}'


def test_a_payload_is_the_same_text_however_it_was_built() -> None:
    assert canonical_payload({"b": 1, "a": {"d": 2, "c": 3}}) == canonical_payload({"a": {"c": 3, "d": 2}, "b": 1})
