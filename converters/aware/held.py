"""Holds the written file to the trained network: the device runs what was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.fidelity import evaluation_part
from edgemm.converters.measure import run_artifact
from edgemm.converters.samples import Samples
from edgemm.converters.written import Written
from edgemm.quantize.plan import Plan

COMPARED = 64
"""Samples."""
ROUNDING = 1e-2
"""Of a step: what float32 makes of it."""


@dataclass(frozen=True, slots=True)
class Distance:
    """How far an output of the file is from the trained network's."""

    worst: float
    """In steps of the output's grid; in parts of its range where it has none."""
    beyond: float
    """Share of the numbers that are more than one step away."""


def distances(
    trained: TrainedSource, written: Written, samples: Samples, steps: Mapping[str, float]
) -> dict[str, Distance]:
    """Output name -> the difference between file and trained network.

    Args:
        steps: output name -> what to count in: the step of its grid. Others are counted in parts of their range.
    """
    differences: dict[str, list[npt.NDArray[Any]]] = {}
    reach: dict[str, float] = {}
    for sample, ours in zip(samples.inputs, run_artifact(written, samples).outputs, strict=True):
        for name, expected in trained.answers(sample).items():
            if name in ours and expected.dtype.kind == "f":
                far = np.abs(ours[name].reshape(expected.shape) - expected)
                differences.setdefault(name, []).append(far)
                reach[name] = max(reach.get(name, 1e-12), float(np.abs(expected).max(initial=0.0)))
    return {
        name: _distance(np.concatenate([each.reshape(-1) for each in found]) / steps.get(name, reach[name]))
        for name, found in differences.items()
    }


def _distance(far: npt.NDArray[Any]) -> Distance:
    return Distance(float(far.max(initial=0.0)), float((far > 1.0 + ROUNDING).mean()) if far.size else 0.0)


def notes_of(trained: TrainedSource, written: Written, plan: Plan, samples: Samples) -> list[str]:
    """Sentences on what the file has in common with the trained network."""
    notes = list(_other_decisions(trained, plan))
    few = evaluation_part(samples, COMPARED)
    names = [port.name for port in written.outputs]
    steps = {name: plan.activations[name].scalar for name in names if name in plan.activations}
    for name, found in distances(trained, written, few, steps).items():
        unit = (
            f"{round(found.worst, 3):g} steps of its grid"
            if name in steps
            else f"{found.worst:.3g} of its range"
        )
        rest = (
            f", {found.beyond:.2%} of its numbers beyond one step" if name in steps and found.beyond else ""
        )
        notes.append(f"output {name}: within {unit} of the trained network{rest}, over {len(few)} samples")
    return notes


def _other_decisions(trained: TrainedSource, plan: Plan) -> list[str]:
    """Where the plan for the trained graph is not the one that was trained."""
    nodes = [
        name
        for name, precision in plan.precision.items()
        if name in trained.precision and trained.precision[name] is not precision
    ]
    grids = [
        name
        for name, grid in plan.activations.items()
        if name in trained.grids and not trained.grids[name].same_as(grid)
    ]
    said = []
    if nodes:
        said.append(f"{len(nodes)} nodes have another precision than in training: {', '.join(nodes[:4])}")
    if grids:
        said.append(f"{len(grids)} values have another grid than in training: {', '.join(grids[:4])}")
    return said
