"""Width and height before decoding; the truth is what OpenCV decodes."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import needs

from edgemm.capture import open_source
from edgemm.capture.files.picture_size import picture_size
from edgemm.capture.files.pictures import MAX_PIXELS, read_picture
from edgemm.errors import InputError, SourceLost
from edgemm.opencv import opencv

cv2 = needs(opencv)
pytestmark = pytest.mark.device

NOISE = np.random.default_rng(0).integers(0, 255, (71, 97, 3), np.uint8)
KINDS = {
    ".png": [], ".jpg": [], ".bmp": [], ".webp": [], ".tif": [], ".ppm": [], ".jp2": [],
    "-lossy.webp": [cv2.IMWRITE_WEBP_QUALITY, 50],
    "-progressive.jpg": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
    "-ascii.ppm": [cv2.IMWRITE_PXM_BINARY, 0],
}  # fmt: skip
"""End of the name -> how it is written."""


def encoded(kind: str, pixels: np.ndarray) -> bytes:
    suffix = "." + kind.rpartition(".")[2]
    try:
        done, stored = cv2.imencode(suffix, pixels, KINDS.get(kind, []))
    except cv2.error as error:
        pytest.skip(f"OpenCV {cv2.__version__} does not write it: {error.err}")
    if not done:
        pytest.skip("OpenCV does not write this form")
    return bytes(stored.tobytes())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["colour", "gray", "alpha", "16 bits"])
def test_the_size_is_that_of_the_decoded_picture(kind: str, form: str) -> None:
    pixels = {
        "colour": NOISE, "gray": NOISE[..., 0], "alpha": np.dstack([NOISE, NOISE[..., 0]]),
        "16 bits": NOISE.astype(np.uint16) * 257,
    }[form]  # fmt: skip
    stored = encoded(kind, pixels)
    height, width = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_ANYCOLOR).shape[:2]
    assert picture_size(stored) == (width, height) == (97, 71)


def tiff(order: str, entries: list[tuple[int, int, int]], *, big: bool = False) -> bytes:
    """A header and one directory of (tag, type, value)."""
    mark = b"II" if order == "<" else b"MM"
    body = b""
    for tag, kind, value in entries:
        form = {3: "H", 4: "I", 9: "i", 16: "Q"}[kind]
        room = struct.pack(order + form, value).ljust(8 if big else 4, b"\0")
        body += struct.pack(f"{order}HH{'Q' if big else 'I'}", tag, kind, 1) + room
    if big:
        return mark + struct.pack(f"{order}HHHQQ", 43, 8, 0, 16, len(entries)) + body
    return mark + struct.pack(f"{order}HIH", 42, 8, len(entries)) + body


@pytest.mark.parametrize(
    ("stored", "size"),
    [
        (tiff("<", [(256, 3, 7), (257, 4, 9)]), (7, 9)),
        (tiff(">", [(256, 3, 7), (257, 4, 9)]), (7, 9)),
        (tiff("<", [(256, 16, 7), (257, 4, 9)], big=True), (7, 9)),
        (tiff(">", [(256, 16, 7), (257, 4, 9)], big=True), (7, 9)),
        (tiff("<", [(256, 4, 7), (257, 4, 9), (322, 4, 30_000), (323, 4, 20_000)]), (30_000, 20_000)),
        (tiff("<", [(256, 4, 7), (257, 4, 9), (256, 4, 70_000)]), (70_000, 9)),
        (tiff("<", [(256, 4, 7), (257, 4, 9), (256, 9, 70_000)]), (70_000, 9)),
        (b"\xff\xd8\xff\0\xff\xc0\0\x11\x08\0\x05\0\x07", None),
        (b"P6 # a\r 3000 2000 255\n 5 5 255\n", (3000, 2000)),
        (b"P5\n# by hand\n 12\t# wide\n34 255\n", (12, 34)),
        (b"BM" + b"\0" * 12 + struct.pack("<IHH", 12, 3, 5), (3, 5)),
        (b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, 3, -5), (3, 5)),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x63\0\0\xc7\0\0", (100, 200)),
        (b"\xff\xd8\xff\xff\xff\xe0\0\x04ab\xff\xc2\0\x11\x08\0\x05\0\x07", (7, 5)),
        (b"\xff\xd8\xff\xc4\0\x04\1\2\xff\xc0\0\x11\x08\0\x05\0\x07", (7, 5)),
        (b"\xff\x4f\xff\x51\0\x29\0\0" + struct.pack(">II", 640, 480), (640, 480)),
        (b"GIF89a\x05\0\x05\0", None),
        (b"", None),
        (b"\xff\xd8\xff", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\0free", None),
    ],
)
def test_headers_by_hand(stored: bytes, size: tuple[int, int] | None) -> None:
    assert picture_size(stored) == size


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 400), st.binary(max_size=12))
def test_damaged_headers_give_a_size_or_none(kind: str, place: int, damage: bytes) -> None:
    whole = encoded(kind, NOISE)
    stored = whole[:place] + damage + whole[place + len(damage) :]
    found = picture_size(stored)
    assert found is None or len(found) == 2
    picture_size(whole[:place])


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 80), st.binary(min_size=1, max_size=4))
def test_no_damage_makes_a_picture_larger_than_was_said(kind: str, place: int, damage: bytes) -> None:
    """What is said to be small is decoded here, and is no larger."""
    whole = encoded(kind, NOISE)
    stored = whole[:place] + damage + whole[place + len(damage) :]
    said = picture_size(stored)
    if said is None or said[0] * said[1] > 1_000_000:
        return
    try:
        pixels = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_ANYCOLOR)
    except cv2.error:
        return
    if pixels is not None:
        assert pixels.shape[0] * pixels.shape[1] <= said[0] * said[1]


def bomb(width: int, height: int) -> bytes:
    """A PNG file of zeros, a thousandth of its picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packed = zlib.compressobj(9)
    rows = b"".join(packed.compress(b"\0" * (1 + 3 * width)) for _ in range(height)) + packed.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_small_file_with_a_large_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """Seen by the kernel: the most memory that the process ever had."""
    (tmp_path / "a.png").write_bytes(bomb(13_000, 13_000))
    assert (tmp_path / "a.png").stat().st_size < 600_000
    code = (
        "import resource, sys; from edgemm.capture import open_source; from edgemm.opencv import opencv\n"
        "opencv(); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: open_source(sys.argv[1]).read()\n"
        "except Exception as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.png")], capture_output=True, text=True, check=True
    )
    said, grown_kb = done.stdout.splitlines()
    assert "13000x13000 pixels, which take 507 MB; at most 50000000" in said
    assert "?max_pixels=169000000" in said
    assert int(grown_kb) < 20_000


