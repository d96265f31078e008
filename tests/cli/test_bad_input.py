"""Every mistake ends in one sentence on standard error and the right exit code, never in a traceback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from console.__main__ import main
from console.cli import run_command_line
from tests.cli.kit import environment, oracle, oracle_json, vault_rows
from tests.terminal.pseudo_terminal import ORACLE

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("bad-input")]

PROPOSE = ("propose", "--market", "BTC-EUR", "--side", "buy")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all: what is refused changes nothing."""
    folder = tmp_path_factory.mktemp("bad-input")
    oracle(folder, "status")
    return folder


def sentence(home: Path, code: int, *arguments: str, extra: dict[str, str | None] | None = None) -> str:
    """Run a command that must fail with ``code``: nothing on standard output, one line on standard error."""
    done = oracle(home, *arguments, check=False, extra=extra)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("propose", "--market", "XYZ-EUR", "--side", "buy", "--eur", "25"), "no market XYZ-EUR; did you mean XRP-EUR"),
        (("propose", "--market", "btc-eur", "--side", "buy", "--eur", "25"), "did you mean BTC-EUR?"),
        (("propose", "--market", "BTC-EUR", "--side", "hold", "--eur", "25"), "--side is buy or sell, not 'hold'"),
        ((*PROPOSE, "--eur", "0"), "--eur must be more than zero"),
        ((*PROPOSE, "--eur", "-1"), "--eur must be more than zero"),
        ((*PROPOSE, "--eur", "NaN"), "--eur: 'NaN'"),
        ((*PROPOSE, "--eur", "1e999"), "--eur: '1e999'"),
        ((*PROPOSE, "--eur", "25,00"), "--eur: '25,00'"),
        ((*PROPOSE, "--eur", ""), "--eur: ''"),
        ((*PROPOSE, "--eur", "25", "--limit", "81000.5"), "nearest are 81000 and 81001"),
        ((*PROPOSE, "--eur", "25", "--limit", "0"), "--limit must be more than zero"),
        ((*PROPOSE, "--eur", "25", "--ttl", "0"), "'--ttl'"),
        ((*PROPOSE, "--eur", "0.0000001"), "less than the smallest step of BTC"),
        (("propose", "--side", "buy", "--eur", "25"), "Missing option '--market'. See oracle propose --help."),
        (("frobnicate",), "No such command 'frobnicate'. See oracle --help."),
        (("status", "--frob"), "--frob. See oracle status --help."),
        (("execute", "abc"), "Invalid value for 'ID': not a whole number. See oracle execute --help."),
        (("execute", "0"), "Invalid value for 'ID': must be 1 or more. See oracle execute --help."),
        (("policy",), "Missing command. See oracle policy --help."),
        (("execute", "abc"), "'ID'"),
        (("execute", "1"), "needs a terminal"),
        (("executions", "abc", "--json"), "not a whole number"),
        (("approve", "1", "--override", "SPREAD_OUT"), "COOLDOWN or ANTI_FLIP"),
        (("resolve", "1", "--as", "lost", "--reason", "r"), "--as is none or filled"),
        (("resolve", "1", "--as", "filled", "--reason", "r"), "--quantity, --price and --fee"),
        (("paper", "--faults", "POST /order: explode"), "no fault 'explode'; known are apply-then-drop"),
        (("paper", "--speed", "nan"), "--speed"),
        (("paper", "--port", "99999"), "'--port'"),
        (("status", "--settings", "/nowhere/s.yaml", "--json"), "/nowhere/s.yaml"),
        (("run",), "needs a terminal"),
        ((), "needs a terminal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_exits_2(home: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in sentence(home, 2, *arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("approve", "99"), "no proposal 99"),
        (("decline", "99", "--json"), "no proposal 99"),
        (("cancel", "99"), "99"),
        (("executions", "99", "--json"), "no execution 99"),
        (("policy", "show", "nope", "--json"), "no policy nope"),
        (("policy", "activate", "nope"), "no policy nope"),
        (("resume",), "nothing to resume"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_not_there_exits_1(home: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in sentence(home, 1, *arguments)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("looks: {theem: dark}", "looks.theem is no setting; did you mean looks.theme?"),
        ("loks: {theme: dark}", "loks"),
        ("intervals: {look_seconds: soon}", "intervals.look_seconds"),
        ("looks: 5", "looks"),
        ("looks: [", "cannot be read as YAML"),
        ("just words", "holds no settings"),
    ],
)
def test_a_wrong_settings_file_is_named_with_the_key(home: Path, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    told = sentence(home, 2, "status", "--json", "--settings", str(path))
    assert words in told
    assert str(path) in told


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ORACLE_CONSOLE__LOOKS__THEEM", "dark", "ORACLE_CONSOLE__LOOKS__THEEM is no setting; did you mean"),
        ("ORACLE_CONSOLE__LOOKS__THEME", "pink", "looks.theme"),
        ("ORACLE_CONSOLE__PAPER__SEED", "-1", "paper.seed"),
    ],
)
def test_a_wrong_environment_variable_is_named(home: Path, variable: str, value: str, words: str) -> None:
    assert words in sentence(home, 2, "status", extra={variable: value})


