"""Commands in processes forked from one that has the program loaded: as real as fresh ones, and a tenth of the work.

``python -m tests.cli.warm`` is that one: for each connection to the socket it was given it forks, and the fork becomes
the command, with its own words, environment, folder and streams. It ends when its standard input is closed.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from storage import crash_points
from storage.crash_points import VARIABLE

ROOT: Final = Path(__file__).resolve().parents[2]
LOADED: Final = (
    "storage",
    "console.cli",
    "console.exchange",
    "console.execution",
    "console.oracle",
    "console.scheduler",
)
LONGEST_REQUEST: Final = 1 << 20
LONGEST_RUN_S: Final = 60.0


class Warm:
    """The loaded process, seen from the tests."""

    def __init__(self, loaded: Sequence[str] = LOADED) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self._path = str(Path(self._folder.name, "socket"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._path)
            listener.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.warm", str(listener.fileno()), *loaded],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
            )

    def run(
        self, arguments: list[str], environment: Mapping[str, str], folder: Path, typed: str
    ) -> subprocess.CompletedProcess[str]:
        """One command, from its start to its end. Raises TimeoutError after a minute."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            stdin.write(typed.encode())
            stdin.seek(0)
            with self.start(arguments, environment, folder, (stdin.fileno(), out.fileno(), err.fileno())) as started:
                status = started.wait()
            return subprocess.CompletedProcess(arguments, status, _text(out), _text(err))

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, streams: tuple[int, int, int]
    ) -> Started:
        """Begin one command on these descriptors (input, output, errors), which stay the caller's too."""
        call = socket.socket(socket.AF_UNIX)
        call.settimeout(LONGEST_RUN_S)
        call.connect(self._path)
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder)}
        socket.send_fds(call, [json.dumps(request).encode()], list(streams))
        return Started(call)


class Started:
    """A command that was begun, until it is closed; closing does not end the command."""

    def __init__(self, call: socket.socket) -> None:
        self._call = call
        self._answers = call.makefile("r")
        self.pid = int(self._answers.readline())

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._call.close()

    def wait(self) -> int:
        """Its exit code, negative for a signal. Raises TimeoutError after a minute."""
        return int(self._answers.readline())


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def serve(listener: socket.socket) -> None:
    """Fork for every connection until the standard input is closed; returns in a fork that is to be a command."""
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        if 0 in ready:
            os._exit(0)
        call, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            if _become_the_command(call):
                return
        call.close()


def _become_the_command(call: socket.socket) -> bool:
    """In the fork: fork once more, wait for that one and tell how it ended; True in that one."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, streams, _, _ = socket.recv_fds(call, LONGEST_REQUEST, 3)
    child = os.fork()
    if child:
        call.sendall(f"{child}\n".encode())
        call.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
        os._exit(0)
    call.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # What the streams were made for may have been a file; these may be a terminal.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace")
    request: dict[str, Any] = json.loads(data)
    os.environ.clear()
    os.environ.update(request["environment"])
    if VARIABLE in os.environ:
        importlib.reload(crash_points)  # it reads the environment once, and that was another one
    os.chdir(request["folder"])
    sys.argv = ["console", *request["arguments"]]
    return True


def main() -> None:
    """Load the program, then fork for whoever connects; a fork goes on as ``python -m console``."""
    for name in sys.argv[2:]:
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            importlib.import_module(module.name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("console", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
