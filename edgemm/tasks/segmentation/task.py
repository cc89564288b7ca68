"""The task "segmentation": from scores or class numbers to a class for each pixel of the source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import CardError
from edgemm.results import Segmentation
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.segmentation.form import Form, find_form
from edgemm.tasks.segmentation.nearest import nearest
from edgemm.tasks.segmentation.reader import MapReader
from edgemm.tasks.segmentation.recipe import SegmentationRecipe
from edgemm.tasks.segmentation.room import Room
from edgemm.tasks.segmentation.smooth import SmoothWarp
from edgemm.tensors import TensorSpec

_BYTE = 256


class SegmentationDecoder:
    """Class maps in the size of the source; see `edgemm.tasks.decoder.Decoder`.

    The state of a stream is memory that is used again for each picture; results do not depend on it.
    """

    def __init__(self, form: Form, recipe: SegmentationRecipe, labels: tuple[str, ...]) -> None:
        """
        Args:
            form: of the output.
            recipe: the card's, with the user's options.
            labels: of the classes; () where the card has none.

        Raises:
            CardError: labels, recipe and output do not fit.
        """
        self._form, self._labels, self._outside = form, _labels(form, labels), recipe.outside
        most = max(form.channels, len(self._labels), recipe.outside + 1)
        dtype: type[np.unsignedinteger[Any]] = np.uint8 if most <= _BYTE else np.uint16
        self._reader, self._dtype = MapReader(form, recipe, dtype, len(self._labels)), dtype
        self._keep = _kept(recipe.classes, self._labels, dtype)
        self._smooth = recipe.smooth
        if recipe.smooth and form.kind == "classes":
            raise CardError(
                f"segmentation.smooth: output {form.spec.name!r} holds class numbers, which cannot be interpolated. "
                "Set smooth to false, or convert the model without its final ArgMax"
            )

    def begin(self) -> Room:
        """Memory for one stream."""
        return Room()

    def decode(self, outputs: Outputs, context: Context, state: Room | None) -> Iterable[Segmentation]:
        """The classes of one picture, in a new array.

        Where the place of the picture is not known (`context.source_wh` is (0, 0)), in the size of the output.

        Raises:
            ArtifactError: the model gave another shape than its file says, NaN, or class numbers out of range.
        """
        room, stored = state or Room(), outputs.stored(self._form.spec.name)
        decode = self._decode_smooth if self._smooth and all(context.source_wh) else self._decode_nearest
        return (Segmentation(decode(stored, context, room), self._labels),)

    def end(self, context: Context, state: Room | None) -> Iterable[Segmentation]:
        """Nothing: every picture is complete."""
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Segmentation:
        """The classes of one picture."""
        (result,) = self.decode(windows[-1], context, None)
        return result

    def _decode_nearest(self, stored: npt.NDArray[Any], context: Context, room: Room) -> npt.NDArray[Any]:
        grid = self._reader(stored, room)
        if self._keep is not None:
            grid = self._keep[grid]
        grid = grid.astype(self._dtype, copy=False)
        if not all(context.source_wh):
            return grid.copy()
        bring = room.at(context, grid.shape, lambda: nearest(context, grid.shape, self._outside))
        brought: npt.NDArray[Any] = bring(grid, room)
        return brought

    def _decode_smooth(self, stored: npt.NDArray[Any], context: Context, room: Room) -> npt.NDArray[Any]:
        planes = self._reader.planes(stored, room)
        hw = planes.shape[1:]
        warp: SmoothWarp = room.at(context, hw, lambda: SmoothWarp.of(context, hw, self._outside))
        scores = (warp.scores(plane, room) for plane in planes)
        if self._form.kind == "binary":
            classes = self._reader.above_between(next(scores), room)
        else:
            classes = self._reader.highest(scores, room)
        if self._keep is not None:
            classes = self._keep[classes]
        return warp.close(classes.astype(self._dtype, copy=False))


class SegmentationTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "segmentation"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = SegmentationRecipe

    def open(
        self, card: Any, recipe: SegmentationRecipe, outputs: Sequence[TensorSpec]
    ) -> SegmentationDecoder:
        """What decodes this model.

        Raises:
            CardError: no output fits the recipe, or the labels fit neither.
        """
        form = find_form(recipe, len(card.labels), outputs)
        return SegmentationDecoder(form, recipe, tuple(card.labels))


def _labels(form: Form, labels: tuple[str, ...]) -> tuple[str, ...]:
    """One for each class; of binary scores the background's may be left out."""
    if form.kind == "binary" and len(labels) == 1:
        return ("background", *labels)
    count = 2 if form.kind == "binary" else form.channels
    if form.kind != "classes" and labels and len(labels) != count:
        raise CardError(
            f"output {form.spec.name!r}: expected one label for each of its {count} classes, found {len(labels)}. "
            "Correct the card's `labels`, or `kind` and `layout` in its section segmentation"
        )
    return labels


def _kept(
    classes: tuple[str, ...], labels: tuple[str, ...], dtype: type[np.unsignedinteger[Any]]
) -> npt.NDArray[Any] | None:
    """Class number -> itself where it is to be kept, else 0; None to keep all."""
    if not classes:
        return None
    unknown = [name for name in classes if name not in labels]
    if unknown:
        known = f"expected some of {', '.join(labels)}" if labels else "the card has no labels"
        raise CardError(f"segmentation.classes: {', '.join(unknown)} is no label of this model; {known}")
    table = np.zeros(int(np.iinfo(dtype).max) + 1, dtype)
    kept = [number for number, label in enumerate(labels) if label in classes]
    table[kept] = kept
    return table
