"""The installed program: a wheel built here, in an environment of its own, runs from any folder with all it needs."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import sysconfig
import termios
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("installed")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    # fmt: off
    subprocess.run(
        [*PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)],
        check=True,
    )
    # fmt: on
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that holds this wheel, and sees the libraries of this one."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    programs = folder / "bin"
    subprocess.run(
        [*PIP, "--python", str(programs / "python"), "install", "--no-deps", "--no-index", str(wheel)], check=True
    )
    # Libraries come from the environment of the tests. A path file inside that one (that of an editable install, which
    # would find the sources) is not read from here.
    found = subprocess.run(
        [str(programs / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    Path(found.stdout.strip(), "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return programs


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A working folder that has nothing to do with the sources."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ORACLE_", "VIRTUAL_"))}
    return {**kept, "ORACLE_CONSOLE_HOME": str(home), "TERM": "xterm-256color"}


def run(installed: Path, elsewhere: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(installed / "oracle"), *arguments],
        cwd=elsewhere,
        env=environment(elsewhere / "data"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_wheel_holds_the_program_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"console", "storage"}
    for folder, pattern in (("console", "*"), ("storage", "*")):
        for path in (ROOT / folder).rglob(pattern):
            if path.is_file() and path.suffix in (".py", ".sql", ".tcss", ".yaml", ".json"):
                assert path.relative_to(ROOT).as_posix() in names
    assert zipfile.ZipFile(wheel).read("console/settings.yaml") == (ROOT / "settings.yaml").read_bytes()
    assert not any("__pycache__" in name or "/tests/" in name for name in names)


def test_it_is_itself_that_runs_and_not_the_sources(installed: Path, elsewhere: Path) -> None:
    code = "import console, storage; print(console.__file__); print(storage.__file__)"
    done = subprocess.run(
        [str(installed / "python"), "-c", code],
        cwd=elsewhere,
        env=environment(elsewhere),
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(Path(line).is_relative_to(installed.parent) for line in done.stdout.splitlines()), done.stdout


def test_commands_run_from_any_folder(installed: Path, elsewhere: Path) -> None:
    assert "oracle execute" in run(installed, elsewhere, "--help")
    assert json.loads(run(installed, elsewhere, "status", "--json"))["mode"] == "paper"
    made = json.loads(
        run(installed, elsewhere, "propose", "--market", "BTC-EUR", "--side", "buy", "--eur", "25", "--json")
    )
    assert made["gate"] == "ready"
    run(installed, elsewhere, "verify")
    assert not list(elsewhere.glob("*.yaml"))
    module = subprocess.run(
        [str(installed / "python"), "-m", "console", "status", "--json"],
        cwd=elsewhere,
        env=environment(elsewhere / "data"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(module.stdout)["mode"] == "paper"


def test_the_console_paints_and_ends(installed: Path, elsewhere: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    with subprocess.Popen(
        [str(installed / "oracle")],
        cwd=elsewhere,
        env=environment(elsewhere / "data"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as console:
        os.close(theirs)
        read_until(ours, b"semi-auto", 30)
        console.send_signal(signal.SIGTERM)
        read_until(ours, b"\x1b[?1049l", 20)
        assert console.wait(20) == 0
    os.close(ours)


def read_until(descriptor: int, words: bytes, seconds: float) -> None:
    seen, until = b"", time.monotonic() + seconds
    while words not in seen:
        assert time.monotonic() < until, seen[-2000:]
        if select.select([descriptor], [], [], 0.1)[0]:
            seen += os.read(descriptor, 65536)
