"""Moving scenes with handwritten digits in clutter, and the truth about them: boxes, classes and masks.

A film is a row of shots. In each shot one to six digits of different sizes, colours, contrasts and rotations move over
a background that pans, and no two of them overlap by much. The same seed gives the same film: the random numbers are
of `numpy.random.RandomState`, which NumPy has frozen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.data.clutter import background, color
from edgemm.opencv import opencv

SIZE_WH = (192, 144)
"""Pixels of a frame."""
LABELS = tuple("0123456789")
HEIGHTS = (16.0, 48.0)
"""Pixels: the smallest and largest digit, as high as the 20 pixels that a digit fills in its picture of 28."""
MARGIN = 2.0
"""Pixels that a true box leaves around the ink."""
INK = 0.4
"""Opacity from which a pixel belongs to a digit."""
SHOT = 40
"""Frames in a shot."""
_PAN = 48
"""Pixels that the background is larger than the frame."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One frame and the truth about it."""

    pixels: Bytes
    """uint8[height, width, 3] RGB."""
    boxes_xyxy: npt.NDArray[np.float32]
    """float32[n, 4]: left, top, right, bottom in pixels."""
    class_ids: npt.NDArray[np.int64]
    """int64[n], 0..9."""
    mask: Bytes
    """uint8[height, width]: 0 background, 1 + digit where its ink is."""


@dataclass(frozen=True, slots=True, eq=False)
class _Actor:
    """A digit of a shot, with its way."""

    stamp: npt.NDArray[np.float32]
    """float32[side, side], opacity 0..1 of the rotated digit."""
    digit: int
    centers: npt.NDArray[np.float64]
    """float64[frames, 2]: x, y of the stamp's middle."""
    reach: npt.NDArray[np.float64]
    """float64[4]: the ink's left, top, right, bottom from the stamp's middle."""
    tint: npt.NDArray[np.float32]
    """float32[3], 0..255."""


def film(
    images: Bytes,
    labels: npt.NDArray[np.integer],
    seed: int,
    frames: int = SHOT,
    *,
    size_wh: tuple[int, int] = SIZE_WH,
) -> Iterator[Scene]:
    """Frames of one film after another.

    Args:
        images: uint8[n, 28, 28], digits white on black, to pick from.
        labels: int[n], 0..9.
        seed: of everything that is drawn.
        frames: how many; every 40 a new shot begins.
        size_wh: pixels of a frame.

    Raises:
        MissingDependency: OpenCV is not installed.
    """
    rng = np.random.RandomState(seed)
    for begin in range(0, frames, SHOT):
        yield from _shot(rng, images, labels, min(SHOT, frames - begin), size_wh)


def stills(
    images: Bytes,
    labels: npt.NDArray[np.integer],
    seed: int,
    count: int,
    *,
    size_wh: tuple[int, int] = SIZE_WH,
) -> Iterator[Scene]:
    """`count` scenes that have nothing to do with each other."""
    rng = np.random.RandomState(seed)
    for _ in range(count):
        yield from _shot(rng, images, labels, 1, size_wh)


def _shot(
    rng: np.random.RandomState,
    images: Bytes,
    labels: npt.NDArray[np.integer],
    frames: int,
    size_wh: tuple[int, int],
) -> Iterator[Scene]:
    canvas = background(rng, (size_wh[0] + _PAN, size_wh[1] + _PAN))
    pan = _way(rng, frames, np.full(2, float(_PAN)))
    noise = rng.uniform(0, 12)
    gain = rng.uniform(0.6, 1.0)
    actors: list[_Actor] = []
    for _ in range(rng.randint(1, 7)):
        actor = _cast(rng, images, labels, frames, size_wh, canvas, actors)
        if actor is not None:
            actors.append(actor)
    for at in range(frames):
        x, y = (int(place) for place in pan[at])
        yield _frame(rng, canvas[y : y + size_wh[1], x : x + size_wh[0]], actors, at, noise, gain)


