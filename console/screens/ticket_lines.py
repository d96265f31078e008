"""The body of the ticket: what would be sent, what that does in the book as it is, and what it costs to be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from console import format as fmt
from console.execution.ticket import Now
from console.panes.cells import price_text
from console.panes.drawing import Scene, paragraph, two_ends, width_of
from console.screens.confirm_line import NARROW, Line, Span
from console.text import safe_text
from storage.codes import Side, TriggerType
from storage.money import Eur, Price, Quantity
from storage.order_value import policy_of

if TYPE_CHECKING:
    from console.execution.ticket import TicketView
    from console.symbols import Symbols
    from storage.models import Check

LABEL: Final = 15
NOT_ASKED: Final = "not asked any more"
"""What stands for the checks of a ticket with nothing left to check."""
_CELL: Final = 12
WHY_ROWS: Final = 4
"""Lines of the ticket that the rationale takes at most."""


@dataclass(frozen=True, slots=True)
class Ticketed:
    """A ticket and what is known of it by now."""

    view: TicketView
    opened_on: Price | None
    """Ask (buy) or bid (sell) of the quote it was opened or re-quoted on."""

    @property
    def buys(self) -> bool:
        """Whether it is a buy."""
        return self.view.order.side is Side.BUY

    @property
    def tick(self) -> Price | None:
        """The market's tick, where its rules are known."""
        rules = self.view.question.quote.rules
        return None if rules is None else rules.tick_size

    @property
    def base(self) -> str:
        """The coin."""
        return safe_text(self.view.order.market.partition("-")[0], 10)

    def price(self, price: Price | None, *, exact: bool = False) -> str:
        """A price of this market; ``?`` where it is not known."""
        return "?" if price is None else price_text(price, self.tick, 40, rounded=not exact)


def fires_text(view: TicketView) -> str:
    """What F does, such as ``BUY 25.16 EUR``."""
    side = view.order.side.value.upper()
    if view.order.trigger is not None:
        side = view.order.trigger.type.words.upper()
    if view.total is None:
        return f"{side} {fmt.quantity(view.order.quantity)}"
    return f"{side} {fmt.eur(view.total)} EUR"


def body_lines(ticketed: Ticketed, scene: Scene, width: int, rows: int = 40, *, gone: bool = False) -> list[Line]:
    """The ticket between its title and its last line, for an inner width and so many rows; no figure in it is cut.

    The rationale takes the rows that are left, and is cut where they are too few: the checks' page has the whole of
    it. Of a ticket that is ``gone`` nothing is said to hold.
    """
    narrow = width < NARROW
    lines = _narrow(ticketed, scene, width, gone) if narrow else _standard(ticketed, scene, width, gone)
    if len(lines) >= rows:  # a short screen gives up the blank lines before anything else
        lines = [line for line in lines if any(span.text.strip() for span in line)]
    label = " why " if narrow else f" {'why':<{LABEL}}"
    room = min(max(rows - len(lines), 0), WHY_ROWS)
    proposal = ticketed.view.proposal
    why = paragraph(label, safe_text(proposal.rationale.why, 1000), width - 1, room) if room else []
    if why and not narrow and proposal.snapshot_id is not None:
        first = _ends(why[0], (Span("w what it saw ", "muted"),), width)
        why = [*first, *why[1:]] if len(first) + len(why) - 1 <= room else why
    return [*lines, *why]


def order_line(ticketed: Ticketed, *, narrow: bool = False) -> Line:
    """Side, quantity, coin and limit, to the last digit."""
    order = ticketed.view.order
    amount = f"{fmt.quantity(order.quantity)} {ticketed.base}"
    start = (Span(" "), Span(order.side.value.upper(), order.side.value), Span(" " if narrow else " " * 2))
    if narrow:
        return (*start, Span(amount, "strong"))
    limit = "at market" if order.limit is None else f"limit {ticketed.price(order.limit, exact=True)} EUR"
    if order.trigger is not None:
        limit = f"{order.trigger.type.words} at {ticketed.price(order.trigger.price, exact=True)} EUR"
    ioc = "" if order.time_in_force != "IOC" or order.limit is None else ", at once or not at all"
    return (*start, Span(f"{amount}   {limit}", "strong"), Span(ioc))


