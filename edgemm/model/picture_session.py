"""Sessions of models that make a picture of each frame: at once or in tiles, of colours or of brightness alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import InputCard
from edgemm.errors import InputError
from edgemm.media import Captured, Color, Frame
from edgemm.model.item_sessions import ImageSession
from edgemm.model.quilt import Quilt
from edgemm.model.sessions import Engine
from edgemm.opencv import opencv
from edgemm.preprocess.image import checked_picture
from edgemm.preprocess.placement import MAX_PIXELS
from edgemm.preprocess.view import Region
from edgemm.results import Picture, Result
from edgemm.session import NO_CLOCK, Emission, StageClock
from edgemm.tasks.decoder import Decoder, MakesPictures

_GIVEN_UP = "the picture was given up before it was complete: cancel() was called"
Pixels = npt.NDArray[np.uint8]


class PictureSession(ImageSession):
    """Frames in, pictures out. Nothing but the picture is made anew for frames of one size and colour."""

    def __init__(self, engine: Engine, decoder: Decoder, card: InputCard, index: int) -> None:
        """
        Raises:
            CardError: tiles do not fit the sizes of the input and the output.
        """
        super().__init__(engine, decoder, card, index)
        assert isinstance(decoder, MakesPictures)
        self._makes: MakesPictures = decoder
        self._factor_xy = decoder.factor_xy(self._tensor_wh) if decoder.tiles else (1, 1)
        self._quilt: Quilt | None = None
        self._quilted: tuple[int, ...] = ()
        self._colors = _Colors()

    def feed(self, item: Captured, clock: StageClock) -> Iterable[Emission]:
        """The picture that is made of a frame; none where it was given up half-way.

        Raises:
            InputError: not a frame, or one whose picture would be too large.
        """
        if not isinstance(item, Frame):
            raise InputError(f"the model takes pictures: expected a Frame, found {type(item).__name__}")
        self._cancelled.renew()
        with self._runs.lock:
            made = self._made(item, clock)
            clock.stop()
        at_ns = item.captured_ns
        return () if made is None or self._cancelled else (Emission(made, at_ns, at_ns),)

    def whole(self, item: Captured) -> Picture:
        """The picture that is made of one frame alone; the state of a stream is not kept."""
        assert isinstance(item, Frame)
        self._runs.reset()
        self._cancelled.renew()
        with self._runs.lock:
            made = self._made(item, NO_CLOCK)
        if made is None:
            raise InputError(_GIVEN_UP)
        return made

    def look(self, frame: Frame, region: Region, clock: StageClock = NO_CLOCK) -> Result:
        """The picture that is made of a part of a frame; what lies beyond the frame is black.

        Where the model takes tiles, or brightness alone, the part is cut out in its own size first.

        Raises:
            InputError: the region is nowhere, or what is made of it would be too large.
        """
        if not (self._makes.tiles or self._makes.luma):
            return super().look(frame, region, clock)
        clock.start("preprocess")
        pixels = checked_picture(frame.pixels, frame.color)
        region.view((1, 1))  # raises where it is nowhere
        width, height = (max(1.0, side) for side in region.size_wh)
        if width * height > MAX_PIXELS:
            raise InputError(
                f"expected a region of at most {MAX_PIXELS} pixels, found {width:.0f}x{height:.0f}"
            )
        part = region.view((round(width), round(height))).sample(pixels)
        with self._runs.lock:
            self._cancelled.renew()
            made = self._made(_like(frame, part, frame.color), clock)
        clock.stop()
        if made is None:
            raise InputError(_GIVEN_UP)
        return made

    def _made(self, frame: Frame, clock: StageClock) -> Picture | None:
        """For which the lock is held; None where it was cancelled between two tiles."""
        clock.start("preprocess")
        if not self._makes.luma:
            return self._of(frame, clock)
        pixels = checked_picture(frame.pixels, frame.color)
        if frame.color == "gray":
            return self._of(_like(frame, pixels, "gray"), clock)
        brightness = self._colors.apart(pixels, frame.color)
        made = self._of(_like(frame, brightness, "gray"), clock)
        if made is None:
            return None
        clock.start("decode")
        return Picture(self._colors.together(made.pixels))

    def _of(self, frame: Frame, clock: StageClock) -> Picture | None:
        if self._makes.tiles:
            return self._tiled(frame, clock)
        outputs = self._run(frame, clock)
        (made,) = self._decoder.decode(outputs, self._context, self._state)
        assert isinstance(made, Picture)
        return made

    def _tiled(self, frame: Frame, clock: StageClock) -> Picture | None:
        pixels = checked_picture(frame.pixels, frame.color)
        quilt = self._quilt
        if quilt is None or self._quilted != pixels.shape:
            self._quilt = None  # its memory is free before there is another
            quilt = self._quilt = self._cut(pixels.shape)
            self._quilted = pixels.shape
        result = np.empty(quilt.shape, np.uint8)
        buffer = self._runs.backend.input_buffer
        for tile in quilt.sew(pixels, result):
            if self._cancelled:
                return None
            clock.start("preprocess")
            self._prepare(tile, frame.color, buffer(self._index))
            self._makes.pixels(self._runs.run(clock), quilt.made, self._state)
        return Picture(result)

    def _cut(self, shape: tuple[int, ...]) -> Quilt:
        """For pictures of this shape.

        Raises:
            InputError: what is made of one is too large.
        """
        makes, (x, y) = self._makes, self._factor_xy
        height, width = shape[0] * y, shape[1] * x
        if height * width > MAX_PIXELS:
            raise InputError(
                f"a picture of {shape[1]}x{shape[0]} would become one of {width}x{height}: expected at most "
                f"{MAX_PIXELS} pixels. Cut it before"
            )
        return Quilt(shape, self._tensor_wh, (x, y), makes.margin, makes.blend, makes.channels)


class _Colors:
    """Takes brightness and colours of a frame apart, and puts other brightness to the same colours: YCbCr as JPEG has
    it (BT.601, full range). Memory for frames of the last size."""

    def __init__(self) -> None:
        self._cv = opencv()
        self._whole = self._merged = np.empty((0, 0, 3), np.uint8)
        self._planes: list[Pixels] = []
        self._resized: list[Pixels] = []

    def apart(self, pixels: Pixels, color: Color) -> Pixels:
        """uint8[height, width]: the brightness; valid until the next call."""
        if self._whole.shape != pixels.shape:
            self._whole = np.empty(pixels.shape, np.uint8)
            self._planes = [np.empty(pixels.shape[:2], np.uint8) for _ in range(3)]
        code = self._cv.COLOR_RGB2YCrCb if color == "rgb" else self._cv.COLOR_BGR2YCrCb
        self._cv.split(self._cv.cvtColor(pixels, code, dst=self._whole), self._planes)
        return self._planes[0]

    def together(self, brightness: Pixels) -> Pixels:
        """uint8[height, width, 3] RGB, a new array: this brightness, and the colours that were taken apart last,
        resized bicubically to its size."""
        shape = brightness.shape
        if self._merged.shape[:2] != shape:
            self._merged = np.empty((*shape, 3), np.uint8)
            self._resized = [np.empty(shape, np.uint8) for _ in range(2)]
        for plane, room in zip(self._planes[1:], self._resized, strict=True):
            self._cv.resize(plane, shape[::-1], dst=room, interpolation=self._cv.INTER_CUBIC)
        self._cv.merge([brightness, *self._resized], dst=self._merged)
        made: Pixels = self._cv.cvtColor(self._merged, self._cv.COLOR_YCrCb2RGB)
        return made


def _like(frame: Frame, pixels: Pixels, color: Color) -> Frame:
    return Frame(pixels, frame.captured_ns, frame.sequence, color, frame.origin)
