"""The log: one rotating file per data folder, without secrets."""

from __future__ import annotations

import logging
import re
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

LOG_BYTES: Final = 2_000_000
LOG_FILES: Final = 5
SECRET: Final = re.compile(r"\b[0-9a-fA-F]{64,128}\b")


class WithoutSecrets(logging.Formatter):
    """Replaces anything that looks like a key, secret or signature (64 hex digits and more)."""

    def format(self, record: logging.LogRecord) -> str:
        """The formatted line, redacted."""
        return SECRET.sub("[redacted]", super().format(record))


def start_log(folder: Path, level: str, instance: str) -> None:
    """Write this process's log to ``logs/console.log`` of a mode's folder. A disk that cannot take it is no error."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "asyncio", "aiosqlite"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        path = folder / "logs"
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler: logging.Handler = RotatingFileHandler(
            path / "console.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(WithoutSecrets(f"%(asctime)s.%(msecs)03d {instance} %(levelname)s %(name)s: %(message)s"))
    root.handlers = [handler]
    logging.raiseExceptions = False  # a full disk must not break the program that reports it


def log_broken_thread(broken: threading.ExceptHookArgs) -> None:
    """What to do with a thread that broke: a trace would be printed over the sentence that says what is wrong."""
    logging.getLogger(__name__).error("thread %s broke", broken.thread, exc_info=broken.exc_value)
