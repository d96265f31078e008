"""A thousand ways to tamper with a closed vault without its key: each changes it, and says the first bad number.

Most change the rows of ``audit_log`` through any connection without its triggers; some change the folder's files.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias

from storage.audit import GENESIS, event_mac, read_chain

COLUMNS: Final = "seq, at, kind, subject, actor, instance, pid, payload, mac"

RowAttack: TypeAlias = Callable[[sqlite3.Connection, Random, int], int]
"""Takes a connection, a seeded source and the number of events; the first bad number it makes."""

FolderAttack: TypeAlias = Callable[[Path, Random, int], int]
"""The same for a vault's folder."""

EDITS: Final = (
    "at = at + 1", "kind = kind || 'x'", "subject = subject || 'x'", "actor = actor || 'x'",
    "instance = instance || 'x'", "pid = pid + 1", "payload = '{\"number\":-1}'", "mac = substr(mac, 2) || 'g'",
    "mac = replace(mac, substr(mac, 1, 1), 'é')", "subject = CAST(x'ff' AS TEXT)", "kind = kind || char(0)",
    "payload = payload || ' '", "at = -at", "mac = upper(mac)",
)  # fmt: skip


def open_up(db: sqlite3.Connection) -> None:
    """Take away the triggers that keep honest programs from changing events."""
    for (name,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_log'"
    ).fetchall():
        db.execute(f"DROP TRIGGER {name}")


def edit(db: sqlite3.Connection, random: Random, last: int) -> int:
    place = random.randint(1, last)
    db.execute(f"UPDATE audit_log SET {random.choice(EDITS)} WHERE seq = ?", (place,))  # noqa: S608
    return place


def edit_many(db: sqlite3.Connection, random: Random, last: int) -> int:
    place, every = random.randint(1, last), random.randint(1, 20)
    db.execute("UPDATE audit_log SET actor = actor || 'x' WHERE seq >= ? AND (seq - ?) % ? = 0", (place, place, every))
    return place


def trade_contents(db: sqlite3.Connection, random: Random, last: int) -> int:
    first, second = sorted(random.sample(range(1, last + 1), 2))
    column = random.choice(("payload", "mac", "subject"))
    texts = dict(db.execute(f"SELECT seq, {column} FROM audit_log WHERE seq IN (?, ?)", (first, second)))  # noqa: S608
    for seq, other in ((first, second), (second, first)):
        db.execute(f"UPDATE audit_log SET {column} = ? WHERE seq = ?", (texts[other], seq))  # noqa: S608
    return first


def delete(db: sqlite3.Connection, random: Random, last: int) -> int:
    place = random.randint(1, last)
    db.execute("DELETE FROM audit_log WHERE seq BETWEEN ? AND ?", (place, place + random.choice((0, 0, 5, last))))
    return place


def delete_and_close_ranks(db: sqlite3.Connection, random: Random, last: int) -> int:
    place, many = random.randint(1, last), random.randint(1, 5)
    db.execute("DELETE FROM audit_log WHERE seq >= ? AND seq < ?", (place, place + many))
    shift(db, place + many, -many)
    return place


def swap(db: sqlite3.Connection, random: Random, last: int) -> int:
    first, second = sorted(random.sample(range(1, last + 1), 2))
    for before, after in ((first, -1), (second, first), (-1, second)):
        db.execute("UPDATE audit_log SET seq = ? WHERE seq = ?", (after, before))
    return first


def turn_round(db: sqlite3.Connection, random: Random, last: int) -> int:
    first, second = sorted(random.sample(range(1, last + 1), 2))
    db.execute("UPDATE audit_log SET seq = -seq WHERE seq BETWEEN ? AND ?", (first, second))
    db.execute("UPDATE audit_log SET seq = ? + ? + seq WHERE seq < 0", (first, second))
    return first


def insert_forged(db: sqlite3.Connection, random: Random, last: int) -> int:
    place = random.randint(1, last + 1)
    shift(db, place, 1)
    forged = (place, 5, "forged", "x", "operator", "i-1", 42, "{}", random.randbytes(32).hex())
    db.execute(f"INSERT INTO audit_log ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", forged)  # noqa: S608
    return place


