"""How the console ends when something in it breaks."""

from __future__ import annotations

import logging

import pytest

from console.app import ConsoleApp, run_console
from console.screens.dashboard import DashboardScreen
from tests.screens.fakes import FakeDriver, console_state

SECRET = "a7c1-not-for-anybody"


async def test_a_crash_prints_one_sentence_and_no_local(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(self: DashboardScreen) -> None:
        api_secret = SECRET
        raise RuntimeError(f"broke over {len(api_secret)} characters")

    monkeypatch.setattr(DashboardScreen, "refresh_all", breaks)
    driver = FakeDriver(console_state())
    app = ConsoleApp(driver, driver.settings)
    with caplog.at_level(logging.CRITICAL):
        await app.run_async(headless=True)
    shown = "".join(capfd.readouterr())
    assert app.return_code == 1
    assert "The console ended on RuntimeError; the log has it." in " ".join(shown.split())
    assert SECRET not in shown
    assert "Traceback" not in shown
    assert "broke over 20 characters" in caplog.text
    assert SECRET not in caplog.text


async def test_leaving_is_exit_code_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leaves(self: ConsoleApp) -> None:
        self.exit(0)

    monkeypatch.setattr(ConsoleApp, "run_async", leaves)
    driver = FakeDriver(console_state())
    assert await run_console(driver, driver.settings) == 0