def test_a_policy_file_is_taken_whole_or_not_at_all(home: Path, tmp_path: Path) -> None:
    policy = oracle_json(home, "policy", "show")
    unknown, missing, broken, folder = (
        tmp_path / name for name in ("unknown.json", "missing.json", "b.yaml", "d.yaml")
    )
    unknown.write_text(json.dumps({**policy, "exposure_euro": 5}))
    missing.write_text(json.dumps({key: value for key, value in policy.items() if key != "exposure_eur"}))
    broken.write_text("name: x\nscan: [")
    folder.mkdir()
    for path, word in (
        (unknown, "exposure_euro"),
        (missing, "exposure_eur"),
        (broken, "line "),
        (folder, "directory"),
        (tmp_path, "directory"),
        (tmp_path / "nothing.yaml", "No such file"),
    ):
        told = sentence(home, 2, "policy", "activate", str(path), "--json")
        assert told.startswith(f"{path}: ")
        assert word in told
    assert oracle_json(home, "policy", "show") == policy


def garbage(folder: Path) -> None:
    for name in ("vault.db-wal", "vault.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "vault.db").write_bytes(b"no database at all, " * 500)


def a_directory(folder: Path) -> None:
    (folder / "vault.db").unlink()
    (folder / "vault.db").mkdir()


def newer(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "vault.db")) as database:
        database.execute("PRAGMA user_version = 999")


def no_key(folder: Path) -> None:
    (folder / "audit.key").unlink()


def no_vault(folder: Path) -> None:
    (folder / "vault.db").unlink()


@pytest.mark.parametrize(
    ("spoil", "looking", "writing", "verifying", "words"),
    [
        pytest.param(garbage, 3, 3, 1, "VAULT_BROKEN: ", id="garbage"),
        pytest.param(a_directory, 3, 3, 3, "VAULT_BROKEN: ", id="a directory in its place"),
        pytest.param(newer, 3, 3, 3, "WRONG_SCHEMA: the vault was written by a newer version", id="a newer schema"),
        pytest.param(no_key, 0, 3, 1, "VAULT_BROKEN: audit.key", id="no audit key"),
        pytest.param(no_vault, 3, 3, 1, "VAULT_BROKEN: ", id="the vault lost, its head left"),
    ],
)
def test_a_vault_that_cannot_be_used_says_so(
    tmp_path: Path, spoil: Callable[[Path], None], looking: int, writing: int, verifying: int, words: str
) -> None:
    oracle(tmp_path, "reduce", "--reason", "an event more")
    spoil(tmp_path / "paper")
    if looking:
        assert sentence(tmp_path, looking, "status", "--json").startswith(words)
    else:
        oracle_json(tmp_path, "status")
    assert sentence(tmp_path, writing, "decline", "1", "--json").startswith(words)
    assert sentence(tmp_path, verifying, "verify", "--json").startswith(words)


