"""The library's logger: silent until the application says where logs go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable


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


LOG = logging.getLogger("edgemm")
LOG.addHandler(logging.NullHandler())
LOG.addFilter(_without_secrets)

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
