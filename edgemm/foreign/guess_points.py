"""Guesses about landmark networks: the known ones have outputs of their own length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edgemm.foreign.draft import Outside
from edgemm.foreign.guesses import Guess, Read

KNOWN: Mapping[int, tuple[str, dict[str, Any]]] = {
    1404: ("468 points of a face", {"values": ["x", "y", "z"], "skeleton": "mediapipe_face468"}),
    1434: (
        "478 points of a face",
        {"values": ["x", "y", "z"], "count": 468, "skeleton": "mediapipe_face468"},
    ),
    63: ("21 points of a hand", {"values": ["x", "y", "z"], "skeleton": "mediapipe_hand21"}),
    195: (
        "33 points of a body, and six more",
        {"values": ["x", "y", "z", "score", "skip"], "scores": "logits", "skeleton": "mediapipe_pose39"},
    ),
}
"""Numbers in an output -> what MediaPipe's network with such an output gives."""
MOVENET = (1, 1, 17, 3)
BODY_MAPS = (1, 64, 64, 39)
"""Heat maps beside the points of a body, which move them."""


def guess_points(file: Outside, size_wh: tuple[int, int]) -> Read | None:
    """The landmark network that has such outputs; None where none has."""
    for spec in file.outputs:
        if spec.shape == MOVENET:
            section: dict[str, Any] = {
                "points": spec.name,
                "form": "vectors",
                "values": ["y", "x", "score"],
                "unit": "fraction",
                "skeleton": "coco17",
            }
            why = "17 rows of three numbers are MoveNet's"
            return Read("landmarks", section, Guess("task landmarks: 17 points of a body", "likely", why))
    first = file.outputs[0] if file.outputs else None
    known = KNOWN.get(math.prod(first.shape)) if first is not None and first.shape else None
    if first is None or known is None or file.producers[0].upper() in ("SOFTMAX", "LOGISTIC", "SIGMOID"):
        return None
    what, recipe = known
    section = {"points": first.name, "form": "vectors", "unit": "pixels", **recipe}
    single = [at for at, spec in enumerate(file.outputs) if at and math.prod(spec.shape) == 1]
    why = f"{math.prod(first.shape)} numbers are those of MediaPipe's network, whose card is a preset too"
    if single:
        section["presence"] = name = file.outputs[single[0]].name
        sigmoid = file.producers[single[0]].upper() in ("LOGISTIC", "SIGMOID")
        section["presence_decode"] = "probability" if sigmoid else "logit"
        why += f"; that {name!r} says whether the thing is there is a guess too"
    maps = [spec.name for spec in file.outputs if spec.shape == BODY_MAPS]
    if maps and "score" in recipe["values"]:
        section["refine"] = maps[0]
    return Read("landmarks", section, Guess(f"task landmarks: {what}, in pixels of the input", "likely", why))
