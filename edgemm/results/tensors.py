"""Raw outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True, eq=False)
class Tensors(Result):
    """The model's raw outputs by name, when its card names no task."""

    values: dict[str, npt.NDArray[Any]]
    """Name of the output -> array, dequantized to float32 where the output is quantized."""
