"""Truths as pictures: a PNG for each picture whose pixels are class numbers, grey or with a palette."""

from __future__ import annotations

import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge import TrueClasses
from edgemm.judge.data.labelled import Labelled, LabelledData, Truth
from edgemm.judge.data.names import names_beside
from edgemm.judge.data.pictures import pictures_in, read_bounded
from edgemm.log import LOG

MAX_BYTES = 64 << 20
MAX_PIXELS = 1 << 26
FOLDERS = (("images", "masks"), ("JPEGImages", "SegmentationClass"), ("images", "annotations"))
"""Folders of pictures and of masks."""
VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""Of the class numbers in PASCAL VOC's masks."""
_MAGIC = b"\x89PNG\r\n\x1a\n"
_GREY, _PALETTE = 0, 3


def is_masks(folder: Path) -> bool:
    """It has a folder of pictures and one of masks, with a PNG in it."""
    return any(
        (folder / images).is_dir() and (folder / masks).is_dir() and any((folder / masks).rglob("*.png"))
        for images, masks in FOLDERS
    )


def read_masks(folder: Path) -> LabelledData:
    """The pictures that have a mask of their name, ending in .png.

    255 is a pixel that counts neither way. Names come from a data.yaml or a list beside the folders; those of PASCAL
    VOC are known.

    Raises:
        InputError: there is none.
    """
    images, masks = next(
        (folder / a, folder / b) for a, b in FOLDERS if (folder / a).is_dir() and (folder / b).is_dir()
    )
    pairs = [(each, (masks / each.relative_to(images)).with_suffix(".png")) for each in pictures_in(images)]
    samples = tuple(Labelled(picture, partial(_truth, mask)) for picture, mask in pairs if mask.is_file())
    if not samples:
        raise InputError(
            f"{masks}: expected a mask named as its picture, such as {pairs[0][1].name}, found none"
        )
    if len(samples) < len(pairs):
        LOG.warning(
            "%s: %d of %d pictures have no mask: they are left out",
            masks,
            len(pairs) - len(samples),
            len(pairs),
        )
    names = names_beside(folder) or (VOC_NAMES if masks.name == "SegmentationClass" else ())
    return LabelledData(samples, names, str(folder))


def _truth(file: Path, source_wh: tuple[int, int]) -> Truth:
    classes = read_mask(file)
    if classes.shape != source_wh[::-1]:
        raise InputError(
            f"{file}: expected a mask of {source_wh[0]}x{source_wh[1]} pixels, as its picture, found "
            f"{classes.shape[1]}x{classes.shape[0]}"
        )
    return TrueClasses(classes)


def read_mask(file: Path) -> npt.NDArray[Any]:
    """uint8 or uint16 [height, width]: the numbers that the PNG stores, grey or places in its palette.

    Raises:
        InputError: it is no PNG, damaged, or stores colours.
    """
    from edgemm.opencv import opencv

    content = read_bounded(file, MAX_BYTES, "a mask")
    png, bits = _as_grey(file, content)
    cv2 = opencv()
    found = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.ndim != 2:
        raise InputError(f"{file}: not readable as a PNG. Is it damaged?")
    # a decoder spreads 1, 2 and 4 bits over 0 to 255
    return np.asarray(found // (255 // ((1 << bits) - 1)) if bits < 8 else found)


def _as_grey(file: Path, content: bytes) -> tuple[bytes, int]:
    """The PNG with its palette taken away, so that a decoder gives places in it and not colours; bits of a pixel."""
    if content[:8] != _MAGIC or content[12:16] != b"IHDR" or len(content) < 33:
        raise InputError(f"{file}: expected a mask as a PNG, found another kind of file")
    width, height, bits, kind = struct.unpack(">IIBB", content[16:26])
    if not 0 < width * height <= MAX_PIXELS:
        raise InputError(f"{file}: expected at most {MAX_PIXELS} pixels, found {width}x{height}")
    if kind not in (_GREY, _PALETTE):
        raise InputError(
            f"{file}: expected class numbers (grey, or places in a palette), found colours. Write the mask as a PNG "
            "with one number for each pixel"
        )
    header = content[16:25] + bytes([_GREY]) + content[26:29]
    return b"".join([_MAGIC, _chunk(b"IHDR", header), *_pixels(file, content)]), bits


def _pixels(file: Path, content: bytes) -> list[bytes]:
    """The chunks with pixels and the one that ends the file, each whole: a decoder may give half a picture."""
    parts, at = list[bytes](), 33
    while at + 12 <= len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        name, whole = content[at + 4 : at + 8], content[at : at + 12 + size]
        if name in (b"IDAT", b"IEND"):
            if len(whole) != 12 + size or whole != _chunk(name, whole[8 : 8 + size]):
                break
            parts.append(whole)
        if name == b"IEND":
            return parts
        at += 12 + size
    raise InputError(f"{file}: not readable as a PNG: damaged, or cut short at byte {at}")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
