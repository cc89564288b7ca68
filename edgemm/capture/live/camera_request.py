"""What a source's name asks of a camera: picture size, rate, format."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgemm.capture.uri import SourceUri
from edgemm.errors import InputError


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What is asked of a camera; the driver may give something else."""

    size_wh: tuple[int, int] | None = None
    fps: float | None = None
    fourcc: str = ""
    """Four letters: MJPG, YUYV ..."""


def request_of(named: SourceUri) -> CameraRequest:
    """From the options `size`, `fps` and `fourcc`.

    Raises:
        InputError: one of them is out of range.
    """
    size, fourcc = named.options.get("size", ""), named.options.get("fourcc", "")
    parts = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", size.lower())
    if size and not parts:
        raise InputError(
            f"size={named.shown('size')} in {named.text!r}: expected width x height in pixels, such as 1280x720"
        )
    if fourcc and not re.fullmatch(r"[A-Za-z0-9 ]{4}", fourcc):
        shown = named.shown("fourcc")
        raise InputError(f"fourcc={shown} in {named.text!r}: expected four letters, such as MJPG or YUYV")
    size_wh = (int(parts[1]), int(parts[2])) if parts else None
    return CameraRequest(size_wh, named.fps, fourcc)
