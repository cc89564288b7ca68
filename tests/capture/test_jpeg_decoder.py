"""JPEGs to pixels: the same as OpenCV's where they are whole, and an error where they are damaged."""

from __future__ import annotations

import random
import struct

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

from edgemm.capture import jpeg_decoder
from edgemm.capture.jpeg_decoder import decode_jpeg, simplejpeg
from edgemm.errors import SourceLost
from edgemm.opencv import opencv

cv2 = needs(opencv)
pytestmark = pytest.mark.device
strict = pytest.mark.skipif(simplejpeg() is None, reason='needs simplejpeg: pip install "edgemm[vision]"')

SAMPLING = ("411", "420", "422", "440", "444")


def scene(height: int = 120, width: int = 161, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Soft shapes with a little noise, as a camera sees them."""
    noise = np.random.default_rng(seed)
    coarse = noise.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noisy: npt.NDArray[np.uint8] = np.clip(smooth + noise.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
    return noisy


def encoded(pixels: npt.NDArray[np.uint8], *options: int) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels, list(options))[1].tobytes())


def by_opencv(data: bytes, flags: int = cv2.IMREAD_COLOR) -> npt.NDArray[np.uint8]:
    pixels: npt.NDArray[np.uint8] = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    return pixels


@pytest.mark.parametrize("sampling", SAMPLING)
@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("size", [(120, 161), (7, 5), (1, 1)])
def test_the_pixels_are_those_of_opencv(sampling: str, progressive: int, size: tuple[int, int]) -> None:
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    data = encoded(
        scene(*size), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive
    )
    assert np.array_equal(decode_jpeg(data), by_opencv(data))


def test_a_picture_without_colour() -> None:
    data = encoded(scene()[:, :, 0])
    assert np.array_equal(decode_jpeg(data, keep_gray=True), by_opencv(data, cv2.IMREAD_GRAYSCALE))
    assert np.array_equal(decode_jpeg(data), by_opencv(data))
    assert decode_jpeg(encoded(scene()), keep_gray=True).ndim == 3


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turned", range(10))
def test_it_is_turned_upright_as_opencv_does(order: str, turned: int) -> None:
    """0 and 9 are no orientations."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, 1)
    exif = b"Exif\0\0" + head + struct.pack(f"{order}HHIHH", 0x112, 3, 1, turned, 0) + bytes(4)
    data = encoded(scene())
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert np.array_equal(decode_jpeg(data), by_opencv(data))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_an_exif_that_is_nonsense_is_ignored(exif: bytes) -> None:
    data = encoded(scene())
    marked = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert np.array_equal(decode_jpeg(marked), by_opencv(data))


def test_tables_that_motion_jpeg_leaves_out_are_the_standard_ones() -> None:
    data = encoded(scene())
    bare = b"".join(part for marker, part in _segments(data) if marker != 0xC4)
    assert len(bare) < len(data)
    assert np.array_equal(decode_jpeg(bare), by_opencv(data))


@strict
@pytest.mark.parametrize("padding", [b"\0", b"\xff\xff", b"\0" * 8, b"\x55\xaa\x11"])
def test_a_webcam_that_writes_a_few_bytes_too_many(padding: bytes) -> None:
    data = encoded(scene())
    assert np.array_equal(decode_jpeg(data[:-2] + padding + data[-2:] + b"more"), by_opencv(data))


def test_a_header_that_is_odd_but_harmless() -> None:
    data = encoded(scene())
    assert data[11:13] == b"\x01\x01"  # the version of JFIF
    assert np.array_equal(decode_jpeg(data[:11] + b"\x09" + data[12:]), by_opencv(data))
    if simplejpeg() is not None:  # and it hides nothing that ends too early
        with pytest.raises(SourceLost, match="damaged JPEG"):
            decode_jpeg(data[:11] + b"\x09" + data[12 : len(data) // 2])


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"GIF89a", b"\xff\xd8\xff\xe0\0\x10", encoded(scene())[:300]]
)
def test_what_is_no_jpeg(data: bytes) -> None:
    with pytest.raises(SourceLost, match="JPEG"):
        decode_jpeg(data)


def test_a_picture_cut_short() -> None:
    data = encoded(scene())
    with pytest.raises(SourceLost, match="damaged JPEG"):
        decode_jpeg(data[: len(data) // 2])


@strict
def test_half_a_picture_with_its_end_marker() -> None:
    """OpenCV fills the rest with grey, without a word."""
    data = encoded(scene())
    half = data[: len(data) // 2] + b"\xff\xd9"
    assert by_opencv(half).shape == (120, 161, 3)
    with pytest.raises(SourceLost, match="premature end"):
        decode_jpeg(half)


@strict
def test_bytes_that_are_overwritten() -> None:
    """512 bytes: all of 100 are noticed (OpenCV shows 80 of them)."""
    draw, wrong = random.Random(0), 0
    for seed in range(100):
        data = bytearray(encoded(scene(240, 320, seed)))
        at = draw.randrange(700, len(data) - 600)
        data[at : at + 512] = draw.randbytes(512)
        try:
            decode_jpeg(bytes(data))
            wrong += 1
        except SourceLost:
            pass
    assert wrong == 0


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
@pytest.mark.parametrize("size", [16, 64, 512, 1460])
def test_a_hole_of_zeros(size: int, options: tuple[int, ...]) -> None:
    """A Huffman decoder reads zeros without a warning: all of 100 are noticed."""
    for seed in range(100):
        data = bytearray(encoded(scene(240, 320, seed), *options))
        at = random.Random(seed).randrange(700, len(data) - 1500)
        data[at : at + size] = bytes(size)
        with pytest.raises(SourceLost, match="damaged JPEG"):
            decode_jpeg(bytes(data))


@pytest.mark.parametrize("quality", [10, 50, 95, 100])
@pytest.mark.parametrize("level", [0, 8, 128, 255])
@pytest.mark.parametrize("option", ["OPTIMIZE", "PROGRESSIVE", "RST_INTERVAL"])
@pytest.mark.parametrize("gray", [True, False])
def test_a_flat_picture_has_no_hole(quality: int, level: int, option: str, gray: bool) -> None:
    """With tables of its own a flat picture is zeros for the most part."""
    pixels = np.full((240, 320) if gray else (240, 320, 3), level, np.uint8)
    data = encoded(pixels, cv2.IMWRITE_JPEG_QUALITY, quality, getattr(cv2, f"IMWRITE_JPEG_{option}"), 1)
    assert np.array_equal(decode_jpeg(data), by_opencv(data))


def test_zeros_outside_the_compressed_data_are_no_hole() -> None:
    data = encoded(scene())
    comment = b"\xff\xfe" + struct.pack(">H", 502) + bytes(500)
    assert np.array_equal(decode_jpeg(data[:2] + comment + data[2:] + bytes(500)), by_opencv(data))


def test_a_picture_that_claims_too_much_takes_no_memory() -> None:
    data = bytearray(encoded(scene()))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(SourceLost, match=r"65535x65535 pixels|damaged"):
        decode_jpeg(bytes(data))
    if simplejpeg() is not None:
        with pytest.raises(SourceLost, match="161x120 pixels; at most 10000"):
            decode_jpeg(encoded(scene()), max_pixels=10_000)


def test_without_simplejpeg_opencv_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_decoder, "simplejpeg", lambda: None)
    data = encoded(scene())
    assert np.array_equal(decode_jpeg(data), by_opencv(data))
    with pytest.raises(SourceLost, match="cut short"):
        decode_jpeg(data[:-2])


def _segments(data: bytes) -> list[tuple[int, bytes]]:
    """(marker, bytes) of each, the last one with all that follows."""
    parts, place = [(0xD8, data[:2])], 2
    while data[place + 1] != 0xDA:
        length = 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        parts.append((data[place + 1], data[place : place + length]))
        place += length
    return [*parts, (0xDA, data[place:])]
