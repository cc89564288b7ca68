"""Affine maps: there and back, one after the other, and as OpenCV counts."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.affine import at_pixel_centers, compose, inverse, transform
from edgemm.errors import InputError

pytestmark = pytest.mark.device
MAP = np.array([[2.0, -0.5, 7.0], [0.25, 3.0, -1.0]])
OTHER = np.array([[0.0, 1.0, 2.0], [-1.0, 0.5, 4.0]])
PLACES = np.array([[0.0, 0.0], [1.5, -2.0], [300.0, 40.0]])


def test_a_map_is_a_sum_of_its_columns() -> None:
    np.testing.assert_allclose(transform(MAP, np.array([10.0, 100.0])), [20 - 50 + 7, 2.5 + 300 - 1])


def test_the_inverse_leads_back() -> None:
    np.testing.assert_allclose(transform(inverse(MAP), transform(MAP, PLACES)), PLACES, atol=1e-10)


def test_the_inner_map_comes_first() -> None:
    found = transform(compose(OTHER, MAP), PLACES)
    np.testing.assert_allclose(found, transform(OTHER, transform(MAP, PLACES)), atol=1e-10)


def test_centres_of_pixels_stay_centres_of_pixels() -> None:
    found = transform(at_pixel_centers(MAP), PLACES)
    np.testing.assert_allclose(found + 0.5, transform(MAP, PLACES + 0.5), atol=1e-10)


@pytest.mark.parametrize(
    "linear", [[[0, 0], [0, 1]], [[1, 2], [2, 4]], [[np.nan, 0], [0, 1]], [[np.inf, 0], [0, 1]]]
)
def test_a_map_without_an_inverse_is_refused(linear: list[list[float]]) -> None:
    with pytest.raises(InputError, match="with an inverse"):
        inverse(np.hstack([np.array(linear, float), np.zeros((2, 1))]))