def insert_copy(db: sqlite3.Connection, random: Random, last: int) -> int:
    place, source = random.sample(range(1, last + 1), 2)
    row = db.execute(f"SELECT {COLUMNS} FROM audit_log WHERE seq = ?", (source,)).fetchone()  # noqa: S608
    shift(db, place, 1)
    db.execute(f"INSERT INTO audit_log ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", (place, *row[1:]))  # noqa: S608
    return place


def insert_before_the_first(db: sqlite3.Connection, random: Random, last: int) -> int:
    number = -random.randint(0, 9)
    db.execute(
        f"INSERT INTO audit_log SELECT ?, {COLUMNS[5:]} FROM audit_log WHERE seq = ?",  # noqa: S608
        (number, random.randint(1, last)),
    )
    return number


def insert_far_behind(db: sqlite3.Connection, random: Random, last: int) -> int:
    db.execute(
        f"INSERT INTO audit_log SELECT ?, {COLUMNS[5:]} FROM audit_log WHERE seq = ?",  # noqa: S608
        (last + random.randint(2, 9), random.randint(1, last)),
    )
    return last + 1


def overwrite(db: sqlite3.Connection, random: Random, last: int) -> int:
    place, source = random.sample(range(1, last + 1), 2)
    db.execute("DELETE FROM audit_log WHERE seq = ?", (place,))
    db.execute(
        f"INSERT INTO audit_log SELECT ?, {COLUMNS[5:]} FROM audit_log WHERE seq = ?",  # noqa: S608
        (place, source),
    )
    return place


def cut(db: sqlite3.Connection, random: Random, last: int) -> int:
    left = random.choice((0, last - 1, random.randrange(last)))
    db.execute("DELETE FROM audit_log WHERE seq > ?", (left,))
    return left + 1


def cut_and_write_on(db: sqlite3.Connection, random: Random, last: int) -> int:
    """Roll back, then write as many events as were there, or more, with a key that is not the vault's."""
    left = random.randrange(last)
    kept = list(read_chain(db))[: last + random.randint(0, 3)]
    db.execute("DELETE FROM audit_log WHERE seq > ?", (left,))
    previous = kept[left - 1].mac if left else GENESIS
    for row in kept[left:]:
        previous = event_mac(b"somebody else's key", previous, row)
        values = (row.seq, row.at, row.kind, row.subject, row.actor, row.instance, row.pid, row.payload, previous)
        db.execute(f"INSERT INTO audit_log ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", values)  # noqa: S608
    return left + 1


def loosen_the_table(db: sqlite3.Connection, random: Random, last: int) -> int:
    """Make the table anew without types, keys or checks, and put into one row what could not stand there before."""
    db.execute("ALTER TABLE audit_log RENAME TO strict_log")
    db.execute(f"CREATE TABLE audit_log ({COLUMNS})")
    db.execute("INSERT INTO audit_log SELECT * FROM strict_log ORDER BY seq")
    db.execute("DROP TABLE strict_log")
    place = random.randint(1, last)
    change = random.choice(
        ("payload = CAST(payload AS BLOB)", "mac = CAST(mac AS BLOB)", "mac = 7", "mac = NULL", "at = CAST(at AS TEXT)",
         "kind = NULL", "pid = 1e999", "subject = 0.5")
    )  # fmt: skip
    db.execute(f"UPDATE audit_log SET {change} WHERE seq = ?", (place,))  # noqa: S608
    return place


def double_a_number(db: sqlite3.Connection, random: Random, last: int) -> int:
    """Two rows of one number, in a table that allows it: the one that was there, and a forged one behind it."""
    db.execute("ALTER TABLE audit_log RENAME TO strict_log")
    db.execute(f"CREATE TABLE audit_log ({COLUMNS})")
    db.execute("INSERT INTO audit_log SELECT * FROM strict_log ORDER BY seq")
    db.execute("DROP TABLE strict_log")
    place = random.randint(1, last)
    db.execute(
        "INSERT INTO audit_log SELECT seq, at, 'forged', subject, actor, instance, pid, payload, mac FROM audit_log "
        "WHERE seq = ?",
        (place,),
    )
    return place


