"""Where each market's prices come from, kept in `exchange.db`: the seed, or a candle file by path and SHA-256.

A market may take up a file as long as nothing was ever ordered in it. From then on the exchange goes on with that file,
at the candle it was left in, and will not start without it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from console.paper.candle_file import CandleFile, CandleFileError, load_candles
from console.paper.markets import BY_NAME
from console.paper.recording import Recording, RecordingError
from console.paper.source_words import CANDLES_SETTING, FOLLOW_SETTING, REPLAY_SETTING
from console.paper.store import Store


class SourceError(Exception):
    """The prices of a market cannot go on as they were or as was asked; the text is one sentence."""


@dataclass(frozen=True)
class PlayedFrom:
    """A file and the candle at which it is to go on (its number of rows if all were played)."""

    file: CandleFile
    index: int


def remember(store: Store, file: CandleFile, index: int) -> None:
    """Store which file a market plays and how far it is. Runs inside a store transaction."""
    kept = {"path": str(file.path), "sha256": file.sha256, "name": file.name, "index": index}
    store.set_setting(CANDLES_SETTING + file.spec.market, json.dumps(kept))


def settle_sources(store: Store, asked: Mapping[str, CandleFile]) -> dict[str, PlayedFrom]:
    """The file of every market that plays one: as asked for, else as kept. SourceError if that cannot be."""
    settled: dict[str, PlayedFrom] = {}
    for market in BY_NAME:
        kept = store.setting(CANDLES_SETTING + market)
        found = _kept(market, kept, asked.get(market)) if kept is not None else None
        if found is None and market in asked:
            if store.orders("market = ? LIMIT 1", [market]):
                raise SourceError(f"{market} has orders at other prices; this candle file needs another folder.")
            # The first day is history from the beginning.
            found = PlayedFrom(asked[market], asked[market].rows_a_day)
        if found is not None:
            settled[market] = found
    with store.transaction():
        for found in settled.values():
            remember(store, found.file, found.index)
    return settled


def settle_followed(store: Store, asked: str | None) -> str | None:
    """The exchange whose prices are followed: as asked for, else as kept. SourceError if that cannot be.

    Like a candle file it may be taken up while nothing was ever ordered, and from then on stays. It is kept by
    `keep_followed` once it has answered: an address that was mistyped does not stay.
    """
    kept = store.setting(FOLLOW_SETTING)
    if asked is None or asked == kept:
        return kept
    if store.orders("1 LIMIT 1", []):
        raise SourceError(f"There are orders at other prices; to follow {asked} needs another folder.")
    return asked


def keep_followed(store: Store, url: str) -> None:
    """From now on this exchange follows that one."""
    with store.transaction():
        store.set_setting(FOLLOW_SETTING, url)


def settle_replay(store: Store, asked: Path | None) -> Recording | None:
    """The recording that is replayed: as asked for, else as kept, from its beginning. SourceError if that cannot be."""
    kept = json.loads(store.setting(REPLAY_SETTING) or "null")
    if asked is None and kept is None:
        return None
    path = asked or Path(kept["path"])
    try:
        found, digest = Recording(path), sha256(path.read_bytes()).hexdigest()
    except (RecordingError, OSError) as error:
        raise SourceError(f"Nothing can be replayed: {error}") from None
    if kept is not None and kept["sha256"] != digest:
        raise SourceError(f"This exchange replays {kept['path']} as it was; another recording needs another folder.")
    if kept is None and store.orders("1 LIMIT 1", []):
        raise SourceError(f"There are orders at other prices; to replay {path} needs another folder.")
    with store.transaction():
        store.set_setting(REPLAY_SETTING, json.dumps({"path": str(found.path), "sha256": digest, "name": path.stem}))
    return found


def files_of(recording: Recording) -> dict[str, PlayedFrom]:
    """The candle files a recording played; SourceError if one is gone or has changed."""
    played = {}
    for market, kept in recording.beginning.candles.items():
        file = _kept(market, json.dumps(kept), None)
        if file is not None:
            played[market] = file
    return played


def _kept(market: str, kept: str, asked: CandleFile | None) -> PlayedFrom | None:
    """The file a market played before, wherever it is now; None if another one is asked for."""
    known = json.loads(kept)
    if asked is not None:
        return PlayedFrom(asked, known["index"]) if asked.sha256 == known["sha256"] else None
    path = Path(known["path"])
    if not path.exists():
        raise SourceError(f"{market} plays {path}, which is gone; put it back, or name it with --candles.")
    try:
        file = load_candles(path, BY_NAME[market])
    except CandleFileError as error:
        raise SourceError(f"{market} cannot go on: {error}") from None
    if file.sha256 != known["sha256"]:
        raise SourceError(f"{market} plays {path}, which has changed since; put the old one back or use a new folder.")
    return PlayedFrom(file, known["index"])
