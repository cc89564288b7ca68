"""A result as a few words for people: the label and its score, what was found where, or the shapes of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemm.cli.columns import printable

if TYPE_CHECKING:
    from edgemm.results import Result

SHOWN = 3
"""Objects of one picture, or arrays of one result, that are named."""


def answer(result: Result) -> str:
    """ "seven 0.91"; "not detected (seven 0.31)"; "2 found: cat 0.90, dog 0.71"; "21 points 0.99";
    "logits float32[1, 10]"; "one two ..." where a later result replaces this one; "Bark begins at
    1.20 s"; "speech 0.45 to 2.10 s"; "picture of 640 x 480 pixels"; "first line | second line" of a picture
    with text."""
    if hasattr(result, "things"):
        return _things(result)
    if hasattr(result, "begun"):
        return _tags(result)
    if hasattr(result, "segments"):
        return _segments(result)
    if hasattr(result, "label") and hasattr(result, "score"):
        best = f"{printable(str(result.label))} {result.score:.2f}"
        return best if getattr(result, "detected", True) else f"not detected ({best})"
    if hasattr(result, "skeleton"):
        return _points(result)
    if hasattr(result, "quads_xy"):
        return " | ".join(map(printable, str(getattr(result, "text", "")).splitlines())) or "no text"
    if hasattr(result, "scores"):
        return _found(result)
    if hasattr(result, "pixels"):
        height, width, *channels = result.pixels.shape
        return f"picture of {width} x {height} pixels{'' if channels else ', grey'}"
    if hasattr(result, "text"):
        text = printable(str(result.text))
        return f"{text} ..." if text and not result.final else text or "no words"
    return _arrays(result)


def detected(result: Result) -> bool:
    """False for the silence between two words."""
    return hasattr(result, "things") or bool(getattr(result, "detected", True))


def _points(result: Any) -> str:
    count = len(result.points_xy)
    return f"{count} points {result.score:.2f}" if count else "nothing found"


def _tags(result: Any) -> str:
    """What began and ended in a window; else what is heard best."""
    told = [f"{printable(each.label)} begins at {each.begin_s:.2f} s" for each in result.begun]
    told += [
        f"{printable(each.label)} {each.score:.2f} from {each.begin_s:.2f} to {each.end_s:.2f} s"
        for each in result.ended
    ]
    heard = [
        f"{printable(label)} {score:.2f}" for label, score in zip(result.labels, result.scores, strict=True)
    ]
    return _some(told) if told else f"({_some(heard)})" if heard else "nothing heard"


def _segments(result: Any) -> str:
    if not result.final:
        return "".join(f"speech from {each.begin_s:.2f} s ..." for each in result.segments)
    told = [f"speech {each.begin_s:.2f} to {each.end_s:.2f} s" for each in result.segments]
    return _some(told) or "no speech"


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (", ..." if len(texts) > SHOWN else "")


def _found(result: Any) -> str:
    labels: Sequence[Any] = result.labels or [f"class {number}" for number in result.class_ids]
    each = [
        f"{printable(str(label))} {score:.2f}" for label, score in zip(labels, result.scores, strict=True)
    ]
    return f"{len(each)} found: {_some(each)}" if each else "nothing found"


def _things(result: Any) -> str:
    """ "2 tracked: face 0.91 (33 points), face 0.80 (33 points)"; what the last stage says stands in brackets."""
    each = []
    for thing in result.things:
        said = "" if thing.result is None else answer(thing.result)
        name = f"{printable(thing.label)} " if thing.label else ""
        each.append(f"{name}{thing.score:.2f}" + (f" ({said})" if said else ""))
    if not each:
        return "nothing found"
    return f"{len(each)} {'found' if result.detected else 'tracked'}: {_some(each)}"


def _arrays(result: Any) -> str:
    fields = {name: getattr(result, name) for name in getattr(type(result), "__slots__", ())}
    values = fields.pop("values", None)
    arrays = values if isinstance(values, dict) else fields
    shapes = [
        f"{printable(str(name))} {each.dtype}{list(each.shape)}"
        for name, each in arrays.items()
        if isinstance(each, np.ndarray)
    ]
    return _some(shapes)
