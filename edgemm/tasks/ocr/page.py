"""A picture to the input of the network that finds lines, and its map back to places in the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.affine import Affine
from edgemm.card.model_card import InputCard
from edgemm.errors import ArtifactError, CardError
from edgemm.media import Frame
from edgemm.model.part import Part
from edgemm.preprocess import compile_image
from edgemm.preprocess.image import ImagePreprocessor
from edgemm.session import StageClock
from edgemm.tasks.doubt import Doubt
from edgemm.tasks.ocr.boxes import Box, find_boxes
from edgemm.tasks.ocr.recipe import OcrRecipe
from edgemm.tasks.window_session import closed
from edgemm.tensors import TensorSpec

_SIDES = {"NCHW": (3, 2), "NHWC": (2, 1)}
"""Layout -> places of width and height."""


class _Way(NamedTuple):
    """One of the sizes in which a part takes pictures."""

    signature: str
    spec: TensorSpec
    resize: Literal["stretch", "letterbox"]
    shrinks: bool
    """The picture is made smaller."""


class PageReader:
    """Finds the lines of a picture. For one thread at a time.

    Raises:
        CardError: the part takes no picture, or gives no map.
    """

    def __init__(self, recipe: OcrRecipe, part: Part) -> None:
        self._recipe, self._part = recipe, part
        self._ways = [(each, only_input(part, "detector", each)) for each in part.signatures]
        self._layout = layout_of(self._ways[0][1], "detector")
        outputs = part.specs(part.signatures[0])[1]
        self._output = outputs[0].name if outputs else ""
        if not outputs or len(outputs[0].shape) not in (2, 3, 4):
            raise CardError(
                "part 'detector': expected a map of text as its first output, [1, 1, height, width], found "
                f"{[list(each.shape) for each in outputs]}"
            )
        self._doubt = Doubt()
        self._at: _Way | None = None
        self._prepare: ImagePreprocessor
        self._room: npt.NDArray[Any]

    def __call__(self, frame: Frame, clock: StageClock) -> list[Box]:
        """Lines in pixels of the picture, largest first.

        Raises:
            InputError: no picture.
            ArtifactError: the network gave something else than a map of probabilities.
        """
        clock.start("preprocess")
        way = self._way(frame)
        if way != self._at:
            self._prepare, self._room = self._compiled(way), np.empty(way.spec.shape, way.spec.dtype)
            self._at = way
        self._prepare(frame.pixels, frame.color, self._room)
        clock.start("infer")
        map_ = self._map(self._part.step({way.spec.name: self._room}, way.signature).real(self._output))
        clock.start("decode")
        to_source = _scaled(self._prepare.to_source, self._prepare.size_wh, map_.shape)
        height, width = frame.pixels.shape[:2]
        found = (box.moved(to_source) for box in find_boxes(map_, self._recipe))
        return [box for box in found if 0 <= box.center_xy[0] <= width and 0 <= box.center_xy[1] <= height]

    def _compiled(self, way: _Way) -> ImagePreprocessor:
        page = replace(self._recipe.page, resize=way.resize)
        if way.shrinks and page.interpolation == "linear":
            page = replace(page, interpolation="area")  # thin strokes would fall between the pixels
        return compile_image(
            InputCard(way.spec.name, "image", way.spec.shape, self._layout, image=page), way.spec
        )

    def _way(self, frame: Frame) -> _Way:
        """How a picture is looked at: in a size made for it, or in the one that leaves it largest."""
        height, width = (max(side, 1) for side in (*frame.pixels.shape, 1, 1)[:2])
        columns, rows = _SIDES[self._layout]
        ways = []
        for signature, spec in self._ways:
            if min(spec.shape[columns], spec.shape[rows]) < 0:
                shape, size = list(spec.shape), page_size((width, height), self._recipe)
                for at, side in zip((columns, rows), size, strict=True):
                    shape[at] = side if shape[at] < 0 else shape[at]
                return _Way(signature, replace(spec, shape=tuple(shape)), "stretch", shape[columns] < width)
            scale = min(spec.shape[columns] / width, spec.shape[rows] / height)
            ways.append((scale, _Way(signature, spec, "letterbox", scale < 1)))
        return max(ways, key=lambda each: each[0])[1]

    def _map(self, found: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        plane = found[0] if found.ndim > 2 else found
        if plane.ndim == 3:  # [1, height, width] or [height, width, 1]
            plane = plane[0] if plane.shape[0] == 1 else plane[..., 0]
        map_ = np.ascontiguousarray(plane, np.float32)
        low, high = float(map_.min()), float(map_.max())
        if not np.isfinite([low, high]).all():
            raise ArtifactError(
                "part 'detector': expected probabilities, found NaN or infinity. Try another delegate "
                '(delegate="cpu"); if that is the same, convert or train the model again'
            )
        self._doubt.probabilities(low, high, "part 'detector'", "a sigmoid behind it")
        return map_


def page_size(source_wh: tuple[int, int], recipe: OcrRecipe) -> tuple[int, int]:
    """Width and height of the detector's input for a picture, where the file leaves them open."""
    short, long = min(source_wh), max(source_wh)
    scale = max(1.0, recipe.least_side / short)
    scale = min(scale, recipe.most_side / long)
    multiple, most = recipe.multiple, recipe.most_side // recipe.multiple
    width, height = (multiple * min(max(1, round(side * scale / multiple)), most) for side in source_wh)
    return width, height


def only_input(part: Part, role: str, signature: str) -> TensorSpec:
    """The picture that a part takes, one at a time.

    Raises:
        CardError: it takes several things, or none that is a picture.
    """
    inputs = part.inputs if len(part.signatures) == 1 else part.specs(signature)[0]
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise CardError(
            f"part {role!r}: expected one input, a picture [1, 3, height, width], found "
            f"{', '.join(f'{each.name} {list(each.shape)}' for each in inputs) or 'none'}"
        )
    return replace(inputs[0], shape=closed(inputs[0].shape))


def layout_of(spec: TensorSpec, role: str) -> str:
    """Where the channels of a picture's tensor stand: "NCHW" or "NHWC".

    Raises:
        CardError: it has neither one nor three.
    """
    for layout, at in (("NCHW", 1), ("NHWC", 3)):
        if spec.shape[at] in (1, 3):
            return layout
    raise CardError(
        f"part {role!r}: expected a picture of 1 or 3 channels, [1, 3, height, width] or [1, height, width, 3], found "
        f"{list(spec.shape)}"
    )


def _scaled(to_source: Affine, tensor_wh: tuple[int, int], map_hw: tuple[int, ...]) -> Affine:
    """Pixels of a map, which may be smaller than the tensor, to pixels of the source."""
    scaled = to_source.copy()
    scaled[:, 0] *= tensor_wh[0] / map_hw[1]
    scaled[:, 1] *= tensor_wh[1] / map_hw[0]
    return scaled
