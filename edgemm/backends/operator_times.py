"""Asks the runtime of a model how long each kind of operator takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edgemm.backends.operator_time import ROUNDS, OperatorTimes
from edgemm.delegates import Delegate, Format, candidates
from edgemm.delegates.cpu import CPU
from edgemm.runtime_noise import without_noise

if TYPE_CHECKING:
    from edgemm.artifact import Artifact


def operator_times(
    artifact: Artifact, delegate: str | tuple[str, ...], used: Sequence[str], *, threads: int, runs: int
) -> OperatorTimes:
    """Runs a trusted model on zeros, with its runtime's profiler on. Its operators then take a little longer.

    Args:
        artifact: where the file leaves the shape of a tensor open, the card says it.
        delegate: as it was asked for when the model was loaded.
        used: `Backend.delegates` of the loaded model.
        threads: for the CPU's part of the work.
        runs: inferences that are timed, in ROUNDS rounds.

    Raises:
        MissingDependency, DelegateError, ArtifactError: as `open_backend`.
    """
    wanted = _in_use(candidates(delegate, artifact.runtime_format), used)
    with without_noise():
        return _told_by(artifact.runtime_format)(artifact, wanted, threads, max(1, runs // ROUNDS))


def _in_use(asked: Sequence[Delegate], used: Sequence[str]) -> Delegate:
    """Of the delegates that were asked for, the one that runs the model."""
    for each in asked:
        if each.name in used or each.provider in used:
            return each
    return CPU


def _told_by(format_: Format) -> Callable[[Artifact, Delegate, int, int], OperatorTimes]:
    if format_ == "onnx":
        from edgemm.backends.ort_profile import ort_times

        return ort_times
    from edgemm.backends.litert_profile import litert_times

    return litert_times