def _standard(ticketed: Ticketed, scene: Scene, width: int, gone: bool) -> list[Line]:
    view = ticketed.view
    dot = f" {scene.symbols.dot} "
    lines: list[Line] = [order_line(ticketed), ()]
    lines.append(_row(total_label(ticketed), total_text(ticketed), _fee_text(ticketed)))
    word, figures = now_text(ticketed)
    lines += _laid(_row("right now", word, figures), "right now", f"{word} {figures}", width)
    lines += paragraph(f" {'if it rests':<{LABEL}}", rest_text(ticketed), width - 1, 3)
    lines.append(())
    lines.append((Span(" " * (LABEL + 1) + f"{'proposed':<{_CELL}}{'opened':<{_CELL}}now", "muted"),))
    lines += [*_prices(ticketed, scene, width), *_ages(ticketed, scene, width), *_risk(ticketed, width)]
    lines += paragraph(f" {'then':<{LABEL}}", then_text(ticketed, dot), width - 1, 2)
    right = (Span("i shows them ", "muted"),)
    checks = (NOT_ASKED, "") if gone else checks_text(view.checks, scene.symbols)
    return [*lines, *_ends(_row("checks", "", *checks), right, width)]


def _laid(line: Line, label: str, text: str, width: int) -> list[Line]:
    """One line, or the same words wrapped under themselves where it is too long."""
    return [line] if width_of(line) < width else paragraph(f" {label:<{LABEL}}", text, width - 1, 3)


def _ends(left: Line, right: Line, width: int) -> list[Line]:
    """One part at each end with two blanks between them, or the right one on a line of its own."""
    if not right or not right[0].text:
        return [left]
    if width_of(left) + 2 + width_of(right) <= width:
        return [two_ends(left, right, width)]
    return [left, (Span(" " * max(width - width_of(right), 0)), *right)]


def _row(label: str, value: str, rest: str = "", token: str = "") -> Line:
    padded = f"{value:<{LABEL}}" if rest and value else value
    return (Span(f" {label:<{LABEL}}", "muted"), Span(padded, "strong" if rest and value else ""), Span(rest, token))


def total_label(ticketed: Ticketed) -> str:
    """What the euro total is. A stop sells at the market when its price is reached: about that price, not at least."""
    if ticketed.buys:
        return "pay at most"
    return "get at least" if ticketed.view.order.trigger is None else "get about"


def total_text(ticketed: Ticketed) -> str:
    """The euro total; the book may not tell."""
    return "not known" if ticketed.view.total is None else f"{fmt.eur(ticketed.view.total)} EUR"


def _fee_text(ticketed: Ticketed) -> str:
    view = ticketed.view
    rate = view.question.quote.taker_fee
    if view.total is None or view.fee is None or rate is None:
        return "the book or the fee is not known"
    value = view.total - view.fee if ticketed.buys else view.total + view.fee
    sign = "+" if ticketed.buys else "-"
    return f"{fmt.eur(value)} {sign} fee {fmt.eur(view.fee)}, taker {fmt.percent(rate, signed=False)}"


def now_text(ticketed: Ticketed) -> tuple[str, str]:
    """What the order does in the book as it is: the word, and the figures."""
    outlook, order = ticketed.view.outlook, ticketed.view.order
    if outlook is None:
        return "not known", "no book"
    if outlook.now is Now.FILLS:
        return outlook.now.value, f"at {ticketed.price(outlook.average)} for {_cost(ticketed, outlook.value)}"
    if outlook.now is Now.PART:
        share = f"{fmt.quantity(outlook.filled)} of {fmt.quantity(order.quantity)}"
        return outlook.now.value, f"{share} at {ticketed.price(outlook.average)} for {_cost(ticketed, outlook.value)}"
    if order.trigger is not None:
        word = "falls" if order.trigger.type is TriggerType.STOP_LOSS else "rises"
        return outlook.now.value, f"until the last trade {word} to {ticketed.price(order.trigger.price, exact=True)}"
    if outlook.now is Now.RESTS:
        below = "below the ask" if ticketed.buys else "above the bid"
        return outlook.now.value, f"{below}, {fmt.quantity(outlook.ahead)} ahead"
    return outlook.now.value, "nothing in the book at this limit"


