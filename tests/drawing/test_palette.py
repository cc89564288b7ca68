"""Colours that differ, stay, and can be written on."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from edgemm.drawing.palette import FIRST, color_of, readable_on, relative_luminance, table

pytestmark = pytest.mark.device


def test_colours_of_the_first_classes_are_far_apart() -> None:
    """60 of 255 in the sum of the channels' squares: more than two neighbouring shades."""
    near = [(a, b) for a, b in combinations(FIRST, 2) if np.linalg.norm(np.subtract(a, b)) < 60]
    assert near == []


def test_the_colours_of_all_classes_of_a_byte_differ() -> None:
    assert len({color_of(each) for each in range(256)}) == 256


def test_a_class_keeps_its_colour_from_version_to_version() -> None:
    assert [color_of(each) for each in (0, 1, 19, 20, 80, 255)] == [
        (230, 60, 50), (60, 180, 75), (200, 200, 200), (0, 255, 42), (0, 128, 84), (86, 129, 191),
    ]  # fmt: skip


@pytest.mark.parametrize("class_id", [-1, -5000, 65535, 65536, 1 << 40])
def test_every_number_has_a_colour(class_id: int) -> None:
    assert all(0 <= each <= 255 for each in color_of(class_id))


def test_the_table_has_the_same_colours_in_both_orders() -> None:
    rgb, bgr = table(300, False), table(300, True)
    assert [tuple(row) for row in rgb[:, 0].tolist()] == [color_of(each) for each in range(300)]
    assert np.array_equal(rgb[:, :, ::-1], bgr)


def test_luminance_is_that_of_the_standard() -> None:
    """WCAG's own examples: white 1, black 0; #777777 has 4.48:1 on white."""
    assert relative_luminance((255, 255, 255)) == pytest.approx(1)
    assert relative_luminance((0, 0, 0)) == 0
    assert 1.05 / (relative_luminance((0x77, 0x77, 0x77)) + 0.05) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("class_id", range(256))
def test_text_on_every_colour_has_the_contrast_that_reading_needs(class_id: int) -> None:
    """4.5:1, as WCAG 2 asks of normal text at level AA."""
    background = color_of(class_id)
    high, low = sorted(map(relative_luminance, (background, readable_on(background))), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5
