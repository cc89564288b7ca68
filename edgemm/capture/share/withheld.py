"""What a source holds back on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class Withholds(Protocol):
    """A source of sound that hears more than it hands on.

    Exists so that a ledger knows of samples that were heard and held back as soon as they are, and not only
    when the next block comes, which can be hours later. The gap before that block holds them too; the
    ledger counts them once.
    """

    @property
    def withheld(self) -> Mapping[str, int]:
        """Reason -> samples since the source was opened. Only grows, and only in `read()`."""