def _cost(ticketed: Ticketed, value: Eur) -> str:
    """A value with the fee on it (buy) or taken from it (sell), in whole cents."""
    rate = ticketed.view.question.quote.taker_fee
    if rate is None:
        return f"{fmt.eur(value)} EUR, fee not known"
    total = value.scaled(1 + rate).cents_up() if ticketed.buys else value.scaled(1 - rate).cents_down()
    return f"{fmt.eur(total)} EUR"


def rest_text(ticketed: Ticketed) -> str:
    """What becomes of the part that does not fill at once."""
    order, question = ticketed.view.order, ticketed.view.question
    if order.trigger is not None:
        return "it waits at the exchange, also while nothing runs here, and holds the coins"
    if order.limit is None:
        return "it never rests"
    if order.time_in_force == "IOC":
        return "it does not: what does not fill at once is cancelled"
    submit = policy_of(question).submit
    hours, minutes = divmod(submit.rest_max_min, 60)
    longest = f"{hours} h" if minutes == 0 else f"{submit.rest_max_min} min"
    return f"at most {longest} while console or worker runs, else gone in {submit.dead_man_s} s"


def _prices(ticketed: Ticketed, scene: Scene, width: int) -> list[Line]:
    view, word = ticketed.view, "ask" if ticketed.buys else "bid"
    made, now, limit = view.proposal.quote_at_creation, view.reference, view.order.limit
    word_at = "limit"
    if view.order.trigger is not None:
        limit, word_at = view.order.trigger.price, view.order.trigger.type.words
    moved, token = moved_text(ticketed, scene.symbols)
    before = [f"{ticketed.price(price):<{_CELL - 1}} " for price in (made, ticketed.opened_on)]
    figures = f"{''.join(before)}{ticketed.price(now)}"
    left = (Span(f" {word:<{LABEL}}", "muted"), Span(figures), Span("  "), Span(moved, token))
    right = ""
    if limit is not None and now is not None:
        gap = limit - now
        side = "above" if gap.value > 0 else "below" if gap.value < 0 else "the same"
        apart = ticketed.price(Price(abs(gap.value)), exact=True)
        right = f"{word_at} {apart} {side} " if gap.value else f"{word_at} the same "
    return _ends(left, (Span(right),), width)


def moved_text(ticketed: Ticketed, symbols: Symbols) -> tuple[str, str]:
    """How far the price moved since the proposal, with its sign's token."""
    made, now = ticketed.view.proposal.quote_at_creation, ticketed.view.reference
    if made is None or now is None or not made.is_positive:
        return "", ""
    moved: Decimal = now.ratio(made) - 1
    share = fmt.percent(moved)
    if share[0] not in "+-":
        return "unmoved" if moved == 0 else share, ""
    arrow = symbols.up if moved > 0 else symbols.down
    sign = "" if arrow in "+-" else f"{arrow} "
    return f"{sign}{share}", "up" if moved > 0 else "down"


def book_age(ticketed: Ticketed, scene: Scene) -> str:
    """How long ago the book was confirmed."""
    confirmed = ticketed.view.question.quote.book_confirmed
    return "never" if confirmed is None else scene.age(confirmed)


def _ages(ticketed: Ticketed, scene: Scene, width: int) -> list[Line]:
    proposal = ticketed.view.proposal
    made = fmt.age(max(scene.now - proposal.created_at, 0))
    left = (Span(f" {'seen':<{LABEL}}", "muted"), Span(f"{made:<{2 * _CELL}}{book_age(ticketed, scene)}"))
    ends = proposal.expires_at - scene.now
    right = f"expires in {fmt.countdown(ends)} " if ends > 0 else "expired "
    return _ends(left, (Span(right),), width)


def _risk(ticketed: Ticketed, width: int) -> list[Line]:
    view = ticketed.view
    wrong = view.proposal.rationale.invalidation_price
    if view.at_risk is not None:
        text = f"{fmt.eur_signed(view.at_risk)} EUR if wrong, {ticketed.price(wrong)}"
    elif wrong is not None:
        text = f"wrong {'below' if ticketed.buys else 'above'} {ticketed.price(wrong)}"
    else:
        text = "no price given that would prove it wrong"
    right = f"even at {even_text(ticketed)} " if view.break_even is not None else ""
    return _ends(_row("at risk", text), (Span(right),), width)


