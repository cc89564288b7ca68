"""Detection: from a detector's outputs to boxes in pixels of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import CardError
from edgemm.results import Detections
from edgemm.tasks.context import Context
from edgemm.tasks.detection.anchors import AnchorsHead
from edgemm.tasks.detection.distances import DistancesHead
from edgemm.tasks.detection.end_to_end import EndToEndHead
from edgemm.tasks.detection.few import in_source, kept_of_few, most_of_few, plain, rows_of_few
from edgemm.tasks.detection.grid import GridHead
from edgemm.tasks.detection.head import Floats, Found, Head, Integers
from edgemm.tasks.detection.labels import FOUND_OBJECTS, Labels
from edgemm.tasks.detection.nms import suppress, weighted
from edgemm.tasks.detection.postprocess import PostprocessHead
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.rows import RowsHead
from edgemm.tasks.doubt import SLACK, Doubt
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.way_back import WaysBack
from edgemm.tensors import TensorSpec

Size = tuple[int, int]
_SURE = 1 + SLACK
_LOGITS = '"activation": "sigmoid" (or "softmax")'
_FAR = 1e9
"""Pixels: no frame is so large. NaN is not below it either."""
_TINY_PX = 1.5
"""No detector looks for things so small: boxes of 0..1 that are read as pixels are."""
_LARGE = 16
"""Times the input's size: pixels that are read as 0..1 lie there."""


