"""Views of a picture: which places of the source the tensor shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

from edgemm.affine import transform
from edgemm.errors import InputError
from edgemm.preprocess.view import View

cv2 = package("cv2")
pytestmark = pytest.mark.device
CORNERS = np.array([[0.0, 0], [32, 0], [32, 16], [0, 16], [16, 8]])


@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2, -2.0, 3.0])
def test_corners_of_the_tensor_are_those_of_the_rectangle(angle: float) -> None:
    """Against the corners as complex numbers, turned by the angle; y runs down, so this is clockwise."""
    view = View.around((50.0, 40.0), (20.0, 14.0), (32, 16), angle=angle)
    turned = np.array([-10 - 7j, 10 - 7j, 10 + 7j, -10 + 7j, 0]) * np.exp(1j * angle) + (50 + 40j)
    np.testing.assert_allclose(
        transform(view.to_source, CORNERS), np.stack([turned.real, turned.imag], axis=1), atol=1e-9
    )
    np.testing.assert_allclose(
        transform(view.to_tensor, transform(view.to_source, CORNERS)), CORNERS, atol=1e-9
    )


def picture() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_a_view_of_whole_pixels_is_a_slice(interpolation: Any) -> None:
    view = View.around((15.0, 10.0), (10.0, 8.0), (10, 8))
    np.testing.assert_array_equal(view.sample(picture(), interpolation=interpolation), picture()[6:14, 10:20])


def test_a_quarter_turn_is_that_of_numpy() -> None:
    view = View.around((20.0, 12.0), (24.0, 40.0), (24, 40), angle=np.pi / 2)
    np.testing.assert_array_equal(view.sample(picture()), np.rot90(picture()))


def test_twice_as_large_is_the_resize_of_opencv() -> None:
    """To one grey level: the one rounds 1/32 of a pixel, the other does not. Away from the edges."""
    view = View.around((20.0, 12.0), (40.0, 24.0), (80, 48))
    resized = cv2.resize(picture(), (80, 48), interpolation=cv2.INTER_LINEAR)
    gap = np.abs(view.sample(picture()).astype(int) - resized.astype(int))[1:-1, 1:-1]
    assert gap.max() <= 1


def test_beyond_the_picture_is_the_pad_value() -> None:
    view = View.around((0.0, 12.0), (20.0, 10.0), (20, 10))
    sampled = view.sample(picture(), pad_value=114)
    assert (sampled[:, :10] == 114).all()
    np.testing.assert_array_equal(sampled[:, 10:], picture()[7:17, :10])


def test_grey_pictures_stay_grey() -> None:
    assert View.around((9.0, 9.0), (8.0, 8.0), (4, 4)).sample(picture()[:, :, 0]).shape == (4, 4)


@pytest.mark.parametrize(
    "changed",
    [
        {"center_xy": (np.nan, 0.0)},
        {"size_wh": (0.0, 5.0)},
        {"size_wh": (5.0, -1.0)},
        {"tensor_wh": (0, 4)},
        {"angle": np.inf},
    ],
)
def test_what_is_no_view_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="sizes above 0"):
        View.around(**{"center_xy": (1.0, 1.0), "size_wh": (5.0, 5.0), "tensor_wh": (4, 4), **changed})
