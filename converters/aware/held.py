"""Holds the written file to the trained network: the device runs what was trained."""

from __future__ import annotations

from collections.abc import Mapping
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


def distances(
    trained: TrainedSource, written: Written, samples: Samples, steps: Mapping[str, float]
) -> dict[str, float]:
    """Output name -> the largest difference between file and trained network.

    Args:
        steps: output name -> what to count in: the step of its grid. Others are counted in parts of their range.
    """
    found: dict[str, float] = {}
    reach: dict[str, float] = {}
    answered = run_artifact(written, samples).outputs
    for sample, ours in zip(samples.inputs, answered, strict=True):
        for name, expected in trained.answers(sample).items():
            if name not in ours or expected.dtype.kind != "f":
                continue
            found[name] = max(found.get(name, 0.0), _distance(ours[name], expected))
            reach[name] = max(reach.get(name, 1e-12), float(np.abs(expected).max(initial=0.0)))
    return {name: worst / steps.get(name, reach[name]) for name, worst in found.items()}


def _distance(ours: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    return float(np.abs(ours.reshape(expected.shape) - expected).max(initial=0.0))


def notes_of(trained: TrainedSource, written: Written, plan: Plan, samples: Samples) -> list[str]:
    """Sentences on what the file has in common with the trained network."""
    notes = list(_other_decisions(trained, plan))
    few = evaluation_part(samples, COMPARED)
    steps = {name: plan.activations[name].scalar for name in _names(written) if name in plan.activations}
    for name, worst in distances(trained, written, few, steps).items():
        unit = f"{round(worst, 3):g} steps of its grid" if name in steps else f"{worst:.3g} of its range"
        notes.append(f"output {name}: within {unit} of the trained network, over {len(few)} samples")
    return notes


def _names(written: Written) -> list[str]:
    return [port.name for port in written.outputs]


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
