"""A scene: the part of the frame that belongs to each thing, what the stages behind say of it, and its name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgemm.drawing.canvas import Canvas, is_near
from edgemm.drawing.painters import paint as paint_result
from edgemm.drawing.palette import Rgb, color_of
from edgemm.results import Scene, Thing


def paint(canvas: Canvas, result: Scene) -> None:
    """Outlines first, then what the stages draw, then words, so that no line crosses a word."""
    colored = [
        (thing, color_of(at if thing.track is None else thing.track))
        for at, thing in enumerate(every(result))
    ]
    for thing, color in colored:
        _outline(canvas, thing, color)
    for thing, _ in colored:
        for said in thing.results.values():
            if not hasattr(said, "label"):  # that stands at its corner
                paint_result(canvas, said)
    for thing, color in reversed(colored):
        left, top = np.asarray(thing.quad_xy, np.float64).min(axis=0).tolist()
        if is_near(left, top):
            canvas.label(words(thing), left, top, color)


def every(result: Scene) -> Iterator[Thing]:
    """All things, each before those in it."""
    waiting = list(reversed(result.things))
    while waiting:
        thing = waiting.pop()
        yield thing
        waiting += reversed(thing.things)


def words(thing: Thing) -> str:
    """ "3 face 0.91 smiling 0.80": its track, its label and score, and the answers of stages that have a label."""
    parts = [] if thing.track is None else [str(thing.track)]
    parts += [thing.label] if thing.label else []
    parts.append(f"{thing.score:.2f}")
    for said in thing.results.values():
        label, score = getattr(said, "label", None), getattr(said, "score", None)
        if label and getattr(said, "detected", True):
            parts.append(f"{label} {score:.2f}" if isinstance(score, float) else str(label))
    return " ".join(parts)


def _outline(canvas: Canvas, thing: Thing, color: Rgb) -> None:
    corners = [(x, y) for x, y in np.asarray(thing.quad_xy, np.float64).tolist()]
    for at, corner in enumerate(corners):
        canvas.segment(corner, corners[(at + 1) % len(corners)], color)
