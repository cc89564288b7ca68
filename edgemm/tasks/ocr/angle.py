"""Whether a line stands upside down, as a network of two classes says it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import InputCard
from edgemm.errors import CardError
from edgemm.media import Frame
from edgemm.model.part import Part
from edgemm.preprocess import compile_image
from edgemm.session import StageClock
from edgemm.tasks.ocr.boxes import Box
from edgemm.tasks.ocr.crop import cut
from edgemm.tasks.ocr.page import layout_of, only_input
from edgemm.tasks.ocr.recipe import OcrRecipe

OPEN_WH = 192, 48
"""Pixels of the input, where the file leaves them open: PP-OCR's."""


class AngleReader:
    """Looks at a whole line, a long one squeezed into its input, as PP-OCR does. For one thread at a time.

    Raises:
        CardError: the part takes no picture of a line, or gives something else than probabilities of two classes:
            upright and upside down.
    """

    def __init__(self, recipe: OcrRecipe, part: Part) -> None:
        self._recipe, self._part = recipe, part
        spec = only_input(part, "angle", part.signatures[0])
        layout = layout_of(spec, "angle")
        shape = list(spec.shape)
        places = (3, 2) if layout == "NCHW" else (2, 1)
        for at, side in zip(places, OPEN_WH, strict=True):
            shape[at] = side if shape[at] < 0 else shape[at]
        self._spec = replace(spec, shape=tuple(shape))
        self._size_wh = shape[places[0]], shape[places[1]]
        outputs = part.specs(part.signatures[0])[1]
        if len(outputs) != 1 or not outputs[0].shape or outputs[0].shape[-1] != 2:
            raise CardError(
                "part 'angle': expected one output, probabilities of 0 and 180 degrees [1, 2], found "
                f"{', '.join(f'{each.name} {list(each.shape)}' for each in outputs) or 'none'}"
            )
        self._output = outputs[0].name
        card = InputCard(
            spec.name, "image", self._spec.shape, layout, image=replace(recipe.line, resize="none")
        )
        self._prepare = compile_image(card, self._spec)
        self._room: npt.NDArray[Any] = np.empty(self._spec.shape, self._spec.dtype)

    def upside_down(self, frame: Frame, box: Box, clock: StageClock) -> bool:
        """Of the line in a box, in pixels of the picture."""
        clock.start("preprocess")
        width, height = self._size_wh
        columns = min(math.ceil(height * box.size_wh[0] / max(box.size_wh[1], 1e-6)), width)
        whole = np.full((height, width, *frame.pixels.shape[2:]), self._recipe.line.pad_value, np.uint8)
        whole[:, : max(columns, 1)] = cut(frame.pixels, box, (max(columns, 1), height))
        self._prepare(whole, frame.color, self._room)
        clock.start("infer")
        found = self._part.step({self._spec.name: self._room}, self._part.signatures[0]).real(self._output)
        return float(found.reshape(-1)[1]) >= self._recipe.angle_score
