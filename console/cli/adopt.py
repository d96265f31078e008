"""``oracle adopt``: accept what the exchange holds as the vault's own starting point."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.context import HomeOption, JsonOption, LiveOption, SettingsOption, existing, guarded, opened_engine
from console.cli.output import OK, REFUSED, USAGE, CommandError, say, say_json

if TYPE_CHECKING:
    from console.cli.context import Context
    from storage.sweeps import Adoption


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(adopt)


def adopt(
    reason: Annotated[str, typer.Option("--reason", help="Why they are right; stored with each.")],
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept differences with the exchange.

    Only while HALTED: balances that are no trade of this vault become flows with your reason, and open orders of
    somebody else no longer stop trading; they stay what they are. The first time in LIVE it says what the account
    holds. Afterwards vault and exchange are compared again; exit code 1 if they still differ.
    """
    raise typer.Exit(guarded(lambda: asyncio.run(_adopt(existing(home, live, settings), reason, as_json))))


async def _adopt(found: Context, reason: str, as_json: bool) -> int:
    from console.execution.adopt import adopt_differences
    from console.execution.sweep import sweep_once
    from storage.facts import newest_sweep

    if not reason.strip():
        raise CommandError(USAGE, "--reason must say why")
    async with opened_engine(found) as engine:
        parts = engine.parts
        adoption = await adopt_differences(parts.vault, parts.trade, parts.readonly, parts.sleep, reason)
        clean = await sweep_once(parts.vault, parts.trade, parts.readonly, parts.sleep)
        sweep = await parts.vault.read(newest_sweep)
    left = () if clean or sweep is None else sweep.differences
    if as_json:
        _print_json(adoption, clean, left)
    else:
        _tell(adoption, left)
    return OK if clean else REFUSED


def _print_json(adoption: Adoption, clean: bool, left: tuple[str, ...]) -> None:
    from storage.money import decimal_text

    say_json(
        {
            "first_baseline": adoption.first,
            "flows": [{"symbol": flow.symbol, "amount": decimal_text(flow.amount)} for flow in adoption.flows],
            "foreign_orders": [{"market": market, "order_id": order_id} for market, order_id in adoption.orders],
            "clean": clean,
            "differences": list(left),
        }
    )


def _tell(adoption: Adoption, left: tuple[str, ...]) -> None:
    from storage.money import decimal_text

    if adoption.first:
        say("what the exchange holds now is the baseline")
    for flow in adoption.flows:
        say(f"{flow.symbol} {'+' if flow.amount > 0 else ''}{decimal_text(flow.amount)} is accepted")
    for market, order_id in adoption.orders:
        say(f"order {order_id} in {market} is not ours and stays; it no longer stops trading there")
    if adoption.empty:
        say("there was nothing to accept")
    for difference in left:
        say(difference)
    say("vault and exchange differ" if left else "vault and exchange agree; oracle resume goes on")
