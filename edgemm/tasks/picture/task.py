"""The task "picture": from an output to the picture that it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from edgemm.errors import CardError
from edgemm.tasks.picture.form import find_form
from edgemm.tasks.picture.recipe import PictureRecipe

if TYPE_CHECKING:
    from edgemm.results import Picture
    from edgemm.tasks.context import Context
    from edgemm.tasks.outputs import Outputs
    from edgemm.tasks.picture.form import Form
    from edgemm.tasks.picture.pixels import PixelReader, Pixels
    from edgemm.tensors import TensorSpec


class PictureDecoder:
    """Pictures out of one run; see `edgemm.tasks.decoder.Decoder` and `MakesPictures`.

    Of brightness alone ("luma") a grey picture: colours are put to it by the session, which has the source.
    """

    def __init__(self, form: Form, recipe: PictureRecipe) -> None:
        self._form, self._recipe = form, recipe
        self.luma, self.tiles = recipe.color == "luma", recipe.tiles
        self.margin, self.blend = recipe.margin, recipe.blend
        self.channels = form.channels

    def begin(self) -> PixelReader:
        """Memory for one stream."""
        from edgemm.tasks.picture.pixels import PixelReader

        return PixelReader(self._form, self._recipe)

    def pixels(self, outputs: Outputs, out: Pixels, state: PixelReader) -> None:
        """The whole output as pixels; see `PixelReader.read`."""
        state.read(outputs, out)

    def factor_xy(self, tensor_wh: tuple[int, int]) -> tuple[int, int]:
        """See `MakesPictures.factor_xy`."""
        least = 2 * self.margin + 2 * self.blend + 1
        if min(tensor_wh) < least:
            raise CardError(
                f"picture.margin: tiles of {tensor_wh[0]}x{tensor_wh[1]} pixels are too small for a margin of "
                f"{self.margin} and blend {self.blend}: expected sides of {least} or more. Make `margin` or "
                "`blend` smaller"
            )
        (width, height), made_wh = tensor_wh, self._form.size_wh
        x, y = made_wh[0] // width, made_wh[1] // height
        if min(x, y) < 1 or (x * width, y * height) != made_wh:
            sizes = "x".join("open" if side < 0 else str(side) for side in made_wh)
            raise CardError(
                f"picture.tiles: expected an output as large as the input of {width}x{height} pixels, or larger by "
                f"whole factors, found {sizes}. Say tiles false, or convert the model with fixed sizes"
            )
        return x, y

    def decode(self, outputs: Outputs, context: Context, state: PixelReader | None) -> Iterable[Picture]:
        """The picture of one run, in a new array: the part of it that shows the source.

        Raises:
            ArtifactError: the model gave another shape than its file says, or NaN or infinity.
        """
        from edgemm.results.picture import Picture

        reader = state or self.begin()
        width, height = reader.size_wh(outputs)
        whole = np.empty((height, width) if self._form.channels == 1 else (height, width, 3), np.uint8)
        reader.read(outputs, whole)
        return (Picture(self._brought(whole, context)),)

    def end(self, context: Context, state: PixelReader | None) -> Iterable[Picture]:
        """Nothing: every picture is complete."""
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Picture:
        """The picture of one run."""
        (result,) = self.decode(windows[-1], context, None)
        return result

    def _brought(self, whole: Pixels, context: Context) -> Pixels:
        """Without what does not show the source; in the source's size where that is asked for."""
        seen = _seen(context)
        if seen is None:
            return whole
        left, top, right, bottom = seen
        x, y = (made / taken for made, taken in zip(whole.shape[1::-1], context.tensor_wh, strict=True))
        columns, rows = _span(left * x, right * x, whole.shape[1]), _span(top * y, bottom * y, whole.shape[0])
        part = whole[rows, columns]
        if self._recipe.size == "output":
            return part if part.shape == whole.shape else part.copy()
        across, down = context.to_source[0, 0], context.to_source[1, 1]
        size = max(1, round((right - left) * across)), max(1, round((bottom - top) * down))
        if size == part.shape[1::-1]:
            return part.copy()
        from edgemm.opencv import opencv

        cv = opencv()
        shrinks = size[0] * size[1] < part.shape[0] * part.shape[1]
        resized: Pixels = cv.resize(part, size, interpolation=cv.INTER_AREA if shrinks else cv.INTER_CUBIC)
        return resized


class PictureTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "picture"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = PictureRecipe

    def open(self, card: Any, recipe: PictureRecipe, outputs: Sequence[TensorSpec]) -> PictureDecoder:
        """What decodes this model.

        Raises:
            CardError: no output fits the recipe, or the recipe not the card's input.
        """
        pictures = [each for each in card.inputs if each.image is not None]
        if recipe.color == "luma" and any(each.image.color != "gray" for each in pictures):
            raise CardError(
                'picture.color: "luma" goes with an input of color "gray", which gets the brightness. '
                "Correct `color` of the input's `image`, or of the picture"
            )
        if recipe.color == "luma" and any(each.image.resize == "center-crop" for each in pictures):
            raise CardError(
                'picture.color: "luma" needs the whole picture. Say another `resize` than "center-crop" in the input'
            )
        if recipe.tiles and any(each.image.resize != "none" for each in pictures):
            raise CardError(
                'picture.tiles: a picture in tiles is not resized. Say "resize": "none" in the input\'s `image`'
            )
        if (recipe.color == "luma" or recipe.tiles) and not pictures:
            name = "tiles" if recipe.tiles else "color"
            raise CardError(f"picture.{name}: expected an input that is a picture, found none in the card")
        decoder = PictureDecoder(find_form(recipe, outputs), recipe)
        for each in pictures if recipe.tiles else ():
            if len(each.shape) == 4:  # else it is not known yet, and said by the session
                height, width = each.shape[1:3] if each.layout == "NHWC" else each.shape[2:]
                decoder.factor_xy((width, height))
        return decoder


def _seen(context: Context) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom of the source in pixels of the tensor; None where its place is not known, or it is
    turned."""
    across, turned, left, turned_too, down, top = context.to_source.ravel().tolist()
    if (
        not all(context.source_wh)
        or not all(context.tensor_wh)
        or turned
        or turned_too
        or min(across, down) <= 0
    ):
        return None
    (width, height), (tensor_width, tensor_height) = context.source_wh, context.tensor_wh
    return (
        max(0.0, -left / across),
        max(0.0, -top / down),
        min(float(tensor_width), (width - left) / across),
        min(float(tensor_height), (height - top) / down),
    )


def _span(begin: float, end: float, size: int) -> slice:
    """Whole pixels, at least one."""
    first = min(max(round(begin), 0), size - 1)
    return slice(first, max(first + 1, min(round(end), size)))
