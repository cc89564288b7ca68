"""JPEG to pixels, where a damaged picture is an error and not a picture with a grey or old lower half.

`simplejpeg` (libjpeg-turbo) reports what libjpeg calls recoverable: data that ends too early, codes that do not exist,
bytes left over. OpenCV and FFMPEG hide that and hand over whatever came out. Without simplejpeg, OpenCV decodes, and
only a picture that is cut short is noticed. The pixels are the same, bit for bit, in either way.

No decoder can notice damage that leaves valid codes behind: of 400 pictures in which one byte was overwritten, 53 %
decode without a warning; with 8 bytes overwritten 28 %, with 64 bytes 1 %, with 512 bytes none. Zeros are valid codes
for any decoder: 16 or more in a row are looked for here (see files/jpeg_hole.py), fewer are not noticed. A block of
another picture with the same header may pass as well: of 400 pictures with 1460 such bytes 16 % were delivered, visibly
wrong.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.capture.exif import orientation, upright
from edgemm.capture.files.jpeg import START, is_whole_jpeg
from edgemm.capture.files.jpeg_hole import has_hole
from edgemm.errors import SourceLost
from edgemm.log import LOG
from edgemm.opencv import opencv

MAX_PIXELS = 50_000_000
"""A picture that claims more is refused before memory is taken for it: 150 MB of B, G, R."""
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_FEW_BYTES = 8
"""Many webcams write a few bytes too many before the end marker of each picture, which is whole all the same."""
_HARMLESS = (
    "unknown JFIF revision",
    "Unknown Adobe color transform",
    "Invalid SOS parameters",
    "ICC profile",
)
"""Warnings about a header that does not change the pixels. They hide later ones, so that OpenCV decodes these."""


def decode_jpeg(
    data: bytes, *, keep_gray: bool = False, max_pixels: int = MAX_PIXELS
) -> npt.NDArray[np.uint8]:
    """Decodes one JPEG, turned upright as its Exif orientation asks.

    Args:
        data: the file; bytes behind its end marker are ignored.
        keep_gray: a picture without colour becomes uint8[height, width]; else it has three equal channels.
        max_pixels: width times height, as its header says, of the largest picture that is decoded.

    Returns:
        uint8[height, width, 3] in the order B, G, R. It belongs to the caller.

    Raises:
        SourceLost: it is no JPEG, damaged, cut short, or has more than `max_pixels`.
        MissingDependency: OpenCV is not installed, and simplejpeg is not, or cannot decode this kind (CMYK).
    """
    if data[:2] != START:
        raise SourceLost(
            f"not a JPEG: expected it to begin with FF D8, found {data[:2].hex(' ').upper() or 'nothing'}"
        )
    if has_hole(data):
        raise SourceLost("a damaged JPEG: zeros where compressed data should be")
    library = simplejpeg()
    if library is None:
        return _by_opencv(data, keep_gray)
    width, height, space = _header(library, data)
    if width * height > max_pixels:
        raise SourceLost(f"a picture of {width}x{height} pixels; at most {max_pixels} are decoded")
    if space in ("CMYK", "YCCK"):
        return _by_opencv(data, keep_gray)
    gray = keep_gray and space == "Gray"
    pixels = np.empty((height, width, 1 if gray else 3), np.uint8)
    try:
        library.decode_jpeg(data, "GRAY" if gray else "BGR", buffer=pixels)
    except ValueError as error:
        if any(each in str(error) for each in _HARMLESS):
            return _by_opencv(data, keep_gray)
        if not _has_few_bytes_too_many(str(error)):
            raise SourceLost(f"a damaged JPEG: {_words(error)}") from None
    return upright(pixels[:, :, 0] if gray else pixels, orientation(data))


def _header(library: Any, data: bytes) -> tuple[int, int, str]:
    """Width, height and colour space."""
    try:
        height, width, space, _ = library.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError) as error:  # KeyError: -1, where the header is cut short
        raise SourceLost(f"a damaged JPEG: {_words(error)}") from None
    if min(width, height) < 1:
        raise SourceLost("a damaged JPEG: its header is cut short")
    return width, height, space


@lru_cache(maxsize=1)
def simplejpeg() -> Any:
    """The `simplejpeg` module; None where it cannot be imported, which is logged once."""
    try:
        import simplejpeg
    except ImportError as error:
        LOG.info('damaged JPEGs are not noticed unless cut short: %s; pip install "edgemm[vision]"', error)
        return None
    return simplejpeg


def _has_few_bytes_too_many(warning: str) -> bool:
    """True for a warning that came at the very end, when all pixels were there."""
    left_over = _LEFT_OVER.search(warning)
    return left_over is not None and int(left_over[1]) <= _FEW_BYTES


def _by_opencv(data: bytes, keep_gray: bool) -> npt.NDArray[np.uint8]:
    """Decoded without a word on damage."""
    cv2 = opencv()
    if not is_whole_jpeg(data):
        raise SourceLost("a damaged JPEG: it is cut short")
    try:
        flags = cv2.IMREAD_ANYCOLOR if keep_gray else cv2.IMREAD_COLOR
        pixels: npt.NDArray[np.uint8] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise SourceLost(f"a damaged JPEG: {error}") from None
    if pixels is None:
        raise SourceLost("a damaged JPEG: OpenCV does not decode it")
    return pixels


def _words(error: Exception) -> str:
    return (
        "its header is cut short"
        if isinstance(error, KeyError)
        else str(error).removeprefix("Corrupt JPEG data: ")
    )
