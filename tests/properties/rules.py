"""Other rules, limits that are none, and calls that cost."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from storage.budget import CostlyCall, Spent, TokenPrice, reserve_usage, settle_usage
from storage.errors import InvalidPolicy
from storage.money import Eur
from storage.policies import presets, read_policy
from storage.policy_store import activate_policy, active_policy
from tests.properties.process import Process
from tests.properties.world import LIVELY, World
from tests.storage.builders import policy_with

NARROW: Final = {"trades": {"per_day": 3, "per_hour": 2}, "exits": {"per_day": 3, "per_hour": 2}}
POLICIES: Final[Mapping[str, dict[str, Any]]] = MappingProxyType(
    {
        "lively": LIVELY,
        "few": {**LIVELY, **NARROW, "name": "few"},
        "small": {**LIVELY, "name": "small", "exposure_eur": 90, "order": {"max_eur": 60}},
        "one market": {**LIVELY, "name": "one-market", "allowlist": ("ETH-EUR",), "exit_only": ("BTC-EUR",)},
        "none": {**LIVELY, "name": "none", "trades": {"per_day": 0, "per_hour": 0}, "exposure_eur": 0},
        "no calls": {**LIVELY, "name": "no-calls", "oracle": {"calls_per_day": 0, "calls_per_hour": 0}},
        "slow": {**LIVELY, "name": "slow", "cooldown_min": 15, "anti_flip_min": 30},
    }
)
PRESETS: Final = ("semi-auto", "hunter", "observer")

NO_LIMITS: Final = (None, "", "NaN", "nan", "Infinity", "-Infinity", -1, "-0.01", float("nan"), float("inf"), True)
"""What no limit may be."""

LIMITS: Final = (
    ("exposure_eur",), ("order", "max_eur"), ("trades", "per_day"), ("trades", "per_hour"), ("exits", "per_day"),
    ("oracle", "calls_per_day"), ("oracle", "eur_per_day"), ("drawdown_pct",), ("venue", "collar_pct"),
)  # fmt: skip


async def change_policy(process: Process, name: str) -> None:
    """Put other rules in force."""
    from storage.codes import Mode

    policy = presets(Mode.PAPER)[name] if name in PRESETS else policy_with(**POLICIES[name])
    await process.vault.transact(lambda tx: activate_policy(tx, policy, active_policy(tx).activation_id))


async def loosen_by_nonsense(world: World, process: Process, field: tuple[str, ...], value: Any) -> None:
    """A limit that is no number is refused; the rules in force stay."""
    before = await process.vault.read(active_policy)
    data: dict[str, Any] = before.policy.model_dump()
    part = data[field[0]] if len(field) == 2 else data
    part[field[-1]] = value
    with suppress(InvalidPolicy):
        policy = read_policy(data)
        await process.vault.transact(lambda tx: activate_policy(tx, policy, active_policy(tx).activation_id))
        world.watch.broken.append(f"{'.'.join(field)} may be {value!r}")
    if (await process.vault.read(active_policy)).hash != before.hash:
        world.watch.broken.append(f"{value!r} as {'.'.join(field)} changed the rules in force")


async def costly_call(process: Process, cents: int, settled: str) -> None:
    """Reserve a call, and settle it within its reservation, over it, or never."""
    call = CostlyCall("model/1", 1, Eur.of(cents).scaled(Decimal("0.01")), 0, TokenPrice(Decimal(1), Decimal(1)))
    caps = (await process.vault.read(active_policy)).policy.oracle
    reservation = await process.vault.transact(lambda tx: reserve_usage(tx, call, caps))
    if settled != "never":
        cost = call.reserve.scaled(Decimal("0.4" if settled == "within" else "1.5"))
        await process.vault.transact(lambda tx: settle_usage(tx, reservation.id, Spent(cost, 10), "asked"))