def test_a_cut_audit_log_is_a_violation_and_stops_writing(tmp_path: Path) -> None:
    oracle(tmp_path, "reduce", "--reason", "an event more")
    with closing(sqlite3.connect(tmp_path / "paper" / "vault.db", isolation_level=None)) as database:
        database.execute("DROP TRIGGER audit_log_no_delete")
        database.execute("DELETE FROM audit_log WHERE seq = (SELECT max(seq) FROM audit_log)")
    done = oracle(tmp_path, "verify", "--json", check=False)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["clean"]
    assert "cut" in report["violations"][0]
    assert sentence(tmp_path, 3, "decline", "1").startswith("VAULT_BROKEN: ")


def test_a_live_vault_is_not_opened_as_paper(tmp_path: Path) -> None:
    oracle(tmp_path, "--live", "status")
    shutil.copytree(tmp_path / "live", tmp_path / "paper")
    for command in (("status", "--json"), ("decline", "1")):
        assert sentence(tmp_path, 2, *command).startswith("WRONG_MODE: ")


def test_live_without_keys_says_which_are_missing(tmp_path: Path) -> None:
    extra: dict[str, str | None] = {name: None for name in os.environ if name.startswith("BITVAVO_")}
    told = sentence(tmp_path, 2, "proposals", "--live", "--json", extra=extra)
    named = [f"BITVAVO_{word}" for word in ("READONLY_KEY", "READONLY_SECRET", "TRADE_KEY", "TRADE_SECRET")]
    assert told == f"LIVE needs {', '.join(named[:3])} and {named[3]} in the environment"
    status = oracle(tmp_path, "--live", "status", extra=extra).stdout.splitlines()
    assert status[-2].startswith(f"{told}: until then nothing")
    assert status[-1].startswith("nobody has accepted yet what the account holds: oracle --live adopt --reason T")


def test_a_port_in_use_exits_3(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"{port}" in sentence(tmp_path, 3, "paper", "--port", str(port), "--json")


def test_a_data_folder_that_cannot_be_made_exits_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "home", Path("/proc/nowhere")):
        for command in (("status", "--json"), ("proposals", "--json"), ("halt",), ("paper", "--json")):
            assert str(folder) in sentence(folder, 3, *command)


@pytest.mark.skipif(os.geteuid() == 0, reason="rights do not bind root")
def test_a_folder_without_rights_exits_3(tmp_path: Path) -> None:
    oracle(tmp_path, "status")
    (tmp_path / "paper" / "vault.db").chmod(0)
    assert sentence(tmp_path, 3, "status", "--json").startswith("VAULT_BROKEN: ")
    (tmp_path / "paper" / "vault.db").chmod(0o600)
    (tmp_path / "paper").chmod(0o500)
    assert sentence(tmp_path, 3, "decline", "1").startswith("VAULT_BROKEN: ")
    (tmp_path / "paper").chmod(0o700)


def test_without_a_home_variable_the_data_folder_is_still_found(tmp_path: Path) -> None:
    extra: dict[str, str | None] = {"HOME": None, "ORACLE_CONSOLE_HOME": None, "XDG_DATA_HOME": str(tmp_path)}
    oracle(tmp_path, "status", extra=extra)
    assert vault_rows(tmp_path / "oracle-console", "SELECT mode FROM vault_info") == [("paper",)]


LOOKS_AT_WHAT_IS_THERE = [
    *[(name,) for name in ("status", "proposals", "history", "executions", "locks", "budget", "scans", "verify")],
    *[(name, "1") for name in ("saw", "approve", "decline", "execute", "cancel")],
    *[("policy", "show"), ("policy", "list"), ("policy", "diff", "hunter", "observer"), ("exit", "BTC-EUR")],
    *[("reconcile",), ("resume",), ("halt",), ("reduce", "--reason", "r"), ("adopt", "--reason", "r")],
]


