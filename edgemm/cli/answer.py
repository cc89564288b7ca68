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
    """ "seven 0.91"; "not detected (seven 0.31)"; "2 found: cat 0.90, dog 0.71"; "logits float32[1, 10]"; and "one two
    ..." where a later result replaces this one."""
    if hasattr(result, "label") and hasattr(result, "score"):
        best = f"{printable(str(result.label))} {result.score:.2f}"
        return best if getattr(result, "detected", True) else f"not detected ({best})"
    if hasattr(result, "scores"):
        return _found(result)
    if hasattr(result, "text"):
        text = printable(str(result.text))
        return f"{text} ..." if text and not result.final else text or "no words"
    return _arrays(result)


def detected(result: Result) -> bool:
    """False for the silence between two words."""
    return bool(getattr(result, "detected", True))


def _found(result: Any) -> str:
    labels: Sequence[Any] = result.labels or [f"class {number}" for number in result.class_ids]
    each = [
        f"{printable(str(label))} {score:.2f}" for label, score in zip(labels, result.scores, strict=True)
    ]
    if not each:
        return "nothing found"
    more = ", ..." if len(each) > SHOWN else ""
    return f"{len(each)} found: {', '.join(each[:SHOWN])}{more}"


def _arrays(result: Any) -> str:
    fields = {name: getattr(result, name) for name in getattr(type(result), "__slots__", ())}
    values = fields.pop("values", None)
    arrays = values if isinstance(values, dict) else fields
    shapes = [
        f"{printable(str(name))} {each.dtype}{list(each.shape)}"
        for name, each in arrays.items()
        if isinstance(each, np.ndarray)
    ]
    return ", ".join(shapes[:SHOWN]) + (", ..." if len(shapes) > SHOWN else "")
