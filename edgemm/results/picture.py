"""A picture made by a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgemm.results.result import Result

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Picture(Result):
    """A picture made by a model."""

    pixels: npt.NDArray[np.uint8]
    """uint8[height, width, 3] RGB, or uint8[height, width]."""

    def to_json(self) -> dict[str, Any]:
        """`width`, `height` and `channels`: pixels are saved as pictures, not as numbers in text."""
        height, width, *channels = self.pixels.shape
        return {"width": width, "height": height, "channels": channels[0] if channels else 1}
