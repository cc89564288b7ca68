"""What came of all the points: counts, tables for people, JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tests.differential.worker import Result

MAX_REFUSED = 0.1
"""Share of points that may end without a file: a converter that refuses everything is never wrong."""
OUTCOMES = ("right", "refused", "gate missed", "wrong", "error", "crash", "time-out", "no source")


def holds(results: Sequence[Result]) -> bool:
    """Nothing is wrong, and nearly everything was converted."""
    without_file = sum(each.outcome != "right" for each in results)
    return all(each.ok for each in results) and without_file <= max(1, MAX_REFUSED * len(results))


def to_json(results: Sequence[Result], seconds: float) -> dict[str, Any]:
    """Counts, and every point with its figures."""
    counts = Counter(each.outcome for each in results)
    return {
        "schema": "edgemm.differential/1",
        "points": len(results),
        "seconds": round(seconds, 1),
        **{outcome: counts[outcome] for outcome in OUTCOMES},
        "ok": holds(results),
        "results": [_entry(each) for each in results],
    }


def _entry(result: Result) -> dict[str, Any]:
    return {
        "point": str(result.point), "outcome": result.outcome, "kind": result.kind, "reason": result.reason,
        "seconds": round(result.seconds, 2), "figures": result.figures,
    }  # fmt: skip


def tables(results: Sequence[Result]) -> str:
    """Outcomes by family, then failures and refusals by kind, each with one point to see it."""
    parts = [_by_family(results)]
    for title, chosen in (
        ("Failures", [each for each in results if not each.ok]),
        ("Refusals", [each for each in results if each.outcome == "refused"]),
    ):
        if chosen:
            parts.append(f"{title}\n{_by_kind(chosen)}")
    return "\n\n".join(parts)


def _by_family(results: Iterable[Result]) -> str:
    counts: dict[str, Counter[str]] = {}
    for each in results:
        counts.setdefault(each.point.graph.family, Counter())[each.outcome] += 1
    used = [outcome for outcome in OUTCOMES if any(count[outcome] for count in counts.values())]
    lines = [f"{'family':26}" + "".join(f"{outcome:>12}" for outcome in used)]
    for family, count in counts.items():
        lines.append(f"{family:26}" + "".join(f"{count[outcome] or '':>12}" for outcome in used))
    total = Counter(outcome for count in counts.values() for outcome in count.elements())
    return "\n".join([*lines, f"{'total':26}" + "".join(f"{total[outcome]:>12}" for outcome in used)])


def _by_kind(results: Sequence[Result]) -> str:
    kinds: dict[tuple[str, str], list[Result]] = {}
    for each in results:
        kinds.setdefault((each.outcome, each.kind), []).append(each)
    lines = []
    for (outcome, kind), found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        lines.append(f"{len(found):5}  {outcome}: {kind}")
        lines.append(f"       {found[0].point}: {found[0].reason}")
    return "\n".join(lines)
