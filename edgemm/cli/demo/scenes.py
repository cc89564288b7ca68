"""Moving scenes for the demo: what networks are calibrated and measured with, and a film to play as a camera would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgemm.data.scenes import SIZE_WH, Scene, film, stills
from edgemm.opencv import opencv

if TYPE_CHECKING:
    from edgemm.card import ModelCard

FPS = 15.0
"""Frames per second of the film."""
CALIBRATION_SEED, HELD_OUT_SEED, FILM_SEED = 11, 12, 13
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