def test_the_limit_is_an_option_and_exact(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), NOISE)
    assert read_picture(str(tmp_path / "a.png"), 97 * 71)[0].shape == (71, 97, 3)
    with open_source(f"{tmp_path / 'a.png'}?max_pixels={97 * 71}") as source:
        assert source.read() is not None
    with (
        open_source(f"{tmp_path / 'a.png'}?max_pixels={97 * 71 - 1}") as source,
        pytest.raises(SourceLost, match="97x71 pixels"),
    ):
        source.read()
    assert MAX_PIXELS == 50_000_000


@pytest.mark.parametrize("value", ["0", "many", "1e12"])
def test_a_limit_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), NOISE)
    with pytest.raises(InputError, match=r"max_pixels=.*expected a number from 1 to"):
        open_source(f"{tmp_path / 'a.png'}?max_pixels={value}")


def test_one_large_picture_in_a_folder_is_counted_and_the_others_come(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(bomb(8000, 8000))
    cv2.imwrite(str(tmp_path / "1.png"), NOISE)
    with open_source(tmp_path) as source:
        assert source.read() is not None
        assert source.lost == {"unreadable": 1}  # type: ignore[attr-defined]


def test_the_first_page_of_many_is_what_it_was(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "a.tif"), [NOISE, NOISE[:5]])
    pixels, _ = read_picture(str(tmp_path / "a.tif"))
    assert np.array_equal(pixels, NOISE)
