"""A process that fires one order after another, whatever becomes of them, and can be caught in the middle of one.

``python -m tests.cli.firing FOLDER`` says for each attempt ``fired END REASON``, ``kept CODES`` for one that the gate
refused, or ``broke NAME TEXT``. A line tells what happens just before its next POST, its send committed and the send
lock shared: ``sleep S`` blocks the event loop so long, ``stop PID`` stops a process (0: this one). It says ``sending``
then. It ends with its input.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

from console.clock import SystemClock, SystemEntropy
from console.engine import Engine
from console.exchange.answers import NoAnswer
from console.exchange.errors import ExchangeError
from console.exchange.trade import TradeClient
from console.execution.ideas import BadIdea, Idea, draw_idea, rules_of_market
from console.execution.outcome import End
from console.execution.ticket import view_ticket
from console.home import Home, this_process
from console.settings import load_settings
from storage.codes import Mode
from storage.errors import VaultError
from storage.executions import Accepted, PreparedOrder, Rejected
from storage.models import Proposal
from storage.proposals import create_proposal

MARKETS: Final = ("BTC-EUR", "ETH-EUR", "SOL-EUR")
BETWEEN_S: Final = 0.02

orders_given: Final[list[str]] = []


def say(text: str) -> None:
    """One line to the test."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Caught(TradeClient):
    """A client whose next POST is preceded by what was told."""

    async def place_order(self, prepared: PreparedOrder, timeout_s: float) -> Accepted | Rejected | NoAnswer:
        """The program's own, after what was told."""
        while orders_given:
            what, _, number = orders_given.pop(0).partition(" ")
            say("sending")
            if what == "sleep":
                time.sleep(float(number))  # noqa: ASYNC251 - the event loop is to be blocked
            else:
                os.kill(int(number) if int(number) else os.getpid(), signal.SIGSTOP)
        return await super().place_order(prepared, timeout_s)


async def fire(engine: Engine, market: str) -> str:
    """One attempt; what became of it. Raises BadIdea, ExchangeError, VaultError."""
    quote = await engine.parts.quotes.fetch(market)
    rules = rules_of_market(market, engine.parts.quotes.rules, None)
    new = draw_idea(Idea(market, "buy", "25", None), rules, quote, "firing")
    proposal: Proposal = await engine.vault.transact(lambda tx: create_proposal(tx, new))
    view = await engine.vault.read(lambda tx: view_ticket(tx, proposal.id, quote))
    outcome = await engine.parts.executor.execute(view.ticket, quote, typed_amount=True)
    if outcome.end is End.REFUSED:
        return f"kept {' '.join(check.code for check in outcome.failed)}"
    return f"fired {outcome.end} {outcome.reason}"


async def keep_firing(home: Home) -> None:
    """Fire until the input ends."""
    entropy = SystemEntropy()
    engine = await Engine.open(home, load_settings(home.root), SystemClock(), entropy, this_process(entropy))
    engine.parts.trade.__class__ = Caught
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def listen() -> None:
        for line in iter(sys.stdin.readline, ""):
            orders_given.append(line.strip())
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=listen, daemon=True).start()
    try:
        await engine.settle_before_claims()
        attempt = 0
        while not done.is_set():
            try:
                said = await fire(engine, MARKETS[attempt % len(MARKETS)])
            except (BadIdea, ExchangeError, VaultError) as error:
                said = f"broke {type(error).__name__} {error}"
            say(said)
            attempt += 1
            await asyncio.sleep(BETWEEN_S)
    finally:
        await engine.close()


if __name__ == "__main__":
    asyncio.run(keep_firing(Home(Path(sys.argv[1]), Mode.PAPER)))
