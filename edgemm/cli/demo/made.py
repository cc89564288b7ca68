"""Pictures that are made: twice as large, of a label, and by filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from edgemm.cli.demo.live import Progress
from edgemm.results import Classification, Picture

Pixels = npt.NDArray[np.uint8]
LARGER = "models/super_resolution_x2.int8.tflite"
GENERATOR = "models/digit_generator.int8.tflite"
READER = "models/digits.onnx"
LARGE_SEED = 14
"""Of the scene that is made smaller, and larger again."""
BORDER = 4
"""Pixels along the edges that are not compared."""
EACH, SHOWN = 20, 4
"""Pictures that are generated of each digit, and those of them that the page shows."""
FILTERS = ("gaussian?size=5", "canny?low=50&high=150")


@dataclass(frozen=True, slots=True, eq=False)
class Larger:
    """One picture made smaller, and twice as large again in two ways. All uint8[height, width, 3] RGB."""

    small: Pixels
    bicubic: Pixels
    network: Pixels
    truth: Pixels
    bicubic_db: float
    """PSNR of the brightness with the truth."""
    network_db: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"bicubic_db": round(self.bicubic_db, 2), "network_db": round(self.network_db, 2)}


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """Digits made by their label, and how they were read."""

    shown: tuple[tuple[Pixels, int, str], ...]
    """Picture, the label it was made by, and the one that it was read as."""
    count: int
    """All that were made, those that are not shown too."""
    right: int
    """Of them: read as their label."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"count": self.count, "read_right": self.right}


@dataclass(frozen=True, slots=True, eq=False)
class Filtered:
    """A picture, and what filters make of it."""

    before: Pixels
    after: Pixels
    filters: tuple[str, ...] = FILTERS


def enlarge(progress: Progress) -> Larger:
    """The bundled network on a drawn scene, half its size, against bicubic."""
    from edgemm import data
    from edgemm.opencv import opencv

    cv, truth = opencv(), _scene()
    height, width = truth.shape[:2]
    small: Any = cv.resize(truth, (width // 2, height // 2), interpolation=cv.INTER_AREA)
    bicubic: Any = cv.resize(small, (width, height), interpolation=cv.INTER_CUBIC)
    progress("super-resolution", 0, 1)
    with edgemm.load(data.path(LARGER)) as model:
        network = model(small)
    assert isinstance(network, Picture)
    progress("super-resolution", 1, 1)
    return Larger(
        small, bicubic, network.pixels, truth, decibels(bicubic, truth), decibels(network.pixels, truth)
    )


def decibels(pixels: Pixels, truth: Pixels) -> float:
    """PSNR of one picture, without its edges."""
    from edgemm.judge import TruePicture, metric

    psnr = metric("picture")
    psnr.add(Picture(pixels), TruePicture(truth, border=BORDER))
    return psnr.value()


def generate(progress: Progress) -> Generated:
    """Digits 0 to 9 by the bundled generator, read by the bundled classifier."""
    from edgemm import data

    shown, right = [], 0
    with edgemm.load(data.path(GENERATOR)) as generator, edgemm.load(data.path(READER)) as reader:
        for digit in range(10):
            for number, made in enumerate(generator.generate(digit * EACH, label=str(digit), count=EACH)):
                assert isinstance(made, Picture)
                answer = reader(made.pixels)
                assert isinstance(answer, Classification)
                right += answer.label == str(digit)
                if number < SHOWN:
                    shown.append((made.pixels, digit, answer.label))
            progress("digits by label", digit + 1, 10)
    return Generated(tuple(shown), 10 * EACH, right)


def filter_picture() -> Filtered:
    """Filters one behind the other on a drawn scene."""
    before = _scene()
    return Filtered(before, edgemm.Filter(*FILTERS)(before).pixels)


def _scene() -> Pixels:
    from edgemm import data
    from edgemm.data.scenes import stills

    return next(stills(*data.digits(), LARGE_SEED, 1)).pixels
