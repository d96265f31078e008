"""Power fails while a vault claims: with its pragmas no acknowledged claim is lost, with weaker ones some are."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import aiosql
import pytest

from storage.queries import QUERY_FOLDER, statements
from tests.storage.crashes import Crash, Crasher, versions
from tests.storage.power_loss import Disk, Platter, PowerCut, Written


@pytest.fixture(scope="module")
def crasher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crasher]:
    made = Crasher(tmp_path_factory.mktemp("power"))
    yield made
    made.vfs.unregister()


def crashes(crasher: Crasher, synchronous: str, count: int) -> list[Crash]:
    return [crasher.crash(seed, synchronous) for seed in range(count)]


def test_no_acknowledged_claim_is_lost_when_power_fails(crasher: Crasher) -> None:
    run = crashes(crasher, "FULL", 40)
    assert [crash for crash in run if crash.lost or crash.damage] == [], versions()
    claims = [len(crash.acknowledged) for crash in run]
    assert sum(claims) > 80
    assert min(claims) == 0, "power fails within the gate's own claim too"


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_weaker_syncing_loses_claims_on_the_same_disk(crasher: Crasher, synchronous: str) -> None:
    run = crashes(crasher, synchronous, 10)
    assert sum(crash.lost for crash in run) > 0, versions()


def test_the_statements_are_the_same_for_apsw() -> None:
    loaded = aiosql.from_path(QUERY_FOLDER, "apsw")
    assert {name: getattr(loaded, name).sql for name in statements()} == {
        name: statement.sql for name, statement in statements().items()
    }


def test_what_was_synced_is_on_the_platter_and_the_rest_may_be_kept_dropped_or_torn() -> None:
    platter = Platter()
    platter.cached.append(Written(2, b"ab"))
    platter.sync()
    assert platter.synced == b"\0\0ab"
    platter.cached += [Written(4, b"cdef"), Written(1, None)]
    found = {platter.after_power_cut(Random(seed)) for seed in range(200)}
    assert {b"\0\0ab", b"\0\0abcdef", b"\0\0abc", b"\0"} <= found
    assert platter.synced == b"\0\0ab"


def test_a_file_that_was_never_synced_may_have_no_name() -> None:
    platter = Platter(cached=[Written(0, b"x")])
    assert {platter.after_power_cut(Random(seed)) for seed in range(100)} == {None, b"", b"x"}


def test_power_fails_once_and_the_disk_stays_off() -> None:
    disk = Disk(power_for=1)
    assert disk.operate()
    with pytest.raises(PowerCut):
        disk.operate()
    assert not disk.operate()