class DetectionTask:
    """Boxes, classes, scores, and key points where the model gives any. See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "detection"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[DetectionRecipe]] = DetectionRecipe

    def open(self, card: Any, recipe: DetectionRecipe, outputs: Sequence[TensorSpec]) -> DetectionDecoder:
        """What decodes this model.

        Args:
            card: with `labels`, and `inputs` where head, grid or anchors need the input's size.
            recipe: the card's section.
            outputs: of the file, in its order.

        Raises:
            CardError: card, recipe and outputs do not fit.
        """
        recipe.check()
        return DetectionDecoder(tuple(card.labels), recipe, tuple(outputs), _input_wh(card, recipe))


class DetectionDecoder:
    """Decodes the outputs of one model. Keeps nothing of a stream. See `edgemm.tasks.decoder.Decoder`.

    Scores are compared as they are stored; only what reaches the threshold is dequantized and decoded. NaN among the
    scores is an error; a box that is NaN or infinite, or has such a key point, has no area, or
    lies outside the frame is left out. Boxes are cut
    at the frame's edges, key points are not.
    """

    def __init__(
        self, labels: tuple[str, ...], recipe: DetectionRecipe, specs: tuple[TensorSpec, ...], wh: Size | None
    ) -> None:
        self._names, self._recipe, self._specs, self._wh = labels, recipe, specs, wh
        self.key_points = recipe.points
        """See `edgemm.tasks.decoder.TellsItsPoints`."""
        self._most = max(recipe.max_candidates, recipe.max_detections)
        self._few = most_of_few(recipe)
        self._ways, self._doubt, self._unseen = WaysBack(), Doubt(), True
        self._nothing = Detections(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros(0, np.int64),
            (),
            np.zeros((0, recipe.points, 2), np.float32),
        )
        self._opened: tuple[Head, Labels] | None = None
        if recipe.head in FOUND_OBJECTS or all(spec.shape and min(spec.shape) > 0 for spec in specs):
            self._opened = self._open(specs)

    def _open(self, specs: Sequence[TensorSpec]) -> tuple[Head, Labels]:
        recipe = self._recipe
        classes = len(self._names) - recipe.label_offset if self._names else 0
        if self._names and classes < 1:
            raise CardError(
                f"label_offset: expected less than the number of labels, {len(self._names)}, "
                f"found {recipe.label_offset}"
            )
        head = _HEADS[recipe.head](recipe, specs, classes, self._wh)
        return head, Labels(self._names, recipe)

    def _parts(self, outputs: Outputs) -> tuple[Head, Labels]:
        """Of this run: sizes that the file leaves open are known now."""
        if self._opened is not None:
            return self._opened
        shaped = [replace(spec, shape=outputs.stored(spec.name).shape) for spec in self._specs]
        return self._open(shaped)

    def begin(self) -> None:
        """Nothing is kept from frame to frame."""

    def decode(self, outputs: Outputs, context: Context, state: Any) -> Iterable[Detections]:
        """The objects of one frame, best first; none is an empty result.

        Raises:
            ArtifactError: NaN among the scores.
            CardError: outputs whose size the file leaves open do not fit the recipe.
        """
        return (self._frame(outputs, context),)

    def end(self, context: Context, state: Any) -> Iterable[Detections]:
        """Nothing is left to be said."""
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Detections:
        """The objects of a picture: of the first window, and a picture has no other."""
        return self._frame(windows[0], context)

    def _frame(self, outputs: Outputs, context: Context) -> Detections:
        with np.errstate(over="ignore", invalid="ignore"):  # boxes far outside, which are left out
            head, labels = self._opened or self._parts(outputs)
            found = head.search(outputs)
            wanted = labels.wanted(found.numbers)
            if wanted is not None:
                found = found.only(wanted)
            count = len(found.candidates)
            if not count:
                return self._nothing
            if count <= self._few and not self._unseen:
                result = self._of_few(head, labels, outputs, context, found)
                if result is not None:
                    return result
            found = _best(found, self._most)
            way = self._ways.of(context)
            rows = head.places(outputs, found.candidates, self._size(context))
            if found.scores[0] > _SURE:
                self._doubt.probabilities(0, float(found.scores[0]), "scores of the detector", _LOGITS)
            if self._unseen:
                self._look_at_unit(rows, context)
            placed = way.rows(rows)
            shown = way.clipped(placed)
            seen = None if way.upright and _all_seen(placed, shown) else _seen(rows, placed, shown)
            if seen is not None and len(seen) < len(rows):
                found, rows, placed, shown = found.only(seen), rows[seen], placed[seen], shown[seen]
            mean, kept = self._suppress(head, found, rows)
            if mean is not None:
                placed = way.rows(mean)
                shown = way.clipped(placed)
            elif kept is not None:
                placed, shown = placed[kept], shown[kept]
            return self._result(found if kept is None else found.only(kept), placed, shown, labels)

    def _of_few(
        self, head: Head, labels: Labels, outputs: Outputs, context: Context, found: Found
    ) -> Detections | None:
        """The result of a few candidates; None where they are not plain."""
        recipe, way = self._recipe, self._ways.of(context)
        scores: list[float] = found.scores.tolist()
        if way.plain is None or max(scores) > _SURE:
            return None
        rows = rows_of_few(head, outputs, found.candidates, self._size(context))
        if not plain(rows, way):
            return None
        order = sorted(
            range(len(scores)), key=scores.__getitem__, reverse=True
        )  # equal ones keep their order
        rows = [rows[at] for at in order]
        if head.suppressed or recipe.nms == "none":
            rows, picked = rows[: recipe.max_detections], order[: recipe.max_detections]
        else:
            by_class = recipe.nms == "class-wise" and len(order) > 1
            numbers = found.numbers[order].tolist() if by_class else None
            rows, kept = kept_of_few(recipe, rows, [scores[at] for at in order], numbers)
            picked = [order[at] for at in kept]
        found = found.only(slice(picked[0], picked[0] + 1) if len(picked) == 1 else picked)
        boxes, points = in_source(rows, way)
        count, placed, ids = len(rows), np.array(boxes + points, np.float32), labels.rows(found.numbers)
        return Detections(
            placed[: 4 * count].reshape(count, 4),
            found.scores,
            ids,
            labels.names(ids),
            placed[4 * count :].reshape(count, recipe.points, 2),
        )

    def _look_at_unit(self, rows: Floats, context: Context) -> None:
        """Of the first frame with anything in it: whether its boxes can be in the unit that the card says."""
        self._unseen = False
        wh = self._size(context)
        if min(wh) <= _LARGE:
            return
        far, said = float(np.abs(rows[:, :4]).max()), self._recipe.coordinates
        if far <= _TINY_PX:
            self._doubt.say(
                "unit", "all %d boxes lie within %.2g pixels of the corner of an input of %dx%d: are they 0..1? Then "
                'say "coordinates": "normalized" in the card (now %s)', len(rows), far, *wh, said or "pixels",
            )  # fmt: skip
        elif far > _LARGE * max(wh) and float(np.abs(rows[:, :4]).min(axis=1).max()) > max(wh):
            self._doubt.say(
                "unit", "the boxes lie up to %.3g pixels away in an input of %dx%d: are they in pixels? Then say "
                '"coordinates": "pixels" in the card (now %s)', far, *wh, said or "normalized",
            )  # fmt: skip

    def _result(self, found: Found, placed: Floats, shown: Floats, labels: Labels) -> Detections:
        numbers = labels.rows(found.numbers)
        points = placed[:, 4:].reshape(len(placed), self._recipe.points, 2)
        return Detections(shown, found.scores, numbers, labels.names(numbers), np.ascontiguousarray(points))

    def _size(self, context: Context) -> tuple[float, float]:
        """Of the input tensor; 1 x 1 where it is not known, so that what is normalized stays so."""
        return context.tensor_wh if all(context.tensor_wh) else self._wh or (1, 1)

    def _suppress(
        self, head: Head, found: Found, rows: Floats
    ) -> tuple[Floats | None, Integers | slice | None]:
        """New rows where the boxes that stay are means of others; the places of those that stay, None for all."""
        recipe, most = self._recipe, self._recipe.max_detections
        if len(rows) == 1:
            return None, None
        if head.suppressed or recipe.nms == "none":
            return None, np.arange(most) if len(rows) > most else None
        if recipe.nms == "weighted":
            return weighted(rows, found.scores, recipe.iou, most)
        classes = found.numbers if recipe.nms == "class-wise" else None
        return None, suppress(rows[:, :4], recipe.iou, most, classes)


def _best(found: Found, most: int) -> Found:
    """The best candidates, best first; of equal scores the earlier one is first."""
    scores = found.scores
    if len(scores) == 1:
        return found
    if len(scores) > most:
        least = np.partition(scores, len(scores) - most)[len(scores) - most]
        found = found.only(scores >= least)
    return found.only((-found.scores).argsort(kind="stable")[:most])


def _seen(rows: Floats, placed: Floats, shown: Floats) -> Integers:
    """int64[n]: which boxes are left: in the source box and points are numbers that may lie near a picture; the box has
    an area, and one in the frame."""
    near = np.abs(placed).max(axis=1) < _FAR  # false for NaN
    return np.flatnonzero(near & _area(rows) & _area(shown))


def _all_seen(placed: Floats, shown: Floats) -> bool:
    """True where `_seen` would leave all, found with less work; for upright views, whose order of sides stays."""
    numbers = placed.reshape(-1)
    if not numbers.dot(numbers) < _FAR * _FAR:  # true for NaN
        return False
    sides = shown[:, 2:] > shown[:, :2]
    return bool(np.count_nonzero(sides) == sides.size)


def _area(boxes: Floats) -> npt.NDArray[np.bool_]:
    """bool[n]: the box has one."""
    wide_high = boxes[:, 2:4] > boxes[:, :2]
    return np.asarray(wide_high[:, 0] & wide_high[:, 1])


def _input_wh(card: Any, recipe: DetectionRecipe) -> Size | None:
    """Width and height of the input: of the recipe, or the card's first input that is a picture."""
    if recipe.input_wh:
        return int(recipe.input_wh[0]), int(recipe.input_wh[1])
    for entry in card.inputs:
        shape = tuple(entry.shape)
        if len(shape) == 4 and min(shape) > 0:
            last = entry.layout == "NHWC" or (entry.layout != "NCHW" and shape[3] in (1, 3, 4))
            down, across = shape[1:3] if last else shape[2:]
            return int(across), int(down)
    return None


def _needed(wh: Size | None) -> Size:
    if wh is None:
        raise CardError(
            "input_wh: grids and anchors need the input's width and height, and the card's inputs do not have them. "
            'Say "input_wh": [width, height] in the section "detection"'
        )
    return wh


_HEADS: dict[str, Callable[[DetectionRecipe, Sequence[TensorSpec], int, Size | None], Head]] = {
    "yolo": lambda recipe, specs, classes, wh: RowsHead(recipe, specs, classes),
    "boxes": lambda recipe, specs, classes, wh: RowsHead(recipe, specs, classes),
    "end-to-end": lambda recipe, specs, classes, wh: EndToEndHead(recipe, specs),
    "postprocess": lambda recipe, specs, classes, wh: PostprocessHead(recipe, specs),
    "grid": lambda recipe, specs, classes, wh: GridHead(recipe, specs, classes, _needed(wh)),
    "anchors": lambda recipe, specs, classes, wh: AnchorsHead(recipe, specs, classes, _needed(wh)),
    "distances": lambda recipe, specs, classes, wh: DistancesHead(recipe, specs, classes, _needed(wh)),
}
"""Head of a recipe -> what reads it."""
