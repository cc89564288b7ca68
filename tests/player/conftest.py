"""A virtual speaker."""

from __future__ import annotations

from pulse_fixtures import daemon, faulty, virtual

__all__ = ["daemon", "faulty", "virtual"]
