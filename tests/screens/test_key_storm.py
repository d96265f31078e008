"""Random keys at everything the console shows: whatever they do, no order is sent but the one on the screen."""

from __future__ import annotations

from random import Random

from tests.screens.key_storm import Drawn, Report, StormDriver, storm

KEYS = 150


async def test_a_storm_of_keys_sends_no_order_but_the_one_on_the_screen() -> None:
    report = await storm(KEYS, 2)
    assert report.wrong == []
    assert report.fired > 0, "it got to where orders are"


async def test_an_order_that_is_not_on_the_screen_would_be_noticed() -> None:
    report, drawn = Report(), Drawn()
    driver = StormDriver(report, drawn, Random(1))
    view = await driver.ticket(1042)
    drawn.take(["BUY BTC 1043 25.16 ARMED"], driver.clock.monotonic())
    driver.clock.step(0.2)
    await driver.fire(view, typed=False)
    early, other = report.wrong
    assert "before it was read" in early
    assert "['1042'] is not on the screen" in other
