"""From the class numbers of a model to the rows of the card's labels, and which of them are looked for."""

from __future__ import annotations

import difflib

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.detection.recipe import DetectionRecipe

NO_CLASS = "???"
"""A row of a label map that stands for no class (TensorFlow's COCO label map has such gaps)."""
FOUND_OBJECTS = ("end-to-end", "postprocess")
"""Heads whose model did NMS itself and tells class numbers; the number of rows may differ from run to run."""
Integers = npt.NDArray[np.int64]


class Labels:
    """Names of classes, and the choice of the recipe's `classes`. Without labels, a class is named by its number.

    Raises:
        CardError: a wanted class has no label.
    """

    def __init__(self, labels: tuple[str, ...], recipe: DetectionRecipe) -> None:
        """Args:
        labels: of the card.
        recipe: label_offset, background, classes.
        """
        self._labels, self._offset = labels, recipe.label_offset
        self._wanted = self._choose(recipe.classes) if recipe.classes else None
        self._gaps = np.array([row for row, label in enumerate(labels) if label == NO_CLASS], np.int64)
        self._background = recipe.background
        self._told = recipe.head in FOUND_OBJECTS
        self._all = (
            self._wanted is None
            and not self._gaps.size
            and self._background < 0 <= self._offset
            and not self._told
        )

    def _choose(self, classes: tuple[str, ...]) -> Integers:
        """Rows that are looked for."""
        for name in classes:
            known = name in self._labels and name != NO_CLASS if self._labels else name.isdecimal()
            if not known:
                raise CardError(self._unknown(name))
        if not self._labels:
            return np.array([int(name) for name in classes], np.int64)
        return np.array([row for row, label in enumerate(self._labels) if label in classes], np.int64)

    def _unknown(self, name: str) -> str:
        if not self._labels:
            return f"classes: the card has no labels, so classes are numbers, found {name!r}"
        near = difflib.get_close_matches(name, self._labels, 1)
        hint = f". Did you mean {near[0]!r}?" if near else f". It has {', '.join(self._labels[:8])} ..."
        return f"classes: no label {name!r} in the card{hint}"

    def rows(self, numbers: Integers) -> Integers:
        """int64[n]: row of each class number in the labels; the `class_ids` of a result."""
        return numbers + self._offset if self._offset else numbers

    def wanted(self, numbers: Integers) -> npt.NDArray[np.bool_] | None:
        """bool[n]: which class numbers are looked for; None for all. Negative ones stand for no class.

        Raises:
            ArtifactError: a number that the model gave is beyond the labels.
        """
        if self._all or not len(numbers):
            return None
        rows = self.rows(numbers)
        if self._told and self._labels and rows.max() >= len(self._labels):
            last = len(self._labels) - 1 - self._offset
            raise ArtifactError(
                f"expected class numbers of 0 to {last}, since the card has {len(self._labels)} labels, the model gave "
                f"{int(numbers.max())}. Correct labels, label_offset, row or classes_outputs in the card"
            )
        keep = rows >= 0
        if self._told:
            keep &= numbers >= 0
        if self._background >= 0:
            keep &= numbers != self._background
        if self._wanted is not None:
            keep &= np.isin(rows, self._wanted)
        elif self._gaps.size:
            keep &= ~np.isin(rows, self._gaps)
        return None if keep.all() else keep

    def names(self, rows: Integers) -> tuple[str, ...]:
        """The label of each row; its number where there is none."""
        labels = self._labels
        return tuple([labels[row] if row < len(labels) else str(row) for row in rows.tolist()])
