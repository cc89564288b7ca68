"""When and where a line was written: what makes it readable a year later, on another machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

SCHEMA = "edgemm.record/1"
"""Of a line in a record."""
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def stamped(content: Mapping[str, Any], app: str = "") -> dict[str, Any]:
    """A line of results: its schema first, and behind its own keys those that place it in time.

    `captured_utc`: wall-clock time of `captured_ns`, UTC, ISO 8601 with milliseconds; where there is no `captured_ns`,
    the time now. It is as right as the machine's clock was; a board without a battery begins at a wrong time and jumps
    when it finds a time server. `captured_ns` (CLOCK_MONOTONIC) never jumps, but starts anew at each boot: `boot`, the
    kernel's boot id, says which lines it orders. `app`: the name that was given, where one was.
    """
    captured_ns = content.get("captured_ns")
    since = time.monotonic_ns() - captured_ns if isinstance(captured_ns, int) else 0
    placed = {"captured_utc": utc(time.time_ns() - since), "boot": boot_id()}
    return {"schema": SCHEMA, **content, **placed, **({"app": app} if app else {})}


def utc(time_ns: int) -> str:
    """ "2026-11-28T07:48:15.123Z" of nanoseconds since 1970."""
    when = _EPOCH + timedelta(milliseconds=time_ns // 1_000_000)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1)
def boot_id() -> str:
    """The kernel's id of this boot, 36 characters; "" where there is none."""
    try:
        with open(_BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""
