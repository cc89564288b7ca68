"""Soaks: thousands of seeded rounds under `make sweep` (EDGEMM_SWEEP=1), a slice of them in `make test`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sweep import WHOLE


@pytest.fixture(scope="session")
def rounds() -> Callable[[int, int], int]:
    """(rounds of the whole soak, rounds of the slice) -> as many as this run shall do."""
    return lambda whole, part: whole if WHOLE else part