def _way(rng: np.random.RandomState, frames: int, room: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """float64[frames, 2] in 0..room: straight on, and back where it ends."""
    start, speed = rng.uniform(0, 1, 2) * room, rng.uniform(-2.5, 2.5, 2)
    way = start + speed * np.arange(frames)[:, None]
    return np.asarray(np.abs((way + room) % (2 * room) - room), np.float64)


def _cast(
    rng: np.random.RandomState,
    images: Bytes,
    labels: npt.NDArray[np.integer],
    frames: int,
    size_wh: tuple[int, int],
    canvas: Bytes,
    others: list[_Actor],
) -> _Actor | None:
    """One more digit, where a way is found that keeps it apart from the others."""
    chosen = int(rng.randint(len(images)))
    stamp, reach = _stamp(rng, images[chosen])
    room = np.array(size_wh) - (reach[2:] - reach[:2])
    for _ in range(12):
        centers = _way(rng, frames, room) - reach[:2]
        if all(_apart(centers, reach, other) for other in others):
            under = _under(canvas, centers[0] + _PAN / 2, reach)
            return _Actor(stamp, int(labels[chosen]), centers, reach, _tint(rng, under))
    return None


def _stamp(
    rng: np.random.RandomState, image: Bytes
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """The digit at its size and angle, and how far its ink reaches from the middle."""
    cv2 = opencv()

    low, high = np.log(HEIGHTS)
    zoom = np.exp(rng.uniform(low, high)) / 20.0
    angle, wide, slant = rng.normal(0, 9), rng.uniform(0.85, 1.15), rng.normal(0, 0.1)
    side = int(np.ceil(28 * zoom * 1.3)) + 2
    turn = cv2.getRotationMatrix2D((0.0, 0.0), angle, 1.0)[:, :2]
    matrix = turn @ np.array([[wide, slant], [0.0, 1.0]]) * zoom
    shift = side / 2 - 0.5 - matrix @ np.array([13.5, 13.5])
    soft = image if zoom >= 1.0 else cv2.GaussianBlur(image, (0, 0), 0.45 / zoom)
    warp = np.column_stack([matrix, shift])
    alpha = cv2.warpAffine(soft.astype(np.float32) / 255.0, warp, (side, side), flags=cv2.INTER_LINEAR)
    alpha = np.clip(alpha / max(float(alpha.max()), 1e-3) * 1.15, 0, 1)
    rows, columns = np.flatnonzero(alpha.max(1) > INK), np.flatnonzero(alpha.max(0) > INK)
    reach = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64) - side / 2
    return np.asarray(alpha, np.float32), reach


def _apart(centers: npt.NDArray[np.float64], reach: npt.NDArray[np.float64], other: _Actor) -> bool:
    """No more than a tenth of the smaller box is ever covered by the other."""
    mine, theirs = centers[:, [0, 1, 0, 1]] + reach, other.centers[:, [0, 1, 0, 1]] + other.reach
    common = np.minimum(mine, theirs)[:, 2:] - np.maximum(mine, theirs)[:, :2]
    shared = np.prod(np.maximum(common, 0), axis=1)
    smaller = min(np.prod(reach[2:] - reach[:2]), np.prod(other.reach[2:] - other.reach[:2]))
    return bool(shared.max() <= 0.1 * smaller)


def _under(
    canvas: Bytes, center: npt.NDArray[np.float64], reach: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    left, top, right, bottom = (int(place) for place in center[[0, 1, 0, 1]] + reach)
    return np.asarray(canvas[top : bottom + 1, left : right + 1].reshape(-1, 3).mean(axis=0), np.float64)


def _tint(rng: np.random.RandomState, under: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """A colour that differs from what is under it, by 60 to 255 grey levels of lightness."""
    weights = np.array([0.299, 0.587, 0.114])
    for _ in range(40):
        tint = np.array(color(rng), np.float32)
        if abs(float(weights @ (tint - under))) >= 60:
            return tint
    return np.full(3, 255.0 if weights @ under < 128 else 0.0, np.float32)


def _frame(
    rng: np.random.RandomState, ground: Bytes, actors: list[_Actor], at: int, noise: float, gain: float
) -> Scene:
    """Digits over the ground, then light and noise."""
    cv2 = opencv()

    pixels = ground.astype(np.float32)
    mask = np.zeros(ground.shape[:2], np.uint8)
    boxes = np.empty((len(actors), 4), np.float32)
    limit = np.array([*ground.shape[1::-1]] * 2, np.float64)
    for place, actor in enumerate(actors):
        alpha, (left, top) = _placed(actor, at, ground.shape)
        tall, wide = alpha.shape
        part = pixels[top : top + tall, left : left + wide]
        part += (actor.tint - part) * alpha[:, :, None]
        ink = mask[top : top + tall, left : left + wide]
        ink[alpha > INK] = actor.digit + 1
        box = actor.centers[at][[0, 1, 0, 1]] + actor.reach + [-MARGIN, -MARGIN, MARGIN, MARGIN]
        boxes[place] = np.clip(box, 0, limit)
    if noise > 1:
        grain = rng.randint(0, 1 << 31)
        cv2.setRNGSeed(int(grain))
        pixels += cv2.randn(np.empty_like(pixels), 0, noise)
    shown = np.clip(pixels * np.float32(gain), 0, 255).astype(np.uint8)
    return Scene(shown, boxes, np.array([actor.digit for actor in actors], np.int64), mask)


def _placed(
    actor: _Actor, at: int, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.float32], tuple[int, int]]:
    """The stamp moved by its fraction of a pixel, cut to the frame, and the frame's pixel of its corner."""
    cv2 = opencv()

    side = len(actor.stamp)
    corner = actor.centers[at] - side / 2
    whole = np.floor(corner)
    shift = np.column_stack([np.eye(2), corner - whole])
    alpha = cv2.warpAffine(actor.stamp, shift, (side + 1, side + 1), flags=cv2.INTER_LINEAR)
    left, top = int(whole[0]), int(whole[1])
    alpha = alpha[max(-top, 0) : shape[0] - top, max(-left, 0) : shape[1] - left]
    return alpha, (max(left, 0), max(top, 0))
