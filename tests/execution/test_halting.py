"""The stop: file, senders, vault, resting entries; and what resuming needs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.clock import SystemClock
from console.execution.halting import (
    record_halt,
    reduce_only,
    resume_trading,
    see_senders_out,
    stop_senders,
    take_back_entries,
)
from console.execution.keeper import keep
from console.execution.outcome import End
from storage.codes import CheckCode, ExecutionState, Side, TradingState
from storage.errors import Conflict
from storage.halt_file import halt_file_present, lower_halt, prepare_halt
from storage.trading_state import current_trading_state
from tests.execution.kit import Rig, until

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]


@contextmanager
def sender(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.execution.sender", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


async def test_a_stop_names_the_process_that_is_still_sending_and_stands(tmp_path: Path) -> None:
    with sender(tmp_path) as process:
        report = await stop_senders(tmp_path, SystemClock(), timeout_s=-1.9)  # 0.1 s with the two added
        assert not report.no_order_can_leave
        assert f"process {process.pid} is still sending" in report.text
        assert halt_file_present(tmp_path) == tmp_path / "HALT"
    again = await stop_senders(tmp_path, SystemClock())
    assert again.no_order_can_leave


async def test_a_stop_waits_for_the_sender_and_only_then_says_that_nothing_can_leave(tmp_path: Path) -> None:
    prepare_halt(tmp_path)
    with sender(tmp_path) as process:
        stopping = asyncio.create_task(stop_senders(tmp_path, SystemClock()))

        async def file_stands() -> bool:
            return (tmp_path / "HALT").exists()

        await until(file_stands)
        assert not stopping.done()
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        report = await stopping
    assert report.no_order_can_leave
    assert not (tmp_path / "HALT.off").exists()  # renamed, not made


async def test_a_killed_sender_blocks_no_stop(tmp_path: Path) -> None:
    with sender(tmp_path) as process:
        process.kill()
        report = await stop_senders(tmp_path, SystemClock())
    assert report.no_order_can_leave


async def test_after_a_stop_nothing_leaves_and_entries_are_taken_back_exits_stay(rig: Rig) -> None:
    await rig.keeper_comes()
    assert (await rig.fire()).state is ExecutionState.FILLED
    leaving = await rig.fire(rests=True, side=Side.SELL)
    entry = await rig.fire(rests=True, market="ETH-EUR", quantity="0.02")
    assert (leaving.state, entry.state) == (ExecutionState.SUBMITTED, ExecutionState.SUBMITTED)
    ticket, quote = await rig.ticket()
    await rig.faults("POST /order: delay 0")

    report = await stop_senders(rig.vault.folder, rig.clock)
    assert report.no_order_can_leave
    await record_halt(rig.vault, "the operator pressed h")
    assert await take_back_entries(rig.vault, rig.executor) == (1, ())
    refused = await rig.executor.execute(ticket, quote)

    assert refused.end is End.REFUSED
    assert CheckCode.TRADING_STATE in {check.code for check in refused.failed}
    assert await rig.fault_hits() == [0]
    (order,) = rig.orders_of(entry.client_order_id)
    assert order["status"] == "canceled"
    (order,) = rig.orders_of(leaving.client_order_id)
    assert (order["status"], order["cod_group_id"]) == ("new", None)


async def test_an_entry_that_cannot_be_canceled_is_named(rig: Rig) -> None:
    await rig.keeper_comes()
    entry = await rig.fire(rests=True)
    await rig.faults("DELETE /order: status 503")
    canceled, left = await take_back_entries(rig.vault, rig.executor)
    order_id = (await rig.execution(entry.execution_id)).order_id
    assert canceled == 0
    assert len(left) == 1
    assert left[0].startswith(f"order {order_id} in BTC-EUR: no answer")


async def test_an_order_whose_answer_is_missing_is_named_and_canceled_when_it_is_found(rig: Rig) -> None:
    await rig.keeper_comes()
    ticket = await rig.ticket(rests=True)
    await rig.faults("POST /order: apply-then-drop x1")
    lost = await rig.executor.execute(*ticket)
    await record_halt(rig.vault, "test")
    assert await take_back_entries(rig.vault, rig.executor) == (
        0,
        (f"execution {lost.execution_id} in BTC-EUR (UNKNOWN): sent before the stop, its answer is missing",),
    )
    assert (await rig.reconcile()).found == [lost.execution_id]
    assert await keep(rig.vault, rig.trade, rig.executor) == f"canceled {lost.execution_id}: trading is HALTED"
    (order,) = rig.orders_of(lost.client_order_id)
    assert order["status"] == "canceled"


async def test_a_stop_that_only_the_vault_records_is_over_when_the_last_sender_is(rig: Rig) -> None:
    folder = rig.vault.folder
    record = await record_halt(rig.vault, "invariant broken: two claims")
    with sender(folder) as process:
        told = await see_senders_out(folder, rig.clock, record, timeout_s=-1.9)
        assert told == (f"HALTED (invariant broken: two claims) stands, but process {process.pid} is still sending")
        waiting = asyncio.create_task(see_senders_out(folder, rig.clock, record))
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert await waiting == "HALTED (invariant broken: two claims): no order can leave"


async def test_reducing_refuses_buys_and_lets_what_is_held_be_sold(rig: Rig) -> None:
    assert (await rig.fire()).state is ExecutionState.FILLED
    await reduce_only(rig.vault, "enough")
    bought = await rig.fire()
    assert [check.code for check in bought.failed] == [CheckCode.TRADING_STATE]
    assert (await rig.fire(side=Side.SELL)).state is ExecutionState.FILLED


async def test_resuming_lifts_the_halt_that_was_seen_and_its_file(rig: Rig) -> None:
    await stop_senders(rig.vault.folder, rig.clock)
    seen = await record_halt(rig.vault, "first")
    with pytest.raises(Conflict, match="another halt was recorded meanwhile: first"):
        await resume_trading(rig.vault, seen.id - 1, "looked at it")
    assert halt_file_present(rig.vault.folder) is not None

    assert (await resume_trading(rig.vault, seen.id, "looked at it")).state is TradingState.ACTIVE
    assert halt_file_present(rig.vault.folder) is None
    assert (await rig.fire()).end is End.ACCEPTED


@pytest.mark.parametrize("file_stood", [True, False])
async def test_resuming_does_not_lift_a_file_that_was_touched_after_the_halt_was_seen(
    rig: Rig, file_stood: bool
) -> None:
    if file_stood:
        await stop_senders(rig.vault.folder, rig.clock)
    seen = await record_halt(rig.vault, "first")
    path = rig.vault.folder / "HALT"

    async def touched() -> bool:
        path.touch()  # by the second operator, with the vault locked, or without this program
        return path.stat().st_ctime_ns // 1000 > seen.at  # the kernel's stamps are a few milliseconds behind

    await until(touched)
    with pytest.raises(Conflict, match="another halt was recorded meanwhile: HALT file in "):
        await resume_trading(rig.vault, seen.id, "looked at it")
    assert path.exists()
    newer = await rig.vault.read(current_trading_state)
    assert newer.state is TradingState.HALTED
    assert (await resume_trading(rig.vault, newer.id, "looked at both")).state is TradingState.ACTIVE


async def test_a_file_touched_in_the_instant_of_the_resume_stays(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await stop_senders(rig.vault.folder, rig.clock)
    seen = await record_halt(rig.vault, "first")

    def touched_and_lowered(folder: Path) -> int | None:
        os.utime(folder / "HALT", ns=(1, 1))
        return lower_halt(folder)

    monkeypatch.setattr("console.execution.halting.lower_halt", touched_and_lowered)
    with pytest.raises(Conflict, match="touched this instant"):
        await resume_trading(rig.vault, seen.id, "looked at it")
    assert (rig.vault.folder / "HALT").exists()
    assert (await rig.vault.read(current_trading_state)).state is TradingState.HALTED


async def test_a_halt_for_the_same_reason_is_another_one(rig: Rig) -> None:
    seen = await record_halt(rig.vault, "by the operator")
    newer = await record_halt(rig.vault, "by the operator")
    with pytest.raises(Conflict, match="another halt was recorded meanwhile"):
        await resume_trading(rig.vault, seen.id, "looked at it")
    assert (await rig.vault.read(current_trading_state)).id == newer.id


async def test_a_halt_file_above_both_modes_keeps_the_own_one_in_place(rig: Rig) -> None:
    await stop_senders(rig.vault.folder, rig.clock)
    seen = await record_halt(rig.vault, "first")
    (rig.vault.folder.parent / "HALT").touch()
    with pytest.raises(Conflict, match="stands; remove it first"):
        await resume_trading(rig.vault, seen.id, "looked at it")
    assert (rig.vault.folder / "HALT").exists()
    assert (await rig.vault.read(current_trading_state)).state is TradingState.HALTED
