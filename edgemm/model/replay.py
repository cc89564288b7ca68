"""Replaying an artifact's goldens: does it answer here what it answered when it was made?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.errors import CardError
from edgemm.tensors import TensorSpec

if TYPE_CHECKING:
    from edgemm.artifact.goldens import Goldens


class RunsTensors(Protocol):
    """What is replayed on: a `Model`."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Its outputs, in order."""

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Mapping[str, npt.NDArray[Any]]:
        """Outputs by name, as they are stored."""


@dataclass(frozen=True, slots=True)
class GoldenOutcome:
    """How far one output is from what it was when the artifact was made."""

    output: str
    worst_error: float
    """Largest absolute difference over all goldens, in real units; NaN when an output is not a number."""
    tolerance: float
    """In real units."""
    ok: bool


def replay(model: RunsTensors, goldens: Goldens) -> tuple[GoldenOutcome, ...]:
    """Runs the goldens on the delegate in use and compares each output in real units.

    Raises:
        CardError: there is nothing in them, or they are not of the model's tensors.
    """
    specs = {spec.name: spec for spec in model.outputs}
    foreign = {name for each in goldens.outputs for name in each} | goldens.tolerances.keys()
    if not goldens.inputs or len(goldens.inputs) != len(goldens.outputs) or not foreign <= specs.keys():
        raise CardError(
            f"goldens: expected inputs and as many outputs of {', '.join(specs)}; found {len(goldens.inputs)} inputs, "
            f"{len(goldens.outputs)} outputs of {', '.join(sorted(foreign))}. Convert the model again"
        )
    errors: dict[str, list[float]] = {}
    for inputs, expected in zip(goldens.inputs, goldens.outputs, strict=True):
        found = model.run(inputs)
        for name, truth in expected.items():
            errors.setdefault(name, []).append(_worst(specs[name], found[name], truth))
    return tuple(_outcome(name, each, goldens.tolerances.get(name, 0.0)) for name, each in errors.items())


def _outcome(name: str, errors: list[float], tolerance: float) -> GoldenOutcome:
    worst = float(np.max(errors))  # max() would lose a NaN
    return GoldenOutcome(name, worst, tolerance, worst <= tolerance)


def _worst(spec: TensorSpec, found: npt.NDArray[Any], truth: npt.NDArray[Any]) -> float:
    if found.shape != truth.shape or found.dtype != truth.dtype:
        raise CardError(
            f"golden of output {spec.name!r}: expected {found.dtype}{list(found.shape)}, "
            f"found {truth.dtype}{list(truth.shape)}. Convert the model again"
        )
    here, there = (spec.dequantize(each).astype(np.float64) for each in (found, truth))
    same = here == there  # infinities too
    return float(np.max(np.abs(np.subtract(here, there, where=~same, out=np.zeros_like(here))), initial=0.0))
