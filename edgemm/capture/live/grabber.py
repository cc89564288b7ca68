"""The seam between a driver and the thread that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.media import Color


class Shot(NamedTuple):
    """One picture as the driver hands it over."""

    pixels: npt.NDArray[np.uint8]
    """uint8[height, width, 3] in the grabber's colour, or uint8[height, width]. It belongs to the receiver."""
    captured_ns: int
    """CLOCK_MONOTONIC, nanoseconds."""
    missed: int = 0
    """Pictures that the driver had before this one and did not hand over."""
    why: str = ""
    """Reason of those, as the ledger counts them."""


class Lost(NamedTuple):
    """No picture this time: what was lost instead, which may be nothing."""

    counts: Mapping[str, int]
    """Reason -> pictures, as the ledger counts them; empty where none has come yet."""


NOTHING_YET = Lost({})


class Grabber(Protocol):
    """One connection to a camera or a stream; a new object for each.

    Exists so that the watch over drivers that hang, end and lie is written once. All three methods are
    called from one thread, and may take for ever: that thread can be left behind.
    """

    color: Color

    def open(self) -> str:
        """Connects; returns what the driver gave, in words, such as "1280x720 at 30/s MJPG".

        Raises:
            SourceError: it cannot be opened.
        """

    def grab(self) -> Shot | Lost | None:
        """The next picture; what was lost, where the driver knows that; None when it fails to give a picture and does
        not say whether that was one bad picture or the end.

        Raises:
            SourceError: the driver says that this is the end.
        """

    def close(self) -> None:
        """Frees the driver. Also called after `open` failed."""
