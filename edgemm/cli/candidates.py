"""The forms that a conversion weighed, as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgemm.cli.output import size
from edgemm.excerpt import excerpt

if TYPE_CHECKING:
    from edgemm.converters.candidate import Candidate

CANDIDATES_HEADER = ("form", "predicted", "here", "size", "fidelity", "")
MOST = 90
"""Characters of a reason."""


def candidate_rows(candidates: Sequence[Candidate]) -> list[tuple[str, ...]]:
    """A row for each form, the chosen one marked; "-" for what was not measured, and "about"
    before sizes that are estimates."""
    return [
        (
            f"{'> ' if each.chosen else '  '}{each.form}",
            milliseconds(each.predicted_us / 1000.0),
            "-" if each.latency is None else milliseconds(each.latency.median_ms),
            told_size(each),
            "-" if each.fidelity is None else f"{each.fidelity.worst_db:.1f} dB",
            excerpt(each.why, MOST),
        )
        for each in candidates
    ]


def told_size(candidate: Candidate) -> str:
    """ "112.2 kB"; "about 112.2 kB" where it is an estimate."""
    return f"{'about ' if candidate.size_is_estimated else ''}{size(candidate.size_bytes)}"


def milliseconds(value: float) -> str:
    """ "0.42 ms"."""
    return f"{value:.3g} ms"