def even_text(ticketed: Ticketed, between: str = ", ") -> str:
    """The price from which a buy wins, and how far that is."""
    even, now = ticketed.view.break_even, ticketed.view.reference
    if even is None:
        return "?"
    share = "" if now is None or not now.is_positive else f"{between}{fmt.percent(even.ratio(now) - 1)}"
    return f"{ticketed.price(even)}{share}"


def whole(amount: Eur | None) -> str:
    """Euros without cents, for gauges."""
    return "?" if amount is None else fmt.eur(amount, grouped=False).partition(".")[0]


def then_text(ticketed: Ticketed, dot: str) -> str:
    """What will be held and used up if it fills."""
    view = ticketed.view
    held = fmt.quantity(Quantity(view.held_after.value))
    exposure = f"exposure {whole(view.exposure_after)} of {whole(view.exposure_limit)}"
    word = "trades" if ticketed.buys else "sells"
    return f"{ticketed.base} {held}{dot}{exposure}{dot}{word} {view.trades_after} of {view.trades_limit}"


def checks_text(checks: Sequence[Check], symbols: Symbols) -> tuple[str, str]:
    """How many checks hold, with a token for the answer."""
    held = sum(check.passed for check in checks)
    mark = symbols.passed if held == len(checks) else symbols.failed
    return f"{held} of {len(checks)} {mark}", "" if held == len(checks) else "wait"


def _narrow(ticketed: Ticketed, scene: Scene, width: int, gone: bool) -> list[Line]:
    view = ticketed.view
    limit = "limit market" if view.order.limit is None else f"limit {ticketed.price(view.order.limit, exact=True)}"
    if view.order.trigger is not None:
        limit = f"{view.order.trigger.type.words} {ticketed.price(view.order.trigger.price, exact=True)}"
    moved, token = moved_text(ticketed, scene.symbols)
    lines: list[Line] = [order_line(ticketed, narrow=True)]
    prices = f" {limit}   now {ticketed.price(view.reference)} "
    if cell_len(prices) + cell_len(moved) <= width:
        lines.append((Span(prices), Span(moved, token)))
    else:
        lines += [(Span(f" {limit}"),), (Span(f" now {ticketed.price(view.reference)} "), Span(moved, token))]
    lines.append(_short(total_label(ticketed), total_text(ticketed)))
    lines += paragraph(f" {'right now':<{LABEL}} ", _short_now(ticketed), width, 3)
    if view.order.limit is not None and view.order.time_in_force == "IOC":
        lines.append(_short("if it rests", "it does not"))
    if view.at_risk is not None:
        wrong = ticketed.price(view.proposal.rationale.invalidation_price)
        lines.append(_short("at risk", f"{fmt.eur_signed(view.at_risk)} EUR at {wrong}"))
    if view.break_even is not None:
        lines.append(_short("even at", even_text(ticketed, "  ")))
    left = view.proposal.expires_at - scene.now
    ends = f"expires {fmt.countdown(left)}" if left > 0 else "expired"
    lines.append((Span(f" {ends}    seen {book_age(ticketed, scene)} ago"),))
    checks, checks_token = (NOT_ASKED, "") if gone else checks_text(view.checks, scene.symbols)
    exposure = (Span(f" exposure {whole(view.exposure_after)}/{whole(view.exposure_limit)}"),)
    asked: Line = (Span(" checks "), Span(checks.replace(" of ", "/"), checks_token))
    if width_of(asked) + 1 + width_of(exposure) <= width:
        return [*lines, (*asked, Span(" "), *exposure)]
    return [*lines, asked, exposure]


def _short_now(ticketed: Ticketed) -> str:
    """What the order does now in few cells: ``FILLS AT ONCE, 25.14``, in euros with the fee."""
    word, figures = now_text(ticketed)
    outlook = ticketed.view.outlook
    if outlook is None or outlook.now is not Now.FILLS:
        return f"{word}, {figures}"
    return f"{word}, {_cost(ticketed, outlook.value).removesuffix(' EUR')}"


def _short(label: str, value: str) -> Line:
    return (Span(f" {label:<{LABEL}} ", "muted"), Span(value))
