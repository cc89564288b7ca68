"""Pieces of work, done here, in processes, or on a cluster; the same rows in the same order wherever it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgemm.errors import InputError
from edgemm.judge.spread.cluster import LIMIT_S, on_cluster
from edgemm.judge.spread.here import in_processes, in_this_process
from edgemm.judge.spread.piece import Answer, Json, key_of
from edgemm.judge.spread.rows import Rows

TRIES = 3
LONGEST_S = 1e6
MOST_JOBS = 256


@dataclass(frozen=True, slots=True)
class Failure:
    """A piece that has no row."""

    piece: Json
    reason: str
    """A sentence."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What came of all pieces."""

    rows: tuple[Json | None, ...]
    """In the order of the pieces; None where one failed."""
    failures: tuple[Failure, ...]
    """In the order of the pieces."""
    resumed: int
    """How many different pieces were done already, in the file of rows."""


def spread(
    pieces: Sequence[Json],
    *,
    run: str = "edgemm.judge.pieces:run_piece",
    jobs: int = 1,
    dask: str = "",
    rows: Path | None = None,
    tries: int = TRIES,
    limit_s: float = LIMIT_S,
    on_row: Callable[[int, int], None] | None = None,
) -> Spread:
    """Does all pieces.

    Args:
        pieces: plain JSON values; equal ones are done once. `files`, path -> hash, are checked where the piece is done.
        run: "module:function", given a piece, returns its row, of plain JSON values.
        jobs: 1: in this process; more: in so many processes, each with one thread.
        dask: the address of a Dask scheduler, whose workers do them instead.
        rows: a file that each row is appended to when it is done. What it holds already is not done again.
        tries: how often a piece is tried whose process dies, or that fails with an error that nobody foresaw. On a
            cluster the scheduler decides how many workers a piece may kill before it is tried once more, alone.
        limit_s: on a cluster: seconds that a worker may take for a piece. One that takes longer is tried once more,
            alone.
        on_row: told after each piece: how many are done, of how many.

    Raises:
        InputError: pieces that are no JSON, a number out of range, `rows` is no file of rows, or no scheduler is at
            `dask`.
        MissingDependency: `dask` is given, and Dask is not installed.
        EdgemmError: the cluster went away. The rows that are done are in the file.
    """
    for name, number, most in (("jobs", jobs, MOST_JOBS), ("tries", tries, 100)):
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
            raise InputError(f"{name}: expected a whole number from 1 to {most}, found {number!r}")
    if isinstance(limit_s, bool) or not isinstance(limit_s, int | float) or not 0 < limit_s <= LONGEST_S:
        raise InputError(f"limit_s: expected seconds above 0, up to {LONGEST_S:g}, found {limit_s!r}")
    if dask and jobs != 1:
        raise InputError(f"jobs: expected 1 with a cluster, whose workers are its own, found {jobs}")
    keys = [key_of(each) for each in pieces]
    kept = Rows(rows)
    try:
        return _done(
            dict(zip(keys, pieces, strict=True)), keys, kept, _way(run, jobs, dask, tries, limit_s), on_row
        )
    finally:
        kept.close()


Way = Callable[[dict[str, Json], Callable[[str, Answer], None]], None]


def _way(run: str, jobs: int, dask: str, tries: int, limit_s: float) -> Way:
    if dask:
        return lambda todo, done: on_cluster(dask, run, todo, tries, done, limit_s)
    if jobs > 1:
        return lambda todo, done: in_processes(run, todo, jobs, tries, done)
    return lambda todo, done: in_this_process(run, todo, tries, done)


def _done(
    different: dict[str, Json],
    keys: Sequence[str],
    kept: Rows,
    way: Way,
    on_row: Callable[[int, int], None] | None,
) -> Spread:
    todo = {key: piece for key, piece in different.items() if key not in kept.done}
    resumed = len(different) - len(todo)
    reasons: dict[str, str] = {}

    def told(key: str, answer: Answer) -> None:
        if answer.row is None:
            reasons[key] = answer.reason
        else:
            kept.add(key, different[key], answer.row)
        if on_row is not None:
            on_row(sum(each in kept.done or each in reasons for each in different), len(different))

    if todo:
        way(todo, told)
    return Spread(
        tuple(None if key in reasons else kept.done[key] for key in keys),
        tuple(Failure(piece, reasons[key]) for key, piece in different.items() if key in reasons),
        resumed,
    )
