"""What `auto` weighed: each form written, judged by the task, and timed in turns with the file that was taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.timing import interleaved
from benchmarks.zoo.trained.network import Feeds
from benchmarks.zoo.trained.runtimes import bare

SECONDS = 6.0
"""Of all turns of one network and format together, about."""
LEAST_ROUNDS, MOST_ROUNDS = 15, 200
TURN_S = 0.002
"""Of one turn of the fastest file, at least."""


def timed(files: Mapping[str, Sequence[Path]], feeds: Sequence[Feeds]) -> dict[str, float]:
    """Median processor time of one inference of each form, in seconds, all forms in turns.

    Args:
        files: form -> its files, which work together.
        feeds: of each file, in the source's layout.
    """
    runs = {
        form: _together([bare(*each) for each in zip(paths, feeds, strict=True)])
        for form, paths in files.items()
    }
    for each in runs.values():
        each()
    once = {form: _spent_s(each) for form, each in runs.items()}
    repeats = max(1, round(TURN_S / max(min(once.values()), 1e-6)))
    rounds = round(SECONDS / max(sum(once.values()) * repeats, 1e-6))
    return interleaved(runs, min(max(rounds, LEAST_ROUNDS), MOST_ROUNDS), repeats=repeats)


def _together(runs: Sequence[Callable[[], Any]]) -> Callable[[], Any]:
    if len(runs) == 1:
        return runs[0]
    return lambda: [each() for each in runs]


def _spent_s(run: Callable[[], Any]) -> float:
    begin = time.process_time()
    run()
    return time.process_time() - begin


def weighed(made: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Of each form that was weighed for all files: predicted microseconds of an inference, and whether it held the
    gate; None where it was not tried."""
    lists = [{each.form: each for each in one.candidates} for one in made]
    shared = [form for form in lists[0] if all(form in each for each in lists)]
    found = {}
    for form in shared:
        held = [each[form].held for each in lists]
        found[form] = {
            "predicted_us": round(sum(each[form].predicted_us for each in lists), 1),
            "held": None if None in held else all(held),
        }
    return found


def best(forms: dict[str, dict[str, Any]]) -> tuple[str, str, float] | None:
    """The form that was predicted to be fastest, the one that is, and how many times the time of the latter the former
    takes; None where fewer than two were timed."""
    known = {form: each for form, each in forms.items() if "us" in each}
    if len(known) < 2:
        return None
    first = min(known, key=lambda form: float(known[form]["predicted_us"]))
    fastest = min(known, key=lambda form: float(known[form]["us"]))
    return first, fastest, float(known[first]["us"] / known[fastest]["us"])
