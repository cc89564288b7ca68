"""A class for each pixel of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation(Result):
    """A class for each pixel."""

    classes: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    """uint8[height, width] in the size of the source frame; uint16 where there are more than 256 classes."""
    labels: tuple[str, ...] = ()
    """Name of each class number."""
