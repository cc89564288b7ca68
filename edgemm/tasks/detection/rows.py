"""Heads whose candidates are decoded: YOLO's rows, and boxes with scores beside them."""

from __future__ import annotations

from collections.abc import Sequence

from edgemm.errors import CardError
from edgemm.tasks.detection import layout
from edgemm.tasks.detection.blocks import Table
from edgemm.tasks.detection.head import Floats, Found, Integers
from edgemm.tasks.detection.places import in_pixels, sides, with_points
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.search import ScoreSearch
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec


class Parts:
    """The tables of one model: boxes, scores, and where it has them objectness and key points.

    Raises:
        CardError: outputs and recipe do not fit.
    """

    def __init__(self, recipe: DetectionRecipe, specs: Sequence[TensorSpec], classes: int) -> None:
        """Args:
        recipe: names of outputs, layout, objectness, points.
        specs: the file's outputs.
        classes: how many the model counts; 0 where that is not known.
        """
        self.objectness: Table | None = None
        self.points: Table | None = None
        values = recipe.points * recipe.point_values
        joined = recipe.head in ("yolo", "grid") and not recipe.scores_outputs
        if joined and not _apart(recipe, specs, values):
            self._split(_rows(recipe, specs, classes, values), recipe, values)
        else:
            self._separate(recipe, specs, classes, values)
        require_background(recipe, self.scores.width)

    def _split(self, whole: Table, recipe: DetectionRecipe, values: int) -> None:
        self.boxes = whole.part(0, 4)
        first = 4
        if recipe.objectness:
            self.objectness, first = whole.part(4, 5), 5
        self.scores = whole.part(first, whole.width - values)
        self.points = whole.part(whole.width - values, whole.width) if values else None

    def _separate(
        self, recipe: DetectionRecipe, specs: Sequence[TensorSpec], classes: int, values: int
    ) -> None:
        inside = 0 if recipe.points_outputs else values
        spoken_for = {*recipe.scores_outputs, *recipe.objectness_outputs, *recipe.points_outputs}
        free = [spec for spec in specs if spec.name not in spoken_for] or list(specs)
        chosen = layout.pick(
            specs if recipe.boxes_outputs else free,
            recipe.boxes_outputs,
            4 + inside,
            recipe.layout,
            "boxes_outputs",
        )
        whole = layout.table(
            chosen, 4 + inside, recipe.layout, "numbers of a box" + " and its points" * bool(inside)
        )
        self.boxes = whole.part(0, 4)
        count = whole.count
        if values:
            self.points = whole.part(4, whole.width) if inside else _points(recipe, specs, values, count)
        if recipe.objectness:
            if not recipe.objectness_outputs:
                raise CardError(
                    f"objectness_outputs: boxes and scores are separate outputs here, so objectness needs the name "
                    f"of its own, found none; the file has {layout.listed(specs)}"
                )
            names = layout.named(specs, recipe.objectness_outputs, "objectness_outputs")
            self.objectness = layout.table(names, 1, recipe.layout, "objectness")
            layout.same_count(self.objectness, count, "objectness")
        taken = {spec.name for spec in chosen} | {*recipe.objectness_outputs, *recipe.points_outputs}
        rest = specs if recipe.scores_outputs else [spec for spec in specs if spec.name not in taken]
        self.scores = layout.scores(rest, recipe.scores_outputs, classes, count, recipe.layout)
        if self.objectness and _counts(self.objectness) != _counts(self.scores):
            raise CardError("objectness_outputs: expected them cut as the scores are, output for output")


def _counts(table: Table) -> list[int]:
    return [block.count for block in table.blocks]


def _points(recipe: DetectionRecipe, specs: Sequence[TensorSpec], values: int, count: int) -> Table:
    names = layout.named(specs, recipe.points_outputs, "points_outputs")
    table = layout.table(names, values, recipe.layout, "numbers of key points")
    layout.same_count(table, count, "points_outputs")
    return table


def _apart(recipe: DetectionRecipe, specs: Sequence[TensorSpec], values: int) -> bool:
    """Boxes lie in an output of their own."""
    width = 4 if recipe.points_outputs else 4 + values
    asked = layout.named(specs, recipe.boxes_outputs, "boxes_outputs") or specs
    return len(specs) > 1 and any(layout.widths(spec, recipe.layout)[:1] == (width,) for spec in asked)


def _rows(recipe: DetectionRecipe, specs: Sequence[TensorSpec], classes: int, values: int) -> Table:
    """Whole rows: box, objectness, classes, key points."""
    others = 4 + recipe.objectness + values
    if classes:
        width = others + classes
        if not recipe.boxes_outputs and len(specs) == 1:
            chosen = list(specs)
        else:
            chosen = layout.pick(specs, recipe.boxes_outputs, width, recipe.layout, "boxes_outputs")
    else:
        chosen = (
            list(specs)
            if not recipe.boxes_outputs
            else layout.named(specs, recipe.boxes_outputs, "boxes_outputs")
        )
        found = {next(iter(layout.widths(spec, recipe.layout)), 0) for spec in chosen}
        if len(found) != 1 or min(found) <= others:
            raise CardError(
                f"boxes_outputs: expected rows of more than {others} numbers, found {layout.listed(chosen)}. "
                "Name the output with the rows, choose another head, or give the card its labels"
            )
        (width,) = found
    try:
        return layout.table(chosen, width, recipe.layout, "numbers")
    except CardError as error:
        raise CardError(f"{error}{_hint(recipe, chosen, width)}") from error


def _hint(recipe: DetectionRecipe, specs: Sequence[TensorSpec], width: int) -> str:
    """What else the shape would fit."""
    other = width - 1 if recipe.objectness else width + 1
    if any(other in layout.widths(spec, recipe.layout) for spec in specs):
        return f'. It fits with "objectness": {"false" if recipe.objectness else "true"}'
    return (
        f". {width} are 4 of the box{', objectness' * recipe.objectness}, one for each label, and key points"
    )


def require_background(recipe: DetectionRecipe, classes: int) -> None:
    """The class that stands for nothing is the first or the last, and not the only one.

    Raises:
        CardError: it is not.
    """
    if recipe.background >= 0 and (recipe.background not in (0, classes - 1) or classes < 2):
        raise CardError(
            f"background: expected the first or the last of {classes} classes, 0 or {classes - 1}, and one more "
            f"beside it, found {recipe.background}"
        )


class RowsHead:
    """Boxes as they are: heads yolo and boxes.

    Raises:
        CardError: outputs and recipe do not fit.
    """

    suppressed = False

    def __init__(self, recipe: DetectionRecipe, specs: Sequence[TensorSpec], classes: int) -> None:
        parts = Parts(recipe, specs, classes)
        self.search = ScoreSearch(parts.scores, parts.objectness, recipe)
        self._boxes, self._points, self._count = parts.boxes, parts.points, recipe.points
        yolo = recipe.head == "yolo"
        self._order = recipe.box or ("cxcywh" if yolo else "xyxy")
        self._normalized = (recipe.coordinates or ("pixels" if yolo else "normalized")) == "normalized"

    def places(self, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Floats:
        """See `Head`."""
        rows = sides(self._boxes.take(outputs, index), self._order)
        if self._points:
            rows = with_points(rows, self._points.take(outputs, index), self._count)
        return in_pixels(rows, wh) if self._normalized else rows


__all__ = ["Found", "Parts", "RowsHead", "require_background"]
