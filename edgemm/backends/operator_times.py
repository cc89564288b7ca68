"""How long each kind of operator takes in a model, as its runtime tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from edgemm.delegates import Delegate, Format, candidates
from edgemm.delegates.cpu import CPU
from edgemm.runtime_noise import without_noise

if TYPE_CHECKING:
    from edgemm.artifact import Artifact

ROUNDS = 25
"""Rounds of inferences, of which each kind's median counts: a machine that is busy for a while spoils few."""
WARM_UP = 3
"""Inferences before the first round."""


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """All operators of one kind."""

    name: str
    """As the runtime calls it: what runs, which may be several operators of the file in one."""
    count: int
    """In the graph as it runs."""
    us: float
    """Microseconds of one inference, all of the kind together."""
    runs_on: str
    """"xnnpack", "cpu", or the execution provider."""


@dataclass(frozen=True, slots=True)
class OperatorTimes:
    """What a runtime tells of the operators of one model; the slowest kind is first."""

    operators: tuple[OperatorTime, ...] = ()
    runs: int = 0
    """Inferences that were timed."""
    told_by: str = ""
    """What took the times."""
    untold: str = ""
    """Why there are none; "" where there are."""

    @property
    def total_us(self) -> float:
        """Of one inference; what lies between operators is not counted."""
        return sum(each.us for each in self.operators)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; shares are of the operators' total, 0..1."""
        total = self.total_us
        return {
            "told_by": self.told_by,
            "untold": self.untold,
            "runs": self.runs,
            "total_us": round(total, 3),
            "operators": [
                {
                    "name": each.name,
                    "count": each.count,
                    "us": round(each.us, 3),
                    "share": round(each.us / total, 5) if total else 0.0,
                    "runs_on": each.runs_on,
                }
                for each in self.operators
            ],
        }


def over_rounds(rounds: Sequence[Iterable[OperatorTime]]) -> tuple[OperatorTime, ...]:
    """The median of each kind over the rounds, the slowest first."""
    times: dict[tuple[str, str], list[OperatorTime]] = {}
    for each in rounds:
        for one in each:
            times.setdefault((one.name, one.runs_on), []).append(one)
    kinds = [
        OperatorTime(name, max(one.count for one in found), median(one.us for one in found), runs_on)
        for (name, runs_on), found in times.items()
    ]
    return tuple(sorted(kinds, key=lambda kind: (-kind.us, kind.name)))


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