@pytest.mark.parametrize("command", LOOKS_AT_WHAT_IS_THERE, ids=" ".join)
def test_a_mistyped_home_makes_no_vault(
    tmp_path: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    missing, other = tmp_path / "missing", tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("somebody's own")
    for folder in (missing, other):
        assert run_command_line([*command, "--home", str(folder)]) == 3
        out, told = capsys.readouterr()
        assert (out, told.count("\n")) == ("", 1)
        assert told.startswith(f"there is no vault in {folder}; oracle --home {folder} makes one")
    assert (missing.exists(), [path.name for path in other.iterdir()]) == (False, ["letter.txt"])


def test_the_first_idea_makes_the_vault_it_needs(tmp_path: Path) -> None:
    home = str(tmp_path / "new")
    oracle(tmp_path, "propose", "--home", home, "--market", "BTC-EUR", "--side", "buy", "--eur", "25")
    assert len(json.loads(oracle(tmp_path, "proposals", "--home", home, "--json").stdout)) == 1


@pytest.mark.parametrize(
    ("code", "command", "words"),
    [
        (2, ("reduce", "--reason", " "), "--reason must say why"),
        (2, ("executions", "--", "-1"), "must be 1 or more"),
        (1, ("executions", str(2**64)), "there is none with so large an ID"),
        (1, ("decline", str(2**64)), "there is none with so large an ID"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_no_vault_can_hold_is_said_as_well(home: Path, code: int, command: tuple[str, ...], words: str) -> None:
    assert words in sentence(home, code, *command)


def test_bytes_that_are_no_text_and_a_reason_of_nothing_hinder_no_stop(tmp_path: Path) -> None:
    for reason in (b"bad \xff", b" "):
        done = subprocess.run(
            [*ORACLE, "halt", "--reason", reason], env=environment(tmp_path), capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
    told = vault_rows(tmp_path, "SELECT reason FROM trading_state WHERE state = 'HALTED' ORDER BY id")
    assert told == [("bad \ufffd",), ("by the operator",)]


STREAMS = [
    ("status >&-", 0, ""), ("status <&- >&- 2>&-", 0, ""), ("status | true", 0, ""), ("--help | true", 0, ""),
    ("policy show | head -1", 0, ""), ("frobnicate 2>&-", 2, ""), ("executions 99 | true", 1, "no execution 99"),
    ("status >/dev/full", 3, "No space left on device"), ("--help >/dev/full", 3, "No space left on device"),
    ("executions 99 2>/dev/full", 1, ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "code", "words"), STREAMS, ids=[line for line, *_ in STREAMS])
def test_a_stream_that_is_closed_full_or_left_changes_no_answer(home: Path, line: str, code: int, words: str) -> None:
    """A reader who left is no failure, a full disk is one; neither shows a traceback."""
    command = f'"{sys.executable}" -m console {line}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], env=environment(home), capture_output=True, text=True)
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == bool(words)


@pytest.mark.parametrize("where", ["console.cli.show.read_only", "console.cli.run_command_line"])
def test_an_interrupt_is_said_in_one_line_at_most(
    home: Path, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupted)
    monkeypatch.setattr(sys, "argv", ["oracle", "--home", str(home), "status"])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert leaving.value.code == 130
    assert capsys.readouterr().err in ("", "interrupted\n")


def test_letters_the_locale_lacks_end_no_command(tmp_path: Path) -> None:
    plain: dict[str, str | None] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    oracle(tmp_path, *PROPOSE, "--eur", "25", "--why", "naïve €")
    oracle(tmp_path, "decline", "1", "--note", "zu früh ✗")
    assert oracle(tmp_path, "proposals", "--all", extra=plain).stderr == ""
    rows = json.loads(oracle(tmp_path, "proposals", "--all", "--json", extra=plain).stdout)
    assert rows[0]["why"] == "naïve €"
