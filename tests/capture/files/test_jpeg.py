"""Whole JPEG files, and those cut short."""

from __future__ import annotations

import numpy as np
import pytest
from needs import needs

from edgemm.capture.files.jpeg import is_whole_jpeg
from edgemm.opencv import opencv

cv2 = needs(opencv)
pytestmark = pytest.mark.device

PLAIN: list[int] = []
PROGRESSIVE = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
RESTARTS = [cv2.IMWRITE_JPEG_RST_INTERVAL, 1]
KINDS = pytest.mark.parametrize(
    "options", [PLAIN, PROGRESSIVE, RESTARTS], ids=["plain", "progressive", "restarts"]
)


def encoded(options: list[int]) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", noise, options)[1].tobytes())


@KINDS
def test_a_whole_file_is_whole_whatever_comes_after(options: list[int]) -> None:
    whole = encoded(options)
    assert is_whole_jpeg(whole)
    assert is_whole_jpeg(whole + b"\xff\xda trailer of a camera")


@KINDS
def test_a_file_is_not_whole_wherever_it_is_cut(options: list[int]) -> None:
    whole = encoded(options)
    assert not any(is_whole_jpeg(whole[:length]) for length in range(len(whole)))


def test_the_end_of_an_embedded_thumbnail_is_not_the_end() -> None:
    whole = encoded(PLAIN)
    thumbnail = b"\xff\xe1" + (len(whole) + 2).to_bytes(2, "big") + whole
    assert is_whole_jpeg(whole[:2] + thumbnail + whole[2:])
    assert not is_whole_jpeg(whole[:2] + thumbnail + whole[2:-2])