ROW_ATTACKS: Final[tuple[RowAttack, ...]] = (
    edit, edit_many, trade_contents, delete, delete_and_close_ranks, swap, turn_round, insert_forged, insert_copy,
    insert_before_the_first, insert_far_behind, overwrite, cut, cut_and_write_on, loosen_the_table, double_a_number,
)  # fmt: skip


def shift(db: sqlite3.Connection, first: int, by: int) -> None:
    """Renumber the events from ``first`` on."""
    db.execute("UPDATE audit_log SET seq = -seq WHERE seq >= ?", (first,))
    db.execute("UPDATE audit_log SET seq = -seq + ? WHERE seq < 0", (by,))


# -- the folder ---------------------------------------------------------------------------------------------------


def on_the_rows(folder: Path, random: Random, last: int) -> int:
    """Any attack on the rows, through the file."""
    return attack_file(folder, random.choice(ROW_ATTACKS), random, last)


def attack_file(folder: Path, attack: RowAttack, random: Random, last: int) -> int:
    """Run an attack on the stored file; the first bad number."""
    db = sqlite3.connect(folder / "vault.db", isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    open_up(db)
    bad = attack(db, random, last)
    db.execute("COMMIT")
    db.close()
    return bad


def roll_back_the_vault(folder: Path, random: Random, last: int) -> int:
    """Put an older copy of the database back, and leave the head."""
    older = random.choice(sorted(folder.parent.glob("older-*.db")))
    shutil.copyfile(older, folder / "vault.db")
    return int(older.stem.removeprefix("older-")) + 1


def lose_the_head(folder: Path, random: Random, last: int) -> int:
    """Cut, or cut nothing, and take away the file that would show it."""
    bad = attack_file(folder, cut, random, last) if random.random() < 0.7 else last + 1
    (folder / "audit.head").unlink()
    return bad


def forge_the_head(folder: Path, random: Random, last: int) -> int:
    """Cut, and name an older event of the chain, whose number and MAC stand in the database, as its end."""
    left = random.randint(1, last - 1)
    db = sqlite3.connect(folder / "vault.db", isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    open_up(db)
    db.execute("DELETE FROM audit_log WHERE seq > ?", (left,))
    mac, at = db.execute("SELECT mac, at FROM audit_log WHERE seq = ?", (left,)).fetchone()
    db.close()
    change_head(folder, {"seq": left, "mac": mac, "at": at})
    return left + 1


def spoil_the_head(folder: Path, random: Random, last: int) -> int:
    """Write what no honest program writes; the rows may be bad too, and that is what is to be named."""
    bad = attack_file(folder, random.choice((edit, swap)), random, last) if random.random() < 0.5 else last + 1
    path = folder / "audit.head"
    raw = path.read_bytes()
    how = random.choice(("flip", "short", "hmac", "infinite", "deep", "not text", "another type"))
    if how == "flip":
        place = random.randrange(1, len(raw) - 1)
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1 << random.randrange(7)]) + raw[place + 1 :])
    elif how == "short":
        path.write_bytes(raw[: random.randrange(len(raw) - 1)])
    elif how == "not text":
        path.write_bytes(random.randbytes(40))
    elif how == "deep":
        path.write_text("[" * 100_000)
    elif how == "hmac":
        change_head(folder, {"hmac": random.choice(("é" * 64, "\ud800", "", "0" * 64))})
    elif how == "infinite":
        path.write_text(raw.decode().replace(f'"seq": {last}', '"seq": Infinity'))
    else:
        change_head(folder, {random.choice(("seq", "mac", "at", "incarnation", "hmac")): random.choice((None, [], {}))})
    return bad


def change_head(folder: Path, changes: dict[str, Any]) -> None:
    """Rewrite the head with other values under the HMAC it has."""
    path = folder / "audit.head"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


FOLDER_ATTACKS: Final[tuple[FolderAttack, ...]] = (
    on_the_rows, roll_back_the_vault, lose_the_head, forge_the_head, spoil_the_head,
)  # fmt: skip
