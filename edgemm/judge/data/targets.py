"""Pictures, and the pictures that a model is to make of them: two folders with files of the same names."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgemm.errors import InputError
from edgemm.judge import TruePicture
from edgemm.judge.data.labelled import Labelled, LabelledData, Truth
from edgemm.judge.data.pictures import PICTURES, pictures_in, read_bounded
from edgemm.log import LOG

MAX_BYTES = 256 << 20
BORDER = 4
"""Pixels along the edges of a picture that are not compared."""
FOLDERS = ("images", "targets")


def is_targets(folder: Path) -> bool:
    """It has a folder of pictures, and one of those to be made of them."""
    return all((folder / each).is_dir() for each in FOLDERS)


def read_targets(folder: Path) -> LabelledData:
    """The pictures in images/ that have one of the same name in targets/; the suffix may be another.

    Raises:
        InputError: there is none.
    """
    images, targets = (folder / each for each in FOLDERS)
    known = {path.relative_to(targets).with_suffix(""): path for path in pictures_in(targets)}
    pairs = [(each, known.get(each.relative_to(images).with_suffix(""))) for each in pictures_in(images)]
    samples = tuple(Labelled(each, partial(_truth, target)) for each, target in pairs if target is not None)
    if not samples:
        raise InputError(
            f"{targets}: expected a picture named as one in {images.name}, such as {pairs[0][0].stem} with "
            f"{', '.join(sorted(PICTURES))}, found none"
        )
    if len(samples) < len(pairs):
        LOG.warning(
            "%s: %d of %d pictures have no target: they are left out",
            targets,
            len(pairs) - len(samples),
            len(pairs),
        )
    return LabelledData(samples, (), str(folder))


def _truth(file: Path, source_wh: tuple[int, int]) -> Truth:
    """RGB, or grey."""
    from edgemm.opencv import opencv

    cv2 = opencv()
    content = np.frombuffer(read_bounded(file, MAX_BYTES, "a picture"), np.uint8)
    found: Any = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if found is None:
        raise InputError(f"{file}: not readable as a picture. Is it damaged?")
    return TruePicture(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), BORDER)
