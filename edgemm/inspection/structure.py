"""What a format's reader finds in a model file: operators and tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgemm.tensors import TensorSpec

Precision = Literal["int8", "float", "dynamic", "other"]
"""int8: integers in and out. dynamic: int8 weights, float in and out. other: shapes, conversions, integers
that stand for no real numbers."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What a format's reader finds."""

    operators: tuple[tuple[str, Precision], ...]
    """Name and precision of each, in the order of the file."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
