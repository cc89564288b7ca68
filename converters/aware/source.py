"""A trained graph as a source of a conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt
import onnx_ir as ir

from edgemm.card import ModelCard
from edgemm.converters.reference import Source
from edgemm.quantize.grid import Grid
from edgemm.quantize.plan import Precision


class Answers(Protocol):
    """What was trained, with its rounding."""

    def __call__(self, sample: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Output name -> real numbers, of one sample."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedSource:
    """A canonical graph with trained numbers and grids, and what it came from."""

    model: ir.Model
    answers: Answers
    """The trained network in torch: what the written file is held to."""
    grids: Mapping[str, Grid]
    """Value name -> its grid in training."""
    precision: Mapping[str, Precision]
    """Node name -> how it computed in training."""
    original: ir.Model | None
    """The float graph before training: what fidelity is measured against."""
    runs_in: Source | None
    """The float module before training, where the source was one."""
    name: str
    sha256: str
    """Of the source."""
    size_bytes: int
    """Of the source."""
    card: ModelCard
    trained: bool = True
    """Whether any weight or range differs from before training."""
    trained_ranges: int = 0
    """How many grids do."""
    file: Path | None = None
    """That it came from."""
    whole: bool = True
    """False for a part of that file."""

    def float_nodes(self) -> frozenset[str]:
        """Nodes that computed in float."""
        return frozenset(
            str(node.name)
            for node in self.model.graph
            if self.precision.get(str(node.name), Precision.FLOAT) is Precision.FLOAT
        )
