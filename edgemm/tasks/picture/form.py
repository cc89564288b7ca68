"""Which output holds the picture, and how its axes lie."""

from __future__ import annotations

from collections.abc import Sequence

from edgemm.errors import CardError
from edgemm.frozen import dataclass
from edgemm.tasks.picture.recipe import PictureRecipe
from edgemm.tensors import TensorSpec


@dataclass(frozen=True, slots=True)
class Form:
    """One output and how to read it."""

    spec: TensorSpec
    channel_axis: int | None
    """None where the output has no axis of channels."""
    channels: int

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height; -1 where the file leaves one open."""
        height, width = (
            size
            for axis, size in enumerate(self.spec.shape)
            if axis != self.channel_axis
            and axis >= len(self.spec.shape) - (2 if self.channel_axis is None else 3)
        )
        return width, height


def find_form(recipe: PictureRecipe, specs: Sequence[TensorSpec]) -> Form:
    """The output that the recipe names, or the first that fits it.

    Raises:
        CardError: there is none; says what each output is.
    """
    chosen = [spec for spec in specs if recipe.output in ("", spec.name)]
    if not chosen:
        raise CardError(
            f"picture.output: {recipe.output!r} is not in the file, which has {', '.join(s.name for s in specs)}"
        )
    for spec in chosen:
        form = _form(recipe, spec)
        if form is not None:
            return form
    found = "; ".join(f"{spec.name!r} {spec.dtype}{list(spec.shape)}" for spec in chosen)
    count = recipe.channels
    raise CardError(
        f"picture: expected an output [1, {count}, H, W] or [1, H, W, {count}] for color {recipe.color}, found {found}"
        ". Name the output in the card, or correct `color` and `layout`"
    )


def _form(recipe: PictureRecipe, spec: TensorSpec) -> Form | None:
    """None where the output is no such picture."""
    shape, count = spec.shape, recipe.channels
    if spec.dtype == "bool" or 0 in shape:
        return None
    if count == 1 and (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, -1))):
        return Form(spec, None, 1)
    if len(shape) == 4 and shape[0] in (1, -1):
        first = len(shape) - 3
    elif len(shape) == 3:
        first = 0
    else:
        return None
    axes = {"NCHW": (first,), "NHWC": (first + 2,), "auto": (first, first + 2)}[recipe.layout]
    return next((Form(spec, axis, count) for axis in axes if shape[axis] == count), None)
