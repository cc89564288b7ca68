"""Moving scenes for the demo: what networks are calibrated and measured with, and a film to play as a camera would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgemm.data.scenes import INK, MARGIN, SIZE_WH, Scene, film, stills
from edgemm.opencv import opencv

if TYPE_CHECKING:
    from edgemm.card import ModelCard

FPS = 15.0
"""Frames per second of the film."""
CALIBRATION_SEED, HELD_OUT_SEED, FILM_SEED, BOARD_SEED = 11, 12, 13, 14
"""No two of them draw the same scenes; training has seeds of its own."""


def calibration_scenes(count: int = 100) -> list[Scene]:
    """Scenes with digits that the networks were trained on."""
    from edgemm import data

    return list(stills(*data.calibration_digits(), CALIBRATION_SEED, count))


def held_out_scenes(count: int) -> list[Scene]:
    """Scenes with digits that no network saw while it was trained."""
    from edgemm import data

    return list(stills(*data.digits(), HELD_OUT_SEED, count))


def held_out_film(frames: int) -> list[Scene]:
    """A film of the same digits, in motion."""
    from edgemm import data

    return list(film(*data.digits(), FILM_SEED, frames))


def board_film(frames: int, seed: int = BOARD_SEED) -> list[Scene]:
    """A film of four light digits that go up and down on a dark board, each in a column of its own.

    The classifier of digits has seen light on dark alone: it can read these, other than those in clutter.
    """
    from edgemm import data

    rng = np.random.RandomState(seed)
    images, labels = data.digits()
    width, height = SIZE_WH
    smooth = opencv().GaussianBlur(rng.normal(40, 60, (height, width)).astype(np.float32), (0, 0), 6)
    board = smooth[:, :, None] * np.array([0.7, 1.0, 0.85], np.float32)
    chosen = rng.randint(len(images), size=4)
    sides = rng.randint(34, 48, size=4)
    stamps = [
        opencv().resize(images[at], (int(side), int(side)), interpolation=opencv().INTER_LINEAR)
        / np.float32(255)
        for at, side in zip(chosen, sides, strict=True)
    ]
    begins, speeds = rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.08, 0.16, 4)
    made = []
    for at in range(frames):
        places = np.round((height - sides) * (1 + np.sin(begins + speeds * at)) / 2).astype(int)
        made.append(_on_board(board, stamps, places, labels[chosen]))
    return made


def _on_board(
    board: npt.NDArray[np.float32],
    stamps: Sequence[npt.NDArray[np.float32]],
    tops: npt.NDArray[np.int64],
    digits: npt.NDArray[np.int64],
) -> Scene:
    pixels, mask = board.copy(), np.zeros(board.shape[:2], np.uint8)
    step = board.shape[1] // len(stamps)
    boxes = []
    for column, (stamp, top, digit) in enumerate(zip(stamps, tops, digits, strict=True)):
        side = len(stamp)
        left = column * step + (step - side) // 2
        place = slice(top, top + side), slice(left, left + side)
        pixels[place] += (235 - pixels[place]) * stamp[:, :, None]
        ink = stamp > INK
        mask[place][ink] = digit + 1
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        boxes.append(
            (
                left + columns[0] - MARGIN,
                top + rows[0] - MARGIN,
                left + columns[-1] + 1 + MARGIN,
                top + rows[-1] + 1 + MARGIN,
            )
        )
    shown = np.clip(pixels, 0, 255).astype(np.uint8)
    return Scene(shown, np.array(boxes, np.float32), digits.astype(np.int64), mask)


def tensors(card: ModelCard, scenes: Sequence[Scene]) -> list[npt.NDArray[np.float32]]:
    """The scenes through the card's own preprocessing: what calibration wants.

    Args:
        card: of a network that takes one picture.
    """
    from edgemm.preprocess import compile_image
    from edgemm.tensors import TensorSpec

    spec = TensorSpec(card.inputs[0].name, card.inputs[0].shape, "float32")
    prepare = compile_image(card.inputs[0], spec)
    made = np.empty((len(scenes), *spec.shape), np.float32)
    for scene, out in zip(scenes, made, strict=True):
        prepare(scene.pixels, "rgb", out)
    return list(made)


def write_film(path: Path, scenes: Sequence[Scene]) -> None:
    """The scenes as a video file, 15 frames per second.

    Args:
        path: ends in .avi; its codec, Motion JPEG, is part of OpenCV on every machine.

    Raises:
        InputError: OpenCV cannot write it.
    """
    cv2 = opencv()

    from edgemm.errors import InputError

    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, fourcc, FPS, SIZE_WH)
    try:
        if not writer.isOpened():
            raise InputError(
                f"{path}: OpenCV cannot write it; check that the folder exists and may be written to"
            )
        writer.set(cv2.VIDEOWRITER_PROP_QUALITY, 95)
        for scene in scenes:
            writer.write(np.ascontiguousarray(scene.pixels[:, :, ::-1]))
    finally:
        writer.release()
