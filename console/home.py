"""The data folder, the two modes in it, and who this process is."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.settings import HOME_VARIABLE
from storage.actor import Actor
from storage.codes import Mode

if TYPE_CHECKING:
    from storage.clock import Entropy


@dataclass(frozen=True, slots=True)
class Home:
    """A data folder and the mode it is used in."""

    root: Path
    mode: Mode

    @property
    def folder(self) -> Path:
        """The mode's own folder."""
        return self.root / self.mode.value


def data_folder(given: Path | None) -> Path:
    """The data folder: as given, else ``ORACLE_CONSOLE_HOME``, else the user's data folder of this platform."""
    if given is not None:
        return given.expanduser().absolute()
    if variable := os.environ.get(HOME_VARIABLE):
        return Path(variable).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("oracle-console", appauthor=False)


def this_process(entropy: Entropy) -> Actor:
    """Who acts from here: the login name, and a random instance id that names the machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "operator"
    host = socket.gethostname().partition(".")[0][:16] or "here"
    return Actor(name, f"{host}-{entropy.token(2).hex()}", os.getpid())
