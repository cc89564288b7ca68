"""What a card says about a model that makes pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.errors import CardError
from edgemm.frozen import dataclass, field


@dataclass(frozen=True, slots=True)
class PictureRecipe:
    """How an output becomes a picture: `number * scale + offset`, rounded and cut to 0..255, is a pixel."""

    output: str = ""
    """Name of the output with the picture; "" for the first that has as many channels as `color`."""
    color: Literal["rgb", "bgr", "gray", "luma"] = "rgb"
    """What its channels are. gray: one, and the result is grey. luma: one, the brightness (Y of YCbCr, BT.601, 0..255)
    of a picture whose colours the model does not see: the input's `color` is gray, it gets the brightness, and Cb and
    Cr of the source are resized bicubically to the output's size. A grey source gives a grey result."""
    layout: Literal["auto", "NHWC", "NCHW"] = "auto"
    """Order of the axes. auto: the axis that has as many channels as `color`; where both have, the first."""
    scale: tuple[float, ...] = (255.0,)
    """Multiplies the output's numbers: one number, or one for each channel in the order of `color`; not 0."""
    offset: tuple[float, ...] = (0.0,)
    """Added then: one number, or one for each channel. scale and offset 127.5 for outputs in -1..1."""
    size: Literal["output", "source"] = "output"
    """Of the result where the picture was resized to the input. output: as the model gives it, without the border of a
    letterbox. source: what the model saw is brought to the size that it has in the source, which undoes a stretch."""
    tiles: bool = False
    """A picture is not resized: it is cut into tiles of the input's size, whose outputs are put together. Pictures may
    have any size; beyond their edges they are mirrored. Needs resize "none", and an output that is larger than the
    input by whole factors. For models that look at what is near alone: not where they compare with the whole picture,
    as instance normalisation does."""
    margin: int = 16
    """Pixels of the input along each side of a tile whose output is left out: at least as far as the model looks (the
    radius of its receptive field), or borders of tiles are seen. Where it has strides, a multiple of them, and so the
    tile's size less two margins and `blend`."""
    blend: int = 0
    """Pixels of the input over which two tiles go over into each other, within the margins: for models that look
    farther than a margin."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "margin": (0, 1 << 12),
        "blend": (0, 1 << 12),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = ("margin", "blend")

    @property
    def channels(self) -> int:
        """Of the output."""
        return 3 if self.color in ("rgb", "bgr") else 1

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: one is broken.
        """
        for name in ("scale", "offset"):
            numbers = getattr(self, name)
            if len(numbers) not in (1, self.channels):
                wanted = "1 number" if self.channels == 1 else "1 number or 3, one for each channel"
                raise CardError(f"{name}: expected {wanted}, found {len(numbers)}")
            if not all(math.isfinite(each) for each in numbers) or (name == "scale" and 0 in numbers):
                raise CardError(
                    f"{name}: expected finite numbers{', not 0' * (name == 'scale')}, found {list(numbers)}"
                )
        if self.tiles and self.size == "source":
            raise CardError('size: expected "output" with tiles: nothing is resized that could be undone')
