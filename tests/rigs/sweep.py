"""How much of a long test runs: a part in `make test`, the whole under `make sweep` (EDGEMM_SWEEP=1)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")
WHOLE = bool(os.environ.get("EDGEMM_SWEEP"))


def swept(cases: Sequence[Case], part: Sequence[int] | slice) -> list[Case]:
    """The whole of the cases, or the part of them that shows each kind.

    Args:
        cases: all of them.
        part: the places of those that `make test` runs, or a slice of them.
    """
    if WHOLE:
        return list(cases)
    return list(cases[part]) if isinstance(part, slice) else [cases[place] for place in part]
