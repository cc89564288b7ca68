"""Affine maps between pictures: from a place in one to the same place in another.

Coordinates are continuous: the first pixel of a picture covers 0 to 1, its centre is at 0.5, and the right edge lies at
the picture's width. OpenCV counts from the centre of the first pixel instead; `at_pixel_centers` converts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError

Affine = npt.NDArray[np.float64]
"""float64[2, 3]: (x, y, 1) -> (x, y)."""

SMALLEST_AREA = 1e-12
"""Square pixels that a map may make of one; below, it maps areas to lines."""


def transform(affine: Affine, xy: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """float[..., 2] -> float64[..., 2]."""
    return np.asarray(xy @ affine[:, :2].T + affine[:, 2], np.float64)


def inverse(affine: Affine) -> Affine:
    """The map back.

    Raises:
        InputError: the map has no inverse, or numbers that are not finite.
    """
    if not np.isfinite(affine).all() or abs(float(np.linalg.det(affine[:, :2]))) < SMALLEST_AREA:
        raise InputError(
            f"expected an affine map with an inverse, found {affine.tolist()}. Give the view a width and a height of "
            "more than 0 pixels"
        )
    linear = np.linalg.inv(affine[:, :2])
    return np.concatenate([linear, -(linear @ affine[:, 2:])], axis=1)


def compose(outer: Affine, inner: Affine) -> Affine:
    """The map that does `inner` first and `outer` then: a view of a view."""
    return np.asarray(outer @ np.vstack([inner, [0.0, 0.0, 1.0]]))


def at_pixel_centers(affine: Affine) -> Affine:
    """The same map as OpenCV counts: the centre of the first pixel is at (0, 0), on both sides."""
    shift = affine[:, :2].sum(axis=1) * 0.5 - 0.5
    return np.concatenate([affine[:, :2], (affine[:, 2] + shift)[:, None]], axis=1)
