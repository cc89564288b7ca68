"""The library's logger: silent until the application says where logs go."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging


def _without_secrets(record: logging.LogRecord) -> bool:
    """A filter that leaves passwords and tokens in addresses out of a message, and of a traceback under it."""
    from edgemm.redaction import without_secrets

    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # arguments that do not fit: a log never raises
        message = f"{record.msg} {record.args}"
    record.msg, record.args = without_secrets(message), ()
    if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
        import traceback

        record.exc_text = without_secrets("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
    return True


@cache
def _logger(name: str) -> logging.Logger:
    import logging

    logger = logging.getLogger(name)
    if name == "edgemm":
        logger.addHandler(logging.NullHandler())
    logger.addFilter(_without_secrets)
    return logger


class _Log:
    """The logger "edgemm", or one under it, made when something is said.

    A program that has not imported `logging` has said of no log where it goes, so that nobody hears it: it need not
    wait for the module, which takes 3 ms.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def debug(self, message: str, *values: Any, exc_info: Any = None) -> None:
        """As `logging.Logger.debug`; the others likewise."""
        self._say("debug", message, values, exc_info)

    def info(self, message: str, *values: Any, exc_info: Any = None) -> None:
        self._say("info", message, values, exc_info)

    def warning(self, message: str, *values: Any, exc_info: Any = None) -> None:
        self._say("warning", message, values, exc_info)

    def _say(self, level: str, message: str, values: tuple[Any, ...], exc_info: Any) -> None:
        if "logging" in sys.modules:
            getattr(_logger(self.name), level)(message, *values, exc_info=exc_info, stacklevel=3)


LOG = _Log("edgemm")
ADVICE = _Log("edgemm.advice")
"""What could be better and is not wrong: the commands that run files show it, and programs that ask for INFO."""
if "logging" in sys.modules:
    _logger("edgemm")

INTERVAL_S = 60.0
"""Between two messages of one kind."""


class RateLimitedLog:
    """The first message of a kind at once, then at most one each INTERVAL_S, which says how many were left out.

    Exists because a fault that repeats thirty times a second fills a small device's disk.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._last_s: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, kind: str, message: str) -> None:
        """Logs `message`, or counts it when one of this `kind` was logged lately."""
        now_s = self._now_s()
        if now_s - self._last_s.get(kind, -INTERVAL_S) < INTERVAL_S:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._last_s[kind] = now_s
        more = self._left_out.pop(kind, 0)
        LOG.warning("%s%s", message, f" (and {more} times since this was said last)" if more else "")
