"""The time of each kind of operator in a model on this machine, where the runtime tells it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgemm.artifact.file import is_bundle
from edgemm.backends.operator_time import OperatorTimes
from edgemm.backends.operator_times import operator_times
from edgemm.errors import InputError

if TYPE_CHECKING:
    from edgemm.card.fit import CardLike

RUNS = 100
"""Inferences that are timed where nobody says how many."""


def bench_operators(
    path: str | Path,
    *,
    delegate: str | tuple[str, ...] = "auto",
    threads: int = 1,
    runs: int | None = None,
    card: CardLike | None = None,
) -> OperatorTimes:
    """Times the operators of a model on zeros, with its runtime's profiler on.

    Args:
        runs: how many inferences; None: 100.
        card: of a file that carries none, or leaves sizes open; see `edgemm.load`.

    Raises:
        InputError: `runs` or `threads` below 1; or a bundle, whose parts are measured one by one.
        ArtifactError, DelegateError, MissingDependency: as `edgemm.load`.
    """
    import edgemm

    if (runs is not None and runs < 1) or threads < 1:
        raise InputError(f"runs and threads must be at least 1, not {runs} and {threads}")
    require_one_model(path)
    with edgemm.load(
        path, delegate=delegate, threads=threads, card=card
    ) as model:  # probed, and what runs it is known
        artifact, used = model.artifact, model.delegates
    return operator_times(artifact, delegate, used, threads=threads, runs=runs or RUNS)


def require_one_model(path: str | Path) -> None:
    """Raises:
    InputError: it is a bundle.
    """
    if is_bundle(path):
        raise InputError(
            f"{path}: expected one model, found a bundle, whose operators are those of its parts: measure the .tflite "
            "or .onnx file of a part"
        )


def rows(told: OperatorTimes) -> list[tuple[str, str, str, str, str]]:
    """Kind, how many, microseconds of one inference, share, and what runs it: for a table."""
    total = told.total_us
    return [
        (
            each.name,
            str(each.count),
            f"{each.us:.1f}",
            f"{100 * each.us / total if total else 0:.1f} %",
            each.runs_on,
        )
        for each in told.operators
    ]
