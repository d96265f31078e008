"""A replayed recording shows the same candles, books and trades at the same market times, nothing of the account."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.clock import SECOND
from console.paper.following import Followed
from console.paper.options import OptionError, price_options
from console.paper.recording import Recorder, Recording, RecordingError
from console.paper.regimes import Choice, RegimeError
from console.paper.sources import SourceError, settle_replay
from tests.paper.exchanges import Signed, running, wait_for
from tests.paper.kit import START, Bench, StepClock, limit, market_order
from tests.paper.test_following import OLDEST_S, URL, Pair
from tests.paper.test_played_market import short_file

Act = Callable[[Bench], Awaitable[object]]
TARGETS = (
    *(
        target.format(market)
        for market in ("BTC-EUR", "ETH-EUR", "ADA-EUR")
        for target in ("/{}/book?depth=50", "/{}/trades?limit=100", "/{}/candles?interval=1m&limit=60")
    ),
    "/BTC-EUR/candles?interval=4h",
    "/ticker/price",
    "/ticker/24h?market=ETH-EUR",
)


async def view(bench: Bench) -> list[str]:
    """All that is compared, without the book's sequence number, which counts what was looked at."""
    shown = []
    for target in TARGETS:
        answer: Any = (await bench.send("GET", target, key="readonly")).json()
        if isinstance(answer, dict):
            answer.pop("nonce", None)
        shown.append(json.dumps(answer))
    return shown


async def play(bench: Bench, script: list[tuple[float, Act | None]]) -> list[list[str]]:
    """Act by the script, and look after every act and every wait."""
    seen = []
    for seconds, act in script:
        bench.clock.step(seconds)
        if act is not None:
            await act(bench)
        seen.append(await view(bench))
    bench.engine.motion.end()
    return seen


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def replayed(folder: Path, path: Path, script: list[tuple[float, Act | None]]) -> list[list[str]]:
    """The same waits in another folder, later on, with none of the acts."""
    bench = Bench.make(made(folder), clock=StepClock(START + 12_345_678_901), replay=path)
    return await play(bench, [(seconds, None) for seconds, _ in script])


def order(body: Any) -> Act:
    async def act(bench: Bench) -> None:
        answer = await bench.send("POST", "/order", body)
        assert answer.status_code == 200, answer.text

    return act


def near(market: str, share: str, euros: int = 30) -> Act:
    """A limit buy at a share of the best bid."""

    async def act(bench: Bench) -> None:
        tick = bench.engine.specs[market].tick
        price = bench.engine.markets[market].best_bid * Decimal(share) // tick * tick
        await order(limit(market, price=f"{price:f}", amount=f"{Decimal(euros) / price:.6f}"))(bench)

    return act


async def cancel(bench: Bench) -> None:
    newest = bench.order("ETH-EUR")
    await bench.send("DELETE", f"/order?market=ETH-EUR&orderId={newest.order_id}&operatorId=1")


def regime(**chosen: Choice) -> Act:
    async def act(bench: Bench) -> None:
        bench.engine.choose_regimes({f"{base}-EUR": choice for base, choice in chosen.items()})

    return act


def state(market: str, entered: str) -> Act:
    async def act(bench: Bench) -> None:
        bench.engine.set_state(market, entered)

    return act


def stop_loss(market: str, share: str) -> Act:
    """A sale by trigger of all there is, at a share of the best bid."""

    async def act(bench: Bench) -> None:
        tick = bench.engine.specs[market].tick
        trigger = bench.engine.markets[market].best_bid * Decimal(share) // tick * tick
        more = {"triggerAmount": f"{trigger:f}", "triggerType": "price", "triggerReference": "bestBid"}
        held = bench.store.balance(market.split("-")[0])[0]
        await order(market_order(market, "sell", orderType="stopLoss", amount=f"{held:f}", **more))(bench)

    return act


SCRIPT: list[tuple[float, Act | None]] = [
    (3.1, None),
    (2, order(market_order(amountQuote="150.00"))),
    (0.05, order(market_order("ADA-EUR", amountQuote="60.00"))),
    (4, near("BTC-EUR", "0.9999")),
    (0.2, near("ETH-EUR", "0.9997")),
    (40, near("ETH-EUR", "0.97")),
    (1, state("ADA-EUR", "halted")),
    (20, stop_loss("BTC-EUR", "0.9998")),
    (25, state("ADA-EUR", "trading")),
    (7.7, regime(ETH=Choice.SHOCK, ADA=Choice.GAP)),
    (70, cancel),
    (40, near("ETH-EUR", "0.985", 90)),
    # Longer than is caught up on step by step.
    (1800, None),
    (0.9, order(market_order(amountQuote="25.00"))),
    (20, None),
]


