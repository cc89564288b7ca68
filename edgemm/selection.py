"""Some of many, evenly over all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def spread(items: Sequence[Any], limit: int) -> tuple[Any, ...]:
    """At most `limit` of them, evenly over all."""
    if len(items) <= limit:
        return tuple(items)
    return tuple(items[i] for i in np.linspace(0, len(items) - 1, limit).astype(int))
