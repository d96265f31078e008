"""`python -m console.paper`: run the simulated exchange of a folder."""

from __future__ import annotations

import argparse
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path


def _euros(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of euros") from None
    if not value.is_finite() or value < 0 or value != value.quantize(Decimal("0.01")):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of whole cents")
    return value


def _speed(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError("the speed lies above 0 and is at most 10000")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; exit codes 0 clean end, 2 usage, 3 cannot start."""
    parser = argparse.ArgumentParser(prog="python -m console.paper", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of exchange.db and exchange.json")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--seed", type=int, help="seed of the prices, fixed at the first start (default 7)")
    parser.add_argument("--speed", type=_speed, default=1.0, help="how fast market time runs (default 1)")
    parser.add_argument("--faults", default="", help='e.g. "POST /order: apply-then-drop x1"')
    parser.add_argument(
        "--candles", action="append", default=[], metavar="MARKET=FILE", help="a candle file as that market's prices"
    )
    parser.add_argument(
        "--regime",
        action="append",
        default=[],
        metavar="MARKET=REGIME",
        help="quiet, trend, reversion, shock, gap, seed",
    )
    parser.add_argument("--follow", metavar="URL", help="take the public data of that exchange, e.g. another one's /v2")
    parser.add_argument("--oldest", type=float, default=10.0, help="seconds after which followed data is stale")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write down all that decides about prices")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="show again what such a file holds")
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what no source tells, see console/paper/choices.py",
    )
    parser.add_argument("--keep", action="store_true", help="run until told to stop, with or without users")
    parser.add_argument("--balance", type=_euros, default=Decimal(1000), help="euros at the first start")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds to stay without a user (default 10)")
    options = parser.parse_args(arguments)

    from console.paper.app import ROUTES
    from console.paper.assumptions import AssumptionError, parse_assumptions
    from console.paper.faults import FaultSpecError, parse_faults
    from console.paper.options import OptionError, price_options
    from console.paper.server import ServerOptions, serve

    try:
        parse_faults(options.faults, tuple(ROUTES))
        options.assume = parse_assumptions(options.assume)
        options.prices = price_options(
            options.candles, options.regime, options.follow, options.oldest, options.speed, options.record,
            options.replay,
        )  # fmt: skip
        for name in ("candles", "regime", "follow", "oldest", "record", "replay"):
            delattr(options, name)
    except (FaultSpecError, OptionError, AssumptionError) as error:
        parser.error(str(error))
    return serve(ServerOptions(**vars(options)))


if __name__ == "__main__":
    sys.exit(main())
