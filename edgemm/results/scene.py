"""What a chain of models says of one frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results.result import Result


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """One thing in a picture, and what the models of a chain say of it. Places are in pixels of the source frame."""

    quad_xy: npt.NDArray[np.float32]
    """float32[4, 2]: the part of the frame that the models behind were given: its upper left, upper right, lower right
    and lower left corner as they see it."""
    box_xyxy: npt.NDArray[np.float32]
    """float32[4]: left, top, right, bottom: where it was found; of a thing that is tracked, around its points."""
    score: float
    """0..1: of what found it; of a thing that is tracked, that it is still there."""
    label: str = ""
    """Its class, as what found it first told; "" where that tells none."""
    track: int | None = None
    """The same number in each frame in which it is the same thing; None where nothing is tracked."""
    results: dict[str, Result] = field(default_factory=dict)
    """Name of a stage -> its result, in the order of the chain. A stage that had nothing to look at is not there."""
    things: tuple[Thing, ...] = ()
    """What a detector behind this thing found in it, and what is said of that."""

    @property
    def result(self) -> Result | None:
        """Of the last stage that had something to say; None where none had."""
        return next(reversed(self.results.values()), None)

    def __getitem__(self, stage: str) -> Any:
        """The result of one stage.

        Raises:
            InputError: there is none of that name for this thing.
        """
        if stage not in self.results:
            raise InputError(
                f"results: expected a stage that saw this thing ({', '.join(self.results) or 'none did'}), found "
                f"{stage!r}"
            )
        return self.results[stage]


@dataclass(frozen=True, slots=True, eq=False)
class Scene(Result):
    """What a chain of models says of one frame."""

    things: tuple[Thing, ...] = ()
    """Those that are tracked, oldest first, then those found in this frame, best first."""
    detected: bool = True
    """Whether the first model ran on this frame. False: it was skipped, and all things are tracked."""
    lost: tuple[int, ...] = ()
    """Tracks that ended with this frame."""
    left_out: int = 0
    """What was found and given to no model: beyond the number that is wanted, below the score, of other classes,
    nowhere, or tracked already."""
