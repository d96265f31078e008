"""The gauntlet: the same faults for all, counted at the exchange; each policy fails where it is known to fail."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from console.clock import SECOND, seeded
from console.exchange.answers import Found, Missing, NoAnswer
from console.execution.duties import Parts
from console.gauntlet import ours
from console.gauntlet.contender import Belief, Held, Wish
from console.gauntlet.course import CONTENDERS, OURS, run_one
from console.gauntlet.private import START, PrivateExchange
from console.gauntlet.report import Figures, Report, Verdict, judge, run_gauntlet
from console.gauntlet.script import Script, draw_script, no_faults
from console.gauntlet.tally import Tally, tally
from console.gauntlet.timeline import ClientSide, ExchangeSide, Timeline
from console.paper.app import ROUTES
from console.paper.faults import NAMES, STREAM_ONLY, parse_faults
from storage.database import Vault
from storage.errors import VaultBroken
from tests.test_readme import README, ROOT

FAILED, RETRY, THREE = (name for name in CONTENDERS if name != OURS)
FILLS = Wish("BTC-EUR", 30, rests=False)
RESTS = Wish("BTC-EUR", 30, rests=True)
ONE = Tally(orders=1, duplicates=0, lost=0, unresolved=0)
TWICE = Tally(orders=2, duplicates=1, lost=1, unresolved=0)
REPLY_LOST = "POST /order: apply-then-drop x1"


async def run(policy: str, spec: str, wish: Wish = FILLS) -> Tally:
    return await run_one(CONTENDERS[policy], Script(spec), wish, 7)


async def test_a_lost_reply_costs_ours_nothing() -> None:
    assert await run(OURS, REPLY_LOST) == ONE
    assert await run(OURS, REPLY_LOST, RESTS) == ONE


async def test_failed_on_timeout_buys_again_what_it_has() -> None:
    assert await run(FAILED, REPLY_LOST) == TWICE


async def test_retry_on_timeout_buys_twice_what_was_filled_at_once() -> None:
    assert await run(RETRY, REPLY_LOST) == TWICE


async def test_three_look_ups_miss_an_order_that_shows_late_and_ours_does_not() -> None:
    late = f"{REPLY_LOST}; GET /order: lag 6"
    assert await run(THREE, REPLY_LOST) == ONE
    assert await run(THREE, late) == TWICE
    assert await run(OURS, late) == ONE


async def test_an_order_applied_late_is_waited_for() -> None:
    assert await run(OURS, "POST /order: late-apply 8 x1") == ONE


async def test_what_never_came_is_proven_absent_and_bought_when_the_idea_comes_again() -> None:
    assert await run(OURS, "POST /order: drop-before-apply x1") == ONE


async def test_without_look_ups_ours_stays_unknown_and_nothing_is_lost() -> None:
    unknown = await run(OURS, f"{REPLY_LOST}; GET /order: status 503")
    assert unknown == Tally(orders=1, duplicates=0, lost=0, unresolved=1)


async def test_without_faults_the_gauntlet_says_that_it_proved_nothing() -> None:
    report = await run_gauntlet(1, 1, no_faults)
    assert report.verdict is Verdict.NOTHING
    assert (report.faults, [each.one_order for each in report.policies]) == ({}, [1, 1, 1, 1])


async def test_the_same_seed_gives_the_same_table() -> None:
    first, second = await run_gauntlet(1, 20), await run_gauntlet(1, 20)
    assert first == second
    assert first.policies[1].lost > first.policies[0].lost == 0


def figures(policy: str, **changed: int) -> Figures:
    return Figures(
        policy=policy, **{"one_order": 9, "no_order": 0, "duplicates": 0, "lost": 0, "unresolved": 0} | changed
    )


@pytest.mark.parametrize(
    ("ours", "rivals", "verdict"),
    [
        ({}, [{"lost": 1}, {"duplicates": 1}], Verdict.PROVED),
        ({"unresolved": 3}, [{"lost": 1}, {"duplicates": 1}], Verdict.PROVED),
        ({"lost": 1}, [{"lost": 1}, {"duplicates": 1}], Verdict.FAILED),
        ({"duplicates": 1}, [{"lost": 1}, {"duplicates": 1}], Verdict.FAILED),
        ({}, [{"lost": 1}, {}], Verdict.NOTHING),
        ({"one_order": 8}, [{"lost": 1}, {"duplicates": 1}], Verdict.NOTHING),
    ],
)
def test_the_verdict_asks_for_stakes_and_for_orders(
    ours: dict[str, int], rivals: list[dict[str, int]], verdict: Verdict
) -> None:
    assert judge(figures("ours", **ours), [figures(f"rival {each}", **each) for each in rivals])[0] is verdict


def test_orders_and_fills_are_counted_in_the_exchanges_own_tables(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE orders (order_id TEXT, client_order_id TEXT)")
        db.execute("CREATE TABLE fills (order_id TEXT, amount TEXT)")
        db.executemany("INSERT INTO orders VALUES (?, ?)", [("a", "1"), ("b", "2"), ("c", "3")])
        db.executemany("INSERT INTO fills VALUES (?, ?)", [("a", "0.1"), ("a", "0.2"), ("b", "0.3")])
    whole, part = Held(Decimal("0.3"), ended=True), Held(Decimal("0.1"), ended=True)
    open_part = Held(Decimal("0.1"), ended=False)
    unsure = frozenset({"3"})
    assert tally(path, Belief({"a": whole, "b": whole}, unsure)) == Tally(3, 2, 0, 1)
    assert tally(path, Belief({"a": part, "b": whole}, unsure)) == Tally(3, 2, 1, 1), "a fill nobody knows"
    assert tally(path, Belief({"a": open_part, "b": whole}, unsure)) == Tally(3, 2, 0, 1), "it is still followed"
    assert tally(path, Belief({"a": whole}, unsure)) == Tally(3, 2, 1, 1), "an order nobody knows"
    assert tally(path, Belief()) == Tally(3, 2, 3, 0)


def test_every_fault_that_concerns_orders_is_drawn_and_means_something() -> None:
    random = seeded(3)
    scripts = [draw_script(random) for _ in range(500)]
    for script in scripts:
        assert {rule.name for rule in parse_faults(script.spec, tuple(ROUTES))} == script.names
    assert {name for script in scripts for name in script.names} == set(NAMES) - STREAM_ONLY


async def test_time_passes_only_while_the_client_waits() -> None:
    timeline = Timeline(START)
    there, here = ExchangeSide(timeline), ClientSide(timeline)
    late = asyncio.ensure_future(there.sleep(3))
    for _ in range(100):
        await asyncio.sleep(0)
    assert (here.now(), late.done()) == (START, False)
    await here.sleep(5)
    assert (here.now(), late.done()) == (START + 5 * SECOND, True)


async def test_an_answer_that_takes_too_long_is_silence_while_the_exchange_goes_on(tmp_path: Path) -> None:
    exchange = PrivateExchange(tmp_path, 1)
    try:
        clients = await exchange.clients(request_timeout_s=2)
        nobodys = "00000000-0000-4000-8000-000000000000"
        assert isinstance(await clients.trade.find_order("BTC-EUR", nobodys), Missing)
        exchange.spoil("DELETE /order: delay 30; GET /order: disconnect")
        before = exchange.clock.now()
        answer = await clients.trade.cancel_order("BTC-EUR", "x", nobodys, 1)
        assert isinstance(answer, NoAnswer)
        assert "ReadTimeout" in answer.cause
        assert exchange.clock.now() - before == 5 * SECOND
        cut = await clients.trade.find_order("BTC-EUR", nobodys)
        assert not isinstance(cut, Found)
        await clients.aclose()
    finally:
        exchange.close()


def test_the_readmes_table_is_that_of_the_run_beside_it() -> None:
    text = (ROOT / "tests" / "figures" / "gauntlet.json").read_text(encoding="utf-8")
    report = Report.model_validate_json(text)
    assert (report.runs, report.verdict) == (200, Verdict.PROVED)
    shown = [
        tuple(re.split(r" *\| *", line.strip("| ")))
        for line in README.partition("## The gauntlet")[2].partition("\n## ")[0].splitlines()
        if line.startswith("| ") and "---" not in line
    ]
    assert shown[1:] == [tuple(map(str, each.model_dump().values())) for each in report.policies]


async def test_a_run_that_is_broken_off_leaves_nothing_open_and_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Vault] = []
    begun, reconciling = asyncio.Event(), asyncio.Event()

    async def for_ever(parts: Parts, *, force: bool = False) -> str:
        opened.append(parts.vault)
        begun.set()
        await reconciling.wait()
        raise AssertionError(f"goes on, {force}")

    monkeypatch.setattr(ours, "reconcile_and_sweep", for_ever)
    running = asyncio.create_task(run(OURS, ""))
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    (vault,) = opened
    with pytest.raises(VaultBroken, match="closed"):
        await vault.read(lambda tx: tx.now)
    assert not vault.folder.parent.exists()
