"""The seam between a source's outputs and what becomes of them in the file."""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt


class Piece(Protocol):
    """What has become of an output of the source, or of a part of it."""

    @property
    def name(self) -> str:
        """Of the output that it has become."""

    @property
    def source(self) -> str:
        """Name of the source's output."""

    def of(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same of what the source gave."""
