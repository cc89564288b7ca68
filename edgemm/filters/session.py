"""Filters on one picture, and on a stream of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from edgemm.errors import InputError
from edgemm.filters.kernel import Kernel
from edgemm.media import Captured, Frame
from edgemm.opencv import opencv
from edgemm.results import Picture
from edgemm.session import Cancellation, Emission, Gap, StageClock


def filtered(frame: Frame, kernels: Sequence[tuple[str, Kernel]], clock: StageClock) -> Frame:
    """The frame after the filters; its pixels are the last kernel's memory.

    Raises:
        InputError: no picture, or one without a pixel.
    """
    pixels, color = frame.pixels, frame.color
    _require_picture(pixels, color)
    for name, kernel in kernels:
        clock.start(name)
        pixels, color = kernel(pixels, color)
    clock.stop()
    return replace(frame, pixels=pixels, color=color)


def as_picture(frame: Frame) -> Picture:
    """In memory of its own, in RGB or grey."""
    if frame.color == "bgr":
        cv = opencv()
        return Picture(cv.cvtColor(frame.pixels, cv.COLOR_BGR2RGB))
    return Picture(frame.pixels.copy())


def _require_picture(pixels: Any, color: str) -> None:
    shape = getattr(pixels, "shape", ())
    wanted = (3, 3) if color != "gray" else (2,)
    fits = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.size > 0
    if not (fits and (len(shape), *shape[2:]) == wanted):
        expected = "uint8[height, width]" if color == "gray" else f"uint8[height, width, 3] {color.upper()}"
        found = f"{pixels.dtype}{list(shape)}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise InputError(f"filters take pictures: expected {expected} of at least one pixel, found {found}")


class FilterSession:
    """One stream of filtered pictures. See `edgemm.session.Session`."""

    modality: Literal["image", "audio", "text"] = "image"

    def __init__(self, kernels: Sequence[tuple[str, Kernel]]) -> None:
        self._kernels = kernels
        self._cancelled = Cancellation()

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """The filtered picture.

        Raises:
            InputError: no frame.
        """
        if not isinstance(item, Frame):
            raise InputError(f"filters take pictures: expected a Frame, found {type(item).__name__}")
        self._cancelled.renew()
        frame = filtered(item, self._kernels, clock)
        if not self._cancelled:
            yield Emission(as_picture(frame), item.captured_ns, item.captured_ns)

    def gap(self, gap: Gap, clock: StageClock) -> Iterator[Emission]:
        """Nothing is still to be said."""
        return iter(())

    def finish(self, clock: StageClock) -> Iterator[Emission]:
        """Nothing is still to be said."""
        return iter(())

    def cancel(self) -> None:
        """The picture under way is not given. From any thread."""
        self._cancelled.cancel()

    def reset(self) -> None:
        """Nothing: filters remember nothing."""

    def close(self) -> None:
        """Nothing: filters hold nothing."""
