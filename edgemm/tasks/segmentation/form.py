"""What a segmentation's output holds, found out from the recipe, the shape and the type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgemm.errors import CardError
from edgemm.tasks.segmentation.recipe import MOST_CLASSES, SegmentationRecipe
from edgemm.tensors import TensorSpec

Kind = Literal["classes", "scores", "binary"]


@dataclass(frozen=True, slots=True)
class Form:
    """One output and how to read it."""

    spec: TensorSpec
    kind: Kind
    row_axis: int
    """Axis of the rows; that of the columns is the next one."""
    channels_last: bool
    """The axis of the channels follows that of the columns; otherwise it stands before the rows."""
    channels: int
    """Classes that have scores; 1 for class numbers and binary scores."""

    def grid_hw(self, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """Rows and columns of an output of this shape; None where it is not as the file says."""
        expected = self.spec.shape
        if len(shape) != len(expected):
            return None
        rows, columns = shape[self.row_axis : self.row_axis + 2]
        fits = all(wanted in (-1, size) for size, wanted in zip(shape, expected, strict=True))
        return (rows, columns) if fits and math.prod(shape) == rows * columns * self.channels > 0 else None


def find_form(recipe: SegmentationRecipe, labels: int, specs: Sequence[TensorSpec]) -> Form:
    """The output that the recipe names, or the first that fits it.

    Args:
        recipe: the card's.
        labels: how many the card has.
        specs: the file's outputs.

    Raises:
        CardError: there is none; says what each output is.
    """
    chosen = [spec for spec in specs if recipe.output in ("", spec.name)]
    if not chosen:
        raise CardError(
            f"segmentation.output: {recipe.output!r} is not in the file, which has {', '.join(s.name for s in specs)}"
        )
    for spec in chosen:
        form = _form(recipe, labels, spec)
        if form:
            return form
    found = "; ".join(f"{spec.name!r} {spec.dtype}{list(spec.shape)}" for spec in chosen)
    wanted = "" if recipe.kind == "auto" else f' of kind "{recipe.kind}"'
    raise CardError(
        f"segmentation: expected an output{wanted} for one picture, [1, H, W] with class numbers, or [1, H, W, C] or "
        f"[1, C, H, W] with scores, found {found}. Name the output in the card, or correct `kind` and `layout`"
    )


def _form(recipe: SegmentationRecipe, labels: int, spec: TensorSpec) -> Form | None:
    """None where the output cannot be what the recipe asks for."""
    axes = _axes(recipe.layout, labels, spec.shape)
    if axes is None:
        return None
    row_axis, channels, last = axes
    kind = _kind(recipe.kind, spec, channels)
    if kind is None or 0 in spec.shape or not 1 <= channels <= MOST_CLASSES:
        return None
    return Form(spec, kind, row_axis, last, channels)


def _axes(layout: str, labels: int, shape: tuple[int, ...]) -> tuple[int, int, bool] | None:
    """Axis of the rows, number of channels, and whether channels come last."""
    one_picture = shape[:1] in ((1,), (-1,))
    if (len(shape) == 2 and not one_picture) or (len(shape) == 3 and one_picture):
        return len(shape) - 2, 1, True
    if len(shape) != 3 and not (len(shape) == 4 and one_picture):
        return None
    first, _, last = shape[-3:]
    if layout == "auto":
        layout = _guess(first, last, labels)
    row_axis = len(shape) - (3 if layout == "NHWC" else 2)
    return row_axis, last if layout == "NHWC" else first, layout == "NHWC"


def _guess(first: int, last: int, labels: int) -> str:
    if min(first, last) < 1:  # left open in the file, as only rows and columns may be
        return "NHWC" if last > first else "NCHW"
    if 1 in (first, last):
        return "NHWC" if last == 1 else "NCHW"
    if labels > 1 and (first == labels) != (last == labels):
        return "NHWC" if last == labels else "NCHW"
    return "NHWC" if last <= first else "NCHW"


def _kind(wanted: str, spec: TensorSpec, channels: int) -> Kind | None:
    """What the numbers are; None where they cannot be what is wanted."""
    integers = spec.dtype.startswith(("int", "uint"))
    plain = integers and (not spec.quantized or (spec.scale == 1.0 and spec.zero_point == 0))
    real = spec.quantized or spec.dtype.startswith("float")
    fits: dict[Kind, bool] = {
        "classes": channels == 1 and (plain or spec.dtype == "bool") and (wanted == "classes" or not real),
        "binary": channels == 1 and real,
        "scores": channels > 1 and (real or integers),
    }
    return next((kind for kind, possible in fits.items() if possible and wanted in ("auto", kind)), None)
