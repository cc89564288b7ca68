"""Cluttered backgrounds for scenes: gradients, blobs, lines, shapes and letters, all from one random generator."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.opencv import opencv

LETTERS = "ACEFHKMNPRTUVWXY"
"""Letters that no digit looks like."""
Pixels = npt.NDArray[np.uint8]


def background(rng: np.random.RandomState, size_wh: tuple[int, int]) -> Pixels:
    """uint8[height, width, 3]: a soft ground with shapes, strokes and letters on it."""
    canvas = _ground(rng, size_wh)
    for _ in range(rng.randint(0, 9)):
        _shape(rng, canvas)
    for _ in range(rng.randint(0, 9)):
        _stroke(rng, canvas)
    for _ in range(rng.randint(0, 6)):
        _letter(rng, canvas)
    return canvas


def color(rng: np.random.RandomState) -> tuple[int, int, int]:
    """Any colour."""
    red, green, blue = (int(level) for level in rng.randint(0, 256, 3))
    return red, green, blue


def _ground(rng: np.random.RandomState, size_wh: tuple[int, int]) -> Pixels:
    """A gradient between four corners plus soft noise of one grain."""
    cv2 = opencv()

    width, height = size_wh
    base = np.array(color(rng), np.float32)
    corners = base + rng.uniform(-70, 70, (2, 2, 3)).astype(np.float32)
    soft = cv2.resize(corners, size_wh, interpolation=cv2.INTER_LINEAR)
    grain = rng.randint(4, 30)
    small = rng.normal(0, rng.uniform(0, 30), (height // grain + 2, width // grain + 2, 3))
    soft += cv2.resize(small.astype(np.float32), size_wh, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(soft, 0, 255), np.uint8)


def _point(rng: np.random.RandomState, canvas: Pixels) -> tuple[int, int]:
    return int(rng.randint(0, canvas.shape[1])), int(rng.randint(0, canvas.shape[0]))


def _shape(rng: np.random.RandomState, canvas: Pixels) -> None:
    """A disc, an ellipse or a rectangle, full or as an outline."""
    cv2 = opencv()

    x, y = _point(rng, canvas)
    wide, tall = (int(length) for length in rng.randint(3, 34, 2))
    thickness = -1 if rng.rand() < 0.6 else int(rng.randint(1, 4))
    if rng.rand() < 0.5:
        cv2.rectangle(canvas, (x, y), (x + wide, y + tall), color(rng), thickness, cv2.LINE_AA)
    else:
        angle = float(rng.randint(0, 180))
        axes = (wide, max(tall, 2 * wide // 3)) if thickness < 0 else (wide, max(2, wide // 4))
        cv2.ellipse(canvas, (x, y), axes, angle, 0, 360, color(rng), thickness, cv2.LINE_AA)


def _stroke(rng: np.random.RandomState, canvas: Pixels) -> None:
    """A straight or bent line, as thick as a digit's."""
    cv2 = opencv()

    start = np.array(_point(rng, canvas), np.float64)
    bends = rng.normal(0, rng.uniform(6, 40), (rng.randint(1, 5), 2))
    points: Any = np.rint(np.vstack([start, start + np.cumsum(bends, axis=0)])).astype(np.int32)
    cv2.polylines(canvas, [points], False, color(rng), int(rng.randint(1, 5)), cv2.LINE_AA)


def _letter(rng: np.random.RandomState, canvas: Pixels) -> None:
    cv2 = opencv()

    text = LETTERS[rng.randint(len(LETTERS))]
    font = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)[
        rng.randint(3)
    ]
    place, size = _point(rng, canvas), float(rng.uniform(0.5, 1.6))
    cv2.putText(canvas, text, place, font, size, color(rng), int(rng.randint(1, 4)), cv2.LINE_AA)
