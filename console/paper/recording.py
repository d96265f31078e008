"""Recordings of a market: all that decided about its prices, one JSON object a line, and nothing of the account.

The first line is the beginning: seed, origin, start and speed of market time, regimes, candle files by path, SHA-256
and place, and the address of a followed exchange. Then, at the market times (microseconds) at which they happened:

- `answer`: what the followed exchange answered, as received;
- `regimes`: regimes by order, from a minute on;
- `state`: a market entered a state by order;
- `pause`: the steps that were lived through at once, as the process had stood still;
- `shown`: what own orders did to what everybody sees: the makers' sizes left, own orders in the book as price and
  size, and the trades made. With `inside` it belongs to the step itself and takes the place of its other trades;
- `end`: a clean end.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TextIO

from console.paper.book import LiveMarket
from console.paper.decimals import text
from console.paper.following import Received
from console.paper.makers import Ladder, Level
from console.paper.markets import BY_NAME
from console.paper.public_view import Ghost, PublicTrade
from console.paper.regimes import Change, Choice

VERSION: Final = 1


class RecordingError(Exception):
    """A file that cannot be replayed, or not be written; the text is one sentence."""


@dataclass(frozen=True)
class Beginning:
    """The first line. `candles` are `{market: {path, sha256, index}}`, `regimes` minutes and names by market."""

    seed: int
    origin_minute: int
    start_us: int
    speed: float
    regimes: Mapping[str, list[tuple[int, str]]] = field(default_factory=dict)
    candles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    follow: str | None = None
    oldest_us: int = 0


class Recorder:
    """Writes a recording; every line is handed to the operating system at once.

    Where that fails (a full disk) the recording ends with a sentence on stderr and the exchange goes on: orders do not
    depend on it, and what is written can be replayed up to there.
    """

    def __init__(self, file: TextIO) -> None:
        self._file: TextIO | None = file

    def begin(self, beginning: Beginning) -> None:
        """The first line."""
        self._write("beginning", version=VERSION, **vars(beginning))

    def answer(self, at_us: int, received: Received) -> None:
        """An answer of the followed exchange, which took effect at that market time."""
        self._write("answer", at=at_us, received=received.at_us, of=received.what, market=received.market,
                    body=received.body)  # fmt: skip

    def regimes(self, at_us: int, changes: Mapping[str, Change]) -> None:
        """Regimes by order."""
        changed = {market: [change.minute, change.choice] for market, change in changes.items()}
        self._write("regimes", at=at_us, changes=changed)

    def state(self, at_us: int, market: str, state: str) -> None:
        """A market was halted, opened or put into another state by order."""
        self._write("state", at=at_us, market=market, state=state)

    def pause(self, first: int, last: int) -> None:
        """The steps `first` to before `last` were lived through at once."""
        self._write("pause", first=first, last=last)

    def shown(self, market: LiveMarket, at_us: int, made: int, *, inside: bool) -> None:
        """What own orders did; `made` counts the newest public trades that are new with it."""
        trades = list(market.trades)[len(market.trades) - made :] if made else []
        ladder = market.ladder
        self._write(
            "shown",
            at=at_us,
            inside=inside,
            step=market.step,
            market=market.spec.market,
            bids=[[text(level.price), text(level.amount)] for level in ladder.bids],
            asks=[[text(level.price), text(level.amount)] for level in ladder.asks],
            own=[[each.side, text(each.price), text(each.amount)] for each in market.own_shown()],
            trades=[[t.trade_id, t.at_ms, text(t.amount), text(t.price), t.side] for t in trades],
        )

    def end(self, at_us: int) -> None:
        """A clean end."""
        self._write("end", at=at_us)

    def _write(self, what: str, **more: Any) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps({"what": what, **more}, separators=(",", ":")) + "\n")
            self._file.flush()
        except OSError as error:
            file, self._file = self._file, None
            print(  # noqa: T201 - the exchange's log
                f"{file.name} cannot be written: {error.strerror}; the recording ends here.", file=sys.stderr
            )
            with suppress(OSError):
                file.close()


@dataclass(frozen=True)
class Shown:
    """A `shown` line."""

    at_us: int
    market: str
    ladder: Ladder
    own: list[Ghost]
    trades: list[PublicTrade]

    def put_on(self, market: LiveMarket) -> None:
        """Show it on a market."""
        sides = (self.ladder.bids, self.ladder.asks)
        bids, asks = ([Level(each.price, each.amount) for each in side] for side in sides)
        market.show(Ladder(bids, asks), self.own, self.trades)


@dataclass(frozen=True)
class State:
    """A `state` line."""

    market: str
    state: str


class Recording:
    """A recording being replayed: what is due is taken from it in the order of market time."""

    def __init__(self, path: Path) -> None:
        """Read it whole; RecordingError if it is none. A last line cut short by a crash is left out."""
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise RecordingError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'no text'}.") from None
        self.path = path.resolve()
        self.pauses: dict[int, int] = {}
        self._inside: dict[tuple[str, int], Shown] = {}
        self._due: deque[tuple[int, Received | Shown | State]] = deque()
        self._changes: dict[str, list[Change]] = {}
        for number, line in enumerate(lines[:-1] or lines, 1):
            try:
                if number == 1:
                    self.beginning = _beginning(json.loads(line))
                else:
                    self._take(json.loads(line))
            except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
                raise RecordingError(f"{path} is no recording of a market: line {number} is not one of it.") from None

    def _take(self, line: dict[str, Any]) -> None:
        match line["what"]:
            case "answer":
                received = Received(int(line["received"]), str(line["of"]), _market(line), line["body"])
                self._due.append((int(line["at"]), received))
            case "regimes":
                for market, (minute, name) in line["changes"].items():
                    self._changes.setdefault(market, []).append(Change(minute, Choice(name)))
            case "pause":
                self.pauses[int(line["first"])] = int(line["last"])
            case "shown":
                shown = _shown(line)
                if line["inside"]:
                    self._inside[shown.market, line["step"]] = shown
                else:
                    self._due.append((shown.at_us, shown))
            case "state":
                self._due.append((int(line["at"]), State(_market(line), str(line["state"]))))
            case "end":
                pass
            case unknown:
                raise ValueError(unknown)

    def changes(self, market: str) -> list[Change]:
        """All regimes of a market, first and later ones; of a minute the last word counts."""
        kept: dict[int, Change] = {}
        first = [Change(minute, Choice(name)) for minute, name in self.beginning.regimes.get(market, ())]
        for change in [*first, *self._changes.get(market, ())]:
            kept[change.minute] = change
        return [kept[minute] for minute in sorted(kept)]

    def due(self, at_us: int) -> Received | Shown | State | None:
        """The next thing that happened at a market time or earlier; None if there is none (left)."""
        if not self._due or self._due[0][0] > at_us:
            return None
        return self._due.popleft()[1]

    def inside(self, market: str, step: int) -> Shown | None:
        """What own orders did in a step, in the place of its other trades."""
        return self._inside.pop((market, step), None)


def _beginning(line: dict[str, Any]) -> Beginning:
    if (line.pop("what"), line.pop("version")) != ("beginning", VERSION):
        raise ValueError("another beginning")
    return Beginning(**line)


def _shown(line: Mapping[str, Any]) -> Shown:
    bids, asks = ([Level(Decimal(p), Decimal(a)) for p, a in line[side]] for side in ("bids", "asks"))
    own = [Ghost(side, Decimal(price), Decimal(amount)) for side, price, amount in line["own"]]
    trades = [PublicTrade(name, at, Decimal(a), Decimal(p), side) for name, at, a, p, side in line["trades"]]
    return Shown(int(line["at"]), _market(line), Ladder(bids, asks), own, trades)


def _market(line: Mapping[str, Any]) -> str:
    return BY_NAME[line["market"]].market
