"""Figures of the rows of pieces: accuracy with its interval, confusion, worst cases; whether maps mean something."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from edgemm.judge.interval import CONFIDENCE
from edgemm.judge.metric import metric
from edgemm.judge.tally import SHARES, Tally, make_tally
from edgemm.judge.transcription import normalised

WORST = 12
"""Cases that are named."""
MOST_CLASSES = 64
"""Of a matrix of confusion."""
NONE = "(none)"
"""In a matrix: no word."""
WRITTEN = frozenset({"transcription", "text_to_text"})
"""Tasks whose answers are texts."""
_NEEDED = 2
"""Maps that a score is made of, at least."""


def value_of(tally: Tally, answers: Sequence[Mapping[str, Any]]) -> float | None:
    """The figure of all answers; None where they show nothing."""
    return known_or_none(tally.value([each["counts"] for each in answers]))


def known_or_none(value: float | None) -> float | None:
    """NaN and infinity are not known."""
    return None if value is None or not math.isfinite(value) else float(value)


def accuracy(
    task: str, answers: Sequence[Mapping[str, Any]], seed: int, labels: Sequence[str] = ()
) -> dict[str, Any]:
    """What a model is right about.

    Args:
        answers: of pieces, in the order of the samples.
        labels: the order of the classes in the matrix.

    Returns:
        `value`, `interval` (two numbers, or None), `confidence`, `interval_by`, `samples`; `exact`, the share of texts
        without a mistake, where the task writes texts; `confusion` (labels, and a
        matrix with a row for each truth) where the task has classes; `worst`: the samples with the worst figure of
        their own; `confident_mistakes`: wrong answers with the highest scores.
    """
    tally, of_task = make_tally(task), metric(task)
    interval = tally.interval([each["counts"] for each in answers], seed)
    return {
        "value": value_of(tally, answers),
        "interval": None if interval is None else list(interval),
        "confidence": CONFIDENCE,
        "interval_by": "Wilson" if task in SHARES else "bootstrap",
        "exact": exact(answers) if task in WRITTEN else None,
        "samples": len(answers),
        "confusion": confusion(answers, labels) if task in SHARES else None,
        "worst": _worst(answers, higher_is_better=of_task.higher_is_better),
        "confident_mistakes": mistakes(answers) if task in SHARES else [],
    }


def exact(answers: Sequence[Mapping[str, Any]]) -> float | None:
    """The share of texts that are right but for large letters and punctuation; None without any."""
    alike = [normalised(each["answer"]) == normalised(each["truth"]) for each in answers]
    return sum(alike) / len(alike) if alike else None


def same_answers(first: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> float | None:
    """The share of samples to which two models say the same in words; None where the task has no words."""
    pairs = [
        (one["answer"], other["answer"])
        for one, other in zip(first, others, strict=True)
        if "answer" in one and "answer" in other
    ]
    return sum(one == other for one, other in pairs) / len(pairs) if pairs else None


def confusion(answers: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> dict[str, Any] | None:
    """Labels, and how often a truth (row) was answered by a label (column); None with more than 64 classes."""
    pairs = [(each["truth"] or NONE, each["answer"] or NONE) for each in answers]
    there = {each for pair in pairs for each in pair}
    order = [*(each for each in labels if each in there), *sorted(there - set(labels))]
    if len(order) > MOST_CLASSES:
        return None
    places = {label: at for at, label in enumerate(order)}
    matrix = [[0] * len(order) for _ in order]
    for truth, answer in pairs:
        matrix[places[truth]][places[answer]] += 1
    return {"labels": order, "matrix": matrix}


def mistakes(answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Wrong answers, the most confident first."""
    wrong = [(at, each) for at, each in enumerate(answers) if each["answer"] != each["truth"]]
    wrong.sort(key=lambda pair: (-pair[1].get("score", 0.0), pair[0]))
    return [_case(at, each) for at, each in wrong[:WORST]]


def _worst(answers: Sequence[Mapping[str, Any]], *, higher_is_better: bool) -> list[dict[str, Any]]:
    """Those whose own figure is worse than the best that there is, the worst first; of equal ones the surest."""
    sign = 1 if higher_is_better else -1
    known = [(at, each) for at, each in enumerate(answers) if each.get("alone") is not None]
    best = max((sign * each["alone"] for _, each in known), default=0.0)
    worse = [(at, each) for at, each in known if sign * each["alone"] < best]
    worse.sort(key=lambda pair: (sign * pair[1]["alone"], -pair[1].get("score", 0.0), pair[0]))
    return [_case(at, each) for at, each in worse[:WORST]]


def _case(at: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"sample": at, **{key: each for key, each in answer.items() if key != "counts"}}


def maps_told(rows: Sequence[Mapping[str, Any]], failed: str | None) -> dict[str, Any]:
    """Whether the maps of some samples mean something, and those that are drawn.

    Returns:
        `score`: of `edgemm.judge.maps.MapScore`, or None, and then `why`; `drawn`: name, target, score and SVG of each.
    """
    from edgemm.judge.maps import Areas, summed

    made = [each for each in rows if "own" in each]
    drawn = [
        {key: each[key] for key in ("name", "target", "score", "svg")}
        for each in made
        if each["svg"] is not None
    ]
    if len(made) < _NEEDED:
        reasons = [each["left_out"] for each in rows if "left_out" in each]
        why = failed or (reasons[0] if reasons else "not asked for")
        return {"score": None, "why": why, "drawn": drawn}
    score = summed([(Areas(*each["own"]), Areas(*each["random"])) for each in made])
    return {"score": score.to_json(), "why": None, "drawn": drawn}


def mistakes_told(
    answers: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The most confident mistakes with the maps of what they rest on, as far as these were made.

    Args:
        answers: all, in the order of the samples.
        rows: of the pieces that made the maps.

    Returns:
        Of each its sample, name, answer, truth and score, and the map as `svg`: a document with the picture in it.
    """
    drawn = {each["name"]: each["svg"] for each in rows if each.get("svg")}
    cases = mistakes(answers) if drawn else []  # of some tasks no answer is simply wrong
    return [{**case, "svg": drawn[case["name"]]} for case in cases if case["name"] in drawn]
