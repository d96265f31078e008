"""What the operator has to do before orders can be sent, as ``oracle status`` tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.database import Tx


def next_steps(tx: Tx) -> list[str]:
    """One sentence for each thing that stands in the way and that somebody has to do; none in an ordinary vault."""
    from storage.codes import ExecutionState, Mode
    from storage.execution_rows import executions_in
    from storage.facts import newest_sweep
    from storage.key_rights import key_refusal
    from storage.sweeps import baseline
    from storage.trading_state import imports_are_open

    live = tx.info.mode is Mode.LIVE
    name = "oracle --live" if live else "oracle"
    steps = []
    if live and (missing := _missing_keys()):
        steps.append(f"{missing}: until then nothing is looked at, compared or sent")
    if (refusal := key_refusal(tx)) is not None:
        steps.append(refusal)
    if executions_in(tx, {ExecutionState.UNKNOWN}):
        steps.append(f"an order is UNKNOWN: {name} reconcile looks for it; do not place it by hand")
    if imports_are_open(tx):
        steps.append(
            f"the vault was restored: {name} reconcile takes over what was sent since the backup; when vault and "
            f"exchange agree, {name} resume"
        )
    sweep = newest_sweep(tx)
    if live and baseline(tx) is None:
        steps.append(
            f"nobody has accepted yet what the account holds: {name} adopt --reason T does while HALTED, "
            f"then {name} resume"
        )
    elif sweep is not None and sweep.differences:
        steps.append(
            f"vault and exchange differ ({sweep.differences[0]}): {name} reconcile compares again, {name} adopt "
            "accepts what is left while HALTED"
        )
    return steps


def _missing_keys() -> str | None:
    from console.execution.keys import missing_live_keys

    return missing_live_keys()
