"""Points of faces, bodies and hands to input tensors: of one item, or of the last few."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import InputCard
from edgemm.card.recipes import PointsRecipe
from edgemm.errors import CardError, InputError
from edgemm.tensors import TensorSpec

Floats = npt.NDArray[np.float64]


def compile_points(card: InputCard, spec: TensorSpec) -> PointsWindow:
    """The card's recipe of points as a window that writes the input tensor.

    Args:
        card: with `points`.
        spec: of the tensor: x and y of each point of each item, in any shape; float or quantized.

    Raises:
        CardError: the card has no recipe of points, or one that does not fit the tensor.
    """
    if card.points is None:
        raise CardError(f"input {card.name!r}: expected a card with `points`, found none")
    if not spec.quantized and not spec.dtype.startswith("float"):
        raise CardError(
            f"input {card.name!r}: points need a tensor of real numbers, float or quantized, found {spec.dtype}"
        )
    return PointsWindow(card.points, spec)


class PointsWindow:
    """The points of the last items, as many as the recipe's history, and what the tensor is made of them.

    Belongs to one stream, or to one track of a chain.
    """

    def __init__(self, recipe: PointsRecipe, spec: TensorSpec) -> None:
        """
        Raises:
            CardError: the tensor's size does not fit the recipe.
        """
        self._recipe, self._spec = recipe, spec
        self._chosen = np.array(recipe.points, np.intp)
        size, each = math.prod(spec.shape), 2 * recipe.history * (len(recipe.points) or 1)
        whole = size == each if recipe.points else size % each == 0
        if min(spec.shape, default=0) < 1 or not whole:
            wanted = f"{each}" if recipe.points else f"a multiple of {each}"
            raise CardError(
                f"input {spec.name!r}: expected {wanted} numbers (x and y of {len(recipe.points) or 'all'} points in "
                f"{recipe.history} items), found {spec.dtype}{list(spec.shape)}. Correct `points` or `history`"
            )
        self._count = len(recipe.points) or size // each
        self._items: deque[Floats] = deque(maxlen=recipe.history)
        self._source_wh = (0, 0)

    @property
    def history(self) -> int:
        """How many items the tensor holds."""
        return self._recipe.history

    def push(self, points_xy: npt.NDArray[Any], source_wh: tuple[int, int]) -> bool:
        """Takes in the points of one item.

        Args:
            points_xy: float[k, 2] in pixels of the picture; float[0, 2] where nothing was found: what was taken in is
                then forgotten.
            source_wh: pixels of the picture; needed where the recipe divides by them. A history is forgotten where
                they change.

        Returns:
            Whether there are enough items for `write`.

        Raises:
            InputError: not the points that the recipe needs, or one is not finite; or the picture's size is missing.
        """
        recipe = self._recipe
        points = self._checked(points_xy)
        if not len(points):
            self.reset()
            return False
        if recipe.divide_by == "picture":
            if min(source_wh) < 1:
                raise InputError(
                    f"input {self._spec.name!r}: its points are divided by the picture's width and height, which are "
                    "not known. Give them: model(points, source_wh=(1280, 720))"
                )
            if source_wh != self._source_wh:
                self.reset()
        self._source_wh = source_wh
        if recipe.origin == "point":
            points = points - points[recipe.origin_point]
        self._items.append(points[self._chosen] if recipe.points else points)
        return len(self._items) == recipe.history

    def write(self, out: npt.NDArray[Any]) -> None:
        """Fills the input tensor, every element of it; for a window that `push` said is full."""
        recipe = self._recipe
        numbers = np.stack(self._items)
        if recipe.origin == "first":
            numbers = numbers - numbers[0, 0]
        if recipe.divide_by == "picture":
            numbers = numbers / np.array(self._source_wh, np.float64)
        elif recipe.divide_by == "largest":
            numbers = numbers / (np.abs(numbers).max() or 1.0)  # all in one place: zeros
        real = numbers.astype(np.float32).reshape(out.shape)
        out[...] = self._spec.quantize(real) if self._spec.quantized else real

    def reset(self) -> None:
        """Nothing was taken in."""
        self._items.clear()

    def _checked(self, points_xy: npt.NDArray[Any]) -> Floats:
        points = np.asarray(points_xy, np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InputError(
                f"input {self._spec.name!r}: expected points float[k, 2], found {points_xy.dtype}{list(points.shape)}"
            )
        if not len(points):
            return points
        recipe = self._recipe
        least = max(*recipe.points, recipe.origin_point if recipe.origin == "point" else 0, -1) + 1
        if len(points) < least or (not recipe.points and len(points) != self._count):
            wanted = f"{least} points or more" if recipe.points else f"{self._count} points"
            raise InputError(
                f"input {self._spec.name!r}: expected {wanted}, found {len(points)}. Is this model meant for other "
                "landmarks?"
            )
        if not np.isfinite(points).all():
            raise InputError(f"input {self._spec.name!r}: expected finite points, found NaN or infinity")
        return points
