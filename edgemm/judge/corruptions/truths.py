"""What is right about a picture that was turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgemm.affine import Affine, at_pixel_centers, inverse, transform
from edgemm.errors import InputError
from edgemm.judge.corruptions.kinds import KINDS
from edgemm.judge.corruptions.pictures import turn
from edgemm.judge.truth import IGNORE, TrueClasses, TruePicture, TruePoints
from edgemm.opencv import opencv


def spoilt_truth(truth: Any, kind: str, strength: int, seed: Sequence[int], size_wh: tuple[int, int]) -> Any:
    """The truth of a picture with a corruption; see `spoil`, which is given the same kind, strength and seed.

    Pixels of classes that lay beyond the picture are ignored; points that leave it are not known any more. Points keep
    the scale that they had.

    Raises:
        InputError: the truth is a picture, and is to be turned.
    """
    if kind != "rotation" or isinstance(truth, int | str):
        return truth
    if isinstance(truth, TruePicture):
        raise InputError(
            "a picture that is to be made of another is not turned with it: nothing is known of what lies beyond"
        )
    turned = turn(strength - 1, np.random.default_rng([*seed, list(KINDS["image"]).index(kind)]), size_wh)
    if isinstance(truth, TrueClasses):
        return _classes(truth, turned)
    if isinstance(truth, TruePoints):
        return _points(truth, turned, size_wh)
    return tuple(_points(each, turned, size_wh) for each in truth)


def _classes(truth: TrueClasses, turned: Affine) -> TrueClasses:
    cv2 = opencv()
    height, width = truth.classes.shape
    ignore = truth.ignore
    if ignore is None:  # a number that no pixel has
        ignore = IGNORE if int(truth.classes.max(initial=0)) < IGNORE else int(np.iinfo(np.uint16).max)
    wide = np.uint16 if ignore > IGNORE else truth.classes.dtype
    classes = cv2.warpAffine(
        truth.classes.astype(wide), at_pixel_centers(inverse(turned)), (width, height),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT, borderValue=ignore,
    )  # fmt: skip
    return TrueClasses(np.asarray(classes), ignore)


def _points(truth: TruePoints, turned: Affine, size_wh: tuple[int, int]) -> TruePoints:
    points = transform(turned, truth.points_xy)
    inside = ((points >= 0) & (points <= size_wh)).all(axis=1)
    return replace(
        truth, points_xy=points, known=truth.known & inside, scale_px=truth.scale, box_xyxy=None
    )  # fmt: skip
