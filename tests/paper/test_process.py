"""One exchange for each folder: found, started once, kept while needed, ended cleanly."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from console.paper import server
from console.paper.process import (
    Address,
    ExchangeUnavailable,
    KeyPair,
    answers,
    ensure_exchange,
    hold,
    read_address,
)
from tests.paper.exchanges import Signed, alive, running, stop, wait_for, wait_until_gone
from tests.paper.kit import limit, market_order

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
JOIN = """
import sys
from pathlib import Path
from console.paper.process import ensure_exchange
print(ensure_exchange(Path(sys.argv[1]), timeout=60).pid)
"""


def test_the_address_survives_its_file_and_hides_its_secrets() -> None:
    pair = KeyPair("k" * 64, "s" * 128)
    address = Address(
        "id", 7, "http://127.0.0.1:1/v2", "ws://127.0.0.1:1/v2/", "http://127.0.0.1:1/control/x", pair, pair
    )
    assert Address.from_json(address.to_json()) == address
    assert "s" * 20 not in repr(address)
    for wrong in ("", "[]", "{}", '{"id": "x"}'):
        with pytest.raises(ValueError, match=r"."):
            Address.from_json(wrong)


def test_sixteen_processes_at_once_get_one_exchange(tmp_path: Path) -> None:
    with hold(tmp_path):
        command = [sys.executable, "-c", JOIN, str(tmp_path)]
        children = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(16)]
        pids = {int(child.communicate(timeout=90)[0]) for child in children}
        assert len(pids) == 1
        address = read_address(tmp_path)
        assert address is not None
        assert pids == {address.pid}
        stop(address.pid)
    assert not (tmp_path / "exchange.json").exists()


def test_a_restart_keeps_identity_keys_orders_and_balances(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        client = Signed(first, first.trade)
        resting = client.send("POST", "/order", limit(codGroupId=1)).json()
        client.send("POST", "/order", market_order(amountQuote="25"))
        balances = client.send("GET", "/balance").json()
        mode = stat.S_IMODE((tmp_path / "exchange.json").stat().st_mode)
        assert mode == 0o600
    with running(tmp_path) as second:
        assert (second.id, second.readonly, second.trade) == (first.id, first.readonly, first.trade)
        assert second.pid != first.pid
        client = Signed(second, second.trade)
        assert client.send("GET", "/ordersOpen?market=BTC-EUR").json() == [resting]
        assert client.send("GET", "/balance").json() == balances
        book = client.send("GET", "/BTC-EUR/book").json()
        assert ["30000", "0.0003"] in book["bids"]


def test_a_killed_exchange_has_lost_nothing_it_answered(tmp_path: Path) -> None:
    with hold(tmp_path):
        first = ensure_exchange(tmp_path, timeout=30)
        placed = [Signed(first, first.trade).send("POST", "/order", limit()).json() for _ in range(5)]
        os.kill(first.pid, signal.SIGKILL)
        wait_until_gone(first.pid)
        with running(tmp_path) as second:
            assert second.id == first.id
            found = Signed(second, second.trade).send("GET", "/orders?market=BTC-EUR").json()
            assert found == list(reversed(placed))


def test_it_stays_while_somebody_holds_it_and_ends_after(tmp_path: Path) -> None:
    held = hold(tmp_path)
    address = ensure_exchange(tmp_path, timeout=30, options=("--grace", "0.5"))
    started = read_address(tmp_path)
    let_pass(address, 1000)
    assert read_address(tmp_path) == started
    assert alive(address.pid)
    held.close()
    wait_until_gone(address.pid)
    assert not (tmp_path / "exchange.json").exists()


def let_pass(address: Address, milliseconds: int) -> None:
    """Wait until the exchange's own clock has moved by so much."""
    client = Signed(address, address.readonly)
    began = client.send("GET", "/time").json()["time"]
    wait_for(lambda: client.send("GET", "/time").json()["time"] >= began + milliseconds)


def test_kept_it_runs_without_users_until_it_is_told_to_stop(tmp_path: Path) -> None:
    address = ensure_exchange(tmp_path, timeout=30, options=("--grace", "0", "--keep"))
    let_pass(address, 1000)
    assert alive(address.pid)
    stop(address.pid)


def test_it_ends_when_its_folder_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    with hold(folder):
        address = ensure_exchange(folder, timeout=30)
        folder.rename(tmp_path / "elsewhere")
        wait_until_gone(address.pid)


def test_an_address_of_somebody_else_is_not_joined(tmp_path: Path) -> None:
    with running(tmp_path / "one") as one, running(tmp_path / "two") as two:
        assert one.id != two.id
        assert answers(one)
        liar = Address(one.id, two.pid, two.rest, two.websocket, two.control, one.readonly, one.trade)
        assert not answers(liar)


def _run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "console.paper", "--home", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)


def test_a_port_in_use_ends_with_one_sentence_and_code_3(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = _run(tmp_path, "--port", str(port))
    assert ended.returncode == 3
    assert ended.stderr == f"Port {port} cannot be used: Address already in use.\n"


def test_another_seed_for_a_known_exchange_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, "--seed", "11"):
        pass
    ended = _run(tmp_path, "--seed", "12")
    assert ended.returncode == 3
    assert ended.stderr == "This exchange was made with seed 11; another seed needs another folder.\n"


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--faults", "POST /order: explode"), "There is no fault 'explode'"),
        (("--balance", "NaN"), "no amount of whole cents"),
        (("--speed", "0"), "the speed lies above 0"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_made(tmp_path: Path, options: tuple[str, ...], part: str) -> None:
    ended = _run(tmp_path / "new", *options)
    assert ended.returncode == 2
    assert part in ended.stderr
    assert not (tmp_path / "new").exists()


def test_an_exchange_that_cannot_start_is_reported_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(ExchangeUnavailable, match=r"exchange\.log"):
        ensure_exchange(tmp_path, timeout=20, options=("--speed", "0"))


def _open_files(pid: int) -> set[str]:
    """What a process has open; it may close one while we look."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(link.readlink()))
    return found


def test_it_runs_in_its_own_session_and_inherits_no_file(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with marker.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        with running(tmp_path) as address:
            files = _open_files(address.pid)
            assert str(tmp_path / "exchange.db") in files
            assert str(marker) not in files
            assert os.getsid(address.pid) == address.pid


def test_faults_on_every_route_do_not_hide_that_it_runs(tmp_path: Path) -> None:
    with running(tmp_path, "--faults", "*: drop-before-apply") as address:
        assert ensure_exchange(tmp_path) == address


def test_one_that_runs_but_was_lost_sight_of_is_waited_for_not_doubled(tmp_path: Path) -> None:
    with running(tmp_path) as address:
        file = tmp_path / "exchange.json"
        kept = file.read_text()
        file.unlink()
        with pytest.raises(ExchangeUnavailable):
            ensure_exchange(tmp_path, timeout=0.5)
        file.write_text(kept)
        assert ensure_exchange(tmp_path) == address


def test_a_second_one_on_the_same_folder_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TAKEOVER_S", 0.2)
    with running(tmp_path):
        assert server.serve(server.ServerOptions(tmp_path)) == 3


def test_answers_leave_at_once() -> None:
    with server.open_socket(0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
