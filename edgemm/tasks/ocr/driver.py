"""Text in pictures: a network that finds lines, and one that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.errors import CardError
from edgemm.model.part import Part
from edgemm.tasks.ocr.angle import OPEN_WH, AngleReader
from edgemm.tasks.ocr.characters import Reader, fitted, read_alphabet
from edgemm.tasks.ocr.page import PageReader
from edgemm.tasks.ocr.recipe import OcrRecipe
from edgemm.tasks.ocr.session import OcrSession
from edgemm.tasks.ocr.widths import LineReader
from edgemm.tensors import TensorSpec

ALPHABET = "alphabet"
"""The asset: a character on each line, the blank left out."""


class OcrDriver:
    """See `edgemm.tasks.driver.Driver`.

    `detector` takes a picture and gives the probability that a pixel belongs to text. `recognizer` takes an upright
    line and gives scores of characters for each step from left to right (CTC). `angle`, where there is one, says which
    lines stand upside down. The alphabet is the asset of this name, or the labels of the recogniser: PP-OCR's files
    have it.
    """

    name: ClassVar[str] = "ocr"
    task: ClassVar[str] = "ocr"
    roles: ClassVar[tuple[str, ...]] = ("detector", "recognizer")
    optional: ClassVar[tuple[str, ...]] = ("angle",)
    assets: ClassVar[tuple[str, ...]] = ()
    modality: ClassVar[Literal["image", "audio", "text"]] = "image"
    key_points: ClassVar[int] = 4
    """The corners of a line."""
    Recipe: ClassVar[type[Any]] = OcrRecipe

    def sizes(
        self, recipe: OcrRecipe, inputs: Mapping[str, tuple[TensorSpec, ...]]
    ) -> Mapping[str, Mapping[str, tuple[int, ...]]]:
        """See `edgemm.tasks.driver.TellsItsSizes`: pages as squares, lines of `least_width`."""
        side = max(recipe.least_side // recipe.multiple, 1) * recipe.multiple
        wanted = {
            "detector": (side, side),
            "recognizer": (recipe.least_width, recipe.line_height),
            "angle": OPEN_WH,
        }
        return {role: _closed(inputs[role], *wanted[role]) for role in inputs}

    def session(
        self,
        recipe: OcrRecipe,
        parts: Mapping[str, Part],
        assets: Mapping[str, bytes],
        options: Mapping[str, Any],
    ) -> OcrSession:
        """The state of a new stream.

        Raises:
            CardError: recipe, parts and alphabet do not fit each other.
            ArtifactError: the alphabet is damaged.
        """
        recipe.check()
        line = LineReader(recipe, parts["recognizer"])
        characters = _characters(recipe, parts["recognizer"], assets, line.scores)
        blank = 0 if recipe.blank == "first" else line.scores - 1
        angle = AngleReader(recipe, parts["angle"]) if "angle" in parts else None
        return OcrSession(
            recipe,
            PageReader(recipe, parts["detector"]),
            line,
            Reader(characters, blank, recipe.decode),
            angle,
            tuple(parts.values()),
        )


def _closed(specs: tuple[TensorSpec, ...], width: int, height: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of a picture's input that leaves its size open."""
    found = {}
    for spec in specs:
        if -1 in spec.shape and len(spec.shape) == 4:
            sides = (1, -1, height, width) if spec.shape[1] in (1, 3) else (1, height, width, -1)
            found[spec.name] = tuple(
                size if size > 0 else side for size, side in zip(spec.shape, sides, strict=True)
            )
    return found


def _characters(recipe: OcrRecipe, part: Part, assets: Mapping[str, bytes], scores: int) -> tuple[str, ...]:
    if ALPHABET in assets:
        return fitted(read_alphabet(assets[ALPHABET]), scores, recipe.blank, f"asset {ALPHABET!r}")
    labels = part.card.labels
    if not labels:
        raise CardError(
            f"part 'recognizer' does not say which characters it writes: expected an asset {ALPHABET!r} with a "
            "character on each line, or an .onnx file with PP-OCR's `character` in its metadata"
        )
    if len(labels) == scores:  # a label for each score
        at = 0 if recipe.blank == "first" else scores - 1
        return tuple("" if place == at else label for place, label in enumerate(labels))
    return fitted(labels, scores, recipe.blank, "the labels of part 'recognizer'")
