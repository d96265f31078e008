"""A disk that forgets: an SQLite VFS under which whatever was not synced is kept, dropped or torn when power fails.

Files lie in a folder as always; beside them the VFS remembers what has been synced and what has been written since.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import apsw

if TYPE_CHECKING:
    from typing_extensions import Buffer

NAME: Final = "power-loss"
KEPT_FILES: Final = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class PowerCut(Exception):
    """Power failed in this very operation."""


@dataclass(frozen=True, slots=True)
class Written:
    """A write that was not synced yet; ``content`` None cuts the file at ``offset``."""

    offset: int
    content: bytes | None

    def apply(self, to: bytearray) -> None:
        """Carry it out."""
        if self.content is None:
            del to[self.offset :]
            return
        to.extend(bytes(max(self.offset - len(to), 0)))
        to[self.offset : self.offset + len(self.content)] = self.content


@dataclass(slots=True)
class Platter:
    """One file: what is on it for good, and what only the cache has."""

    synced: bytearray = field(default_factory=bytearray)
    cached: list[Written] = field(default_factory=list)
    named: bool = False
    """Whether the folder's entry is on the disk too; a file's first sync brings it there."""

    def sync(self) -> None:
        """All that was written stays."""
        for write in self.cached:
            write.apply(self.synced)
        self.cached.clear()
        self.named = True

    def after_power_cut(self, random: Random) -> bytes | None:
        """What is found afterwards: unsynced writes kept, dropped or torn, in any mixture; None without an entry."""
        found, kept, torn = bytearray(self.synced), random.random(), random.random() * 0.5
        if not self.named and random.random() < 0.5:
            return None
        for write in self.cached:
            if random.random() < kept:
                whole = write.content
                if whole is not None and random.random() < torn:
                    write = Written(write.offset, whole[: random.randrange(len(whole) + 1)])
                write.apply(found)
        return bytes(found)


@dataclass(slots=True)
class Disk:
    """The files of one run, and how many operations there is power for."""

    files: dict[str, Platter] = field(default_factory=dict)
    power_for: int | None = None
    off: bool = False

    def operate(self) -> bool:
        """Whether the disk still takes part. Raises PowerCut at the operation where it ends."""
        if self.off or self.power_for is None:
            return not self.off
        self.power_for -= 1
        if self.power_for < 0:
            self.off = True
            raise PowerCut
        return True


class ForgetfulFile(apsw.VFSFile):
    """A file whose writes reach the cache at once and the platter when synced."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        kept = flags[0] & KEPT_FILES and path is not None
        self._disk = disk
        self._platter = disk.files.setdefault(Path(str(path)).name, Platter()) if kept else Platter()

    def xWrite(self, data: Buffer, offset: int) -> None:
        self._note(Written(offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._note(Written(newsize, None))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        if self._disk.operate():
            self._platter.sync()

    def _note(self, write: Written) -> None:
        if not self._disk.off:
            self._platter.cached.append(write)  # the write that power fails in may be on the platter, or half of it
        self._disk.operate()


class ForgetfulVfs(apsw.VFS):
    """The operating system's files, on the disk that is put in."""

    def __init__(self) -> None:
        super().__init__(NAME, "unix")
        self.disk = Disk()

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return ForgetfulFile(self.disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        if not self.disk.off:
            self.disk.files.pop(Path(filename).name, None)