async def test_a_generated_market_is_replayed_with_what_orders_did_to_it(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    (tmp_path / "first").mkdir()
    bench = Bench.make(tmp_path / "first", record=path, regimes={"BTC-EUR": Choice.TREND})
    seen = await play(bench, SCRIPT)
    assert len(bench.store.fills("1", [])) >= 5
    assert bench.store.orders("order_type = 'stopLoss' AND status = 'filled'", [])
    again = await replayed(tmp_path / "second", path, SCRIPT)
    for (seconds, _), first, second in zip(SCRIPT, seen, again, strict=True):
        for target, there, here in zip(TARGETS, first, second, strict=True):
            assert there == here, (seconds, target)


async def test_without_the_orders_the_market_would_have_been_another(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    for name in ("first", "plain"):
        (tmp_path / name).mkdir()
    seen = await play(Bench.make(tmp_path / "first", record=path), SCRIPT[:3])
    plain = await play(Bench.make(tmp_path / "plain"), [(seconds, None) for seconds, _ in SCRIPT[:3]])
    assert seen != plain


async def test_a_candle_file_is_replayed_with_what_orders_did_to_it(tmp_path: Path) -> None:
    path, file = tmp_path / "played.jsonl", short_file(tmp_path, hours=4)
    (tmp_path / "first").mkdir()
    bench = Bench.make(tmp_path / "first", record=path, candles={"BTC-EUR": file}, speed=20)
    script: list[tuple[float, Act | None]] = [
        (5, near("BTC-EUR", "0.998")),
        (150, order(market_order(amountQuote="100.00"))),
        (40, near("BTC-EUR", "0.999")),
        (300, None),
        # The file is at its end.
        (300, None),
    ]
    seen = await play(bench, script)
    assert len(bench.store.fills("1", [])) >= 2
    assert await replayed(tmp_path / "second", path, script) == seen


async def test_what_was_followed_is_replayed_without_the_followed_exchange(tmp_path: Path) -> None:
    path = tmp_path / "followed.jsonl"
    pair = Pair(tmp_path)
    followed = Followed(URL, await pair.follower.begin(), OLDEST_S * SECOND)
    bench = Bench.make(tmp_path / "here", clock=pair.clock, followed=followed, record=path)

    def ask(*wanted: str) -> Act:
        async def act(bench: Bench) -> None:
            for job in pair.follower.jobs:
                if job.what in wanted:
                    bench.engine.receive(await pair.follower.ask(job))

        return act

    script: list[tuple[float, Act | None]] = [
        (1.3, None),
        (2, ask("book", "price")),
        (0.4, order(market_order(amountQuote="150.00"))),
        (3, near("ETH-EUR", "1.0")),
        (1, ask("book", "trades", "candles 1m")),
        (30, None),
        (40, ask("book", "day", "candles 4h", "price")),
        (2, ask("market", "book")),
    ]
    seen = await play(bench, script)
    assert bench.store.fills("1", [])
    assert await replayed(tmp_path / "again", path, script) == seen


async def test_a_replay_takes_orders_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    await play(Bench.make(tmp_path / "first", record=path), SCRIPT[:6])
    bench = Bench.make(tmp_path / "second", replay=path)
    bench.clock.step(30)
    bought = (await bench.send("POST", "/order", market_order(amountQuote="25.00"))).json()
    assert bought["status"] == "filled"
    assert bench.engine.source() == "replaying made"
    with pytest.raises(RegimeError, match="has the regimes it had"):
        bench.engine.choose_regimes({"BTC-EUR": Choice.GAP})


async def test_a_recording_holds_nothing_of_the_account(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    bench = Bench.make(tmp_path, record=path)
    await play(bench, SCRIPT[:6])
    held = path.read_text()
    orders = bench.store.orders("1", [])
    assert orders
    for secret in [key.key for key in bench.keys.values()] + [each.order_id for each in orders]:
        assert secret not in held


async def test_a_recording_cut_short_by_a_crash_is_replayed_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    (tmp_path / "first").mkdir()
    seen = await play(Bench.make(tmp_path / "first", record=path), SCRIPT[:4])
    whole = path.read_text()
    path.write_text(whole[: whole.index('{"what":"end"') + 9])
    assert await replayed(tmp_path / "second", path, SCRIPT[:4]) == seen


FIRST_LINE = '{"what":"beginning","version":1,"seed":7,"origin_minute":1,"start_us":1,"speed":1}\n'


@pytest.mark.parametrize(
    ("content", "number"),
    [
        ("", 1),
        ("{}\n", 1),
        ("x\n", 1),
        ('{"what":"beginning","version":2}\n', 1),
        ("timestamp,open\n1,2\n", 1),
        (FIRST_LINE + '{"what":"end"\n{"what":"end","at":1}\n', 2),
        (FIRST_LINE + '{"what":"end","at":1}\n{"what":"state","at":2,"market":"DOGE-EUR","state":"halted"}\n', 3),
        (FIRST_LINE + '{"what":"answer","at":"soon","received":1,"of":"book","market":"BTC-EUR","body":1}\n', 2),
        (FIRST_LINE + "[1]\n", 2),
    ],
)
def test_what_is_no_recording_is_refused_with_the_line(tmp_path: Path, content: str, number: int) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text(content)
    with pytest.raises(RecordingError, match=f"is no recording of a market: line {number} is not one of it"):
        Recording(path)
    with pytest.raises(OptionError, match=r"--replay: .*is no recording"):
        price_options([], [], replay=path)
    with pytest.raises(RecordingError, match=r"gone\.jsonl cannot be read: No such file"):
        Recording(tmp_path / "gone.jsonl")


def test_a_full_disk_ends_the_recording_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        recorder = Recorder(full)
        recorder.pause(1, 2)
        recorder.end(3)
    said = "/dev/full cannot be written: No space left on device; the recording ends here.\n"
    assert capsys.readouterr().err == said


def test_options_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    made = tmp_path / "made.jsonl"
    made.touch()
    with pytest.raises(OptionError, match=r"--record: .* exists already"):
        price_options([], [], record=made)
    with pytest.raises(OptionError, match="has no folder to be in"):
        price_options([], [], record=tmp_path / "none" / "x")
    with pytest.raises(OptionError, match="--replay goes with no other option"):
        price_options([], ["BTC-EUR=gap"], replay=made)


async def test_a_replaying_folder_keeps_to_its_recording(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.jsonl", "b.jsonl")]
    for path in paths:
        (tmp_path / path.stem).mkdir()
        await play(Bench.make(tmp_path / path.stem, record=path), SCRIPT[:2])
    paths[1].write_text(paths[1].read_text() + '{"what":"end","at":1}\n')
    (tmp_path / "again").mkdir()
    bench = Bench.make(tmp_path / "again", replay=paths[0])
    with pytest.raises(SourceError, match=r"replays .*a\.jsonl as it was; another recording needs another folder"):
        settle_replay(bench.store, paths[1])
    kept = settle_replay(bench.store, None)
    assert kept is not None
    assert kept.path == paths[0].resolve()
    ordered = Bench.make(tmp_path / "b")
    with pytest.raises(SourceError, match="There are orders at other prices"):
        settle_replay(ordered.store, paths[0])


@pytest.mark.processes
def test_a_recorded_process_is_replayed_by_another(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"

    def rows(rest: str) -> list[list[Any]]:
        found: list[list[Any]] = httpx.get(f"{rest}/BTC-EUR/candles?interval=1m", trust_env=False).json()
        return found

    with running(tmp_path / "first", "--record", str(path), "--speed", "600", "--regime", "BTC-EUR=shock") as address:
        start = rows(address.rest)[0][0]
        client = Signed(address, address.trade)
        assert client.send("POST", "/order", market_order(amountQuote="50.00")).status_code == 200
        wait_for(lambda: rows(address.rest)[0][0] > start + 20 * 60_000)
        seen = {row[0]: row for row in rows(address.rest)[1:]}
    assert json.loads(path.read_text().splitlines()[-1])["what"] == "end"
    with running(tmp_path / "second", "--replay", str(path)) as address:
        wait_for(lambda: rows(address.rest)[0][0] > max(seen))
        again = {row[0]: row for row in rows(address.rest)}
    # The day of history has moved on by some minutes.
    both = set(seen) & set(again)
    assert len(both) > 1300
    assert {start: again[start] for start in both} == {start: seen[start] for start in both}
