"""Opening a decoder on seeded tensors, and comparing its boxes with those of the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.results import Detections
from edgemm.tasks.context import Context
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.task import DetectionDecoder, DetectionTask
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec
from tests.tasks.detection.reference import Thing

WH = (320, 256)
"""Of the input tensor."""
PLAIN = Context(source_wh=WH, tensor_wh=WH)
"""The source is the tensor."""


def opened(
    recipe: DetectionRecipe,
    specs: Sequence[TensorSpec],
    labels: tuple[str, ...] = (),
    input_wh: tuple[int, int] | None = WH,
) -> DetectionDecoder:
    """The decoder of a card with these labels and an NHWC input of this size."""
    shape = (1, input_wh[1], input_wh[0], 3) if input_wh else ()
    card = SimpleNamespace(labels=labels, inputs=(SimpleNamespace(shape=shape, layout="NHWC"),))
    return DetectionTask().open(card, recipe, specs)


def stored(
    real: Mapping[str, npt.NDArray[Any]], dtype: str = "float32"
) -> tuple[list[TensorSpec], dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
    """Specs, arrays as a file of this type stores them, and what those stand for in float64."""
    specs, kept, means = [], {}, {}
    for name, array in real.items():
        spec = TensorSpec(name, tuple(array.shape), dtype)
        if not dtype.startswith("float"):
            low, high = min(0.0, float(array.min())), max(0.0, float(array.max()))
            info, scale = np.iinfo(dtype), (high - low) / (2 ** np.iinfo(dtype).bits - 1)
            spec = TensorSpec(name, tuple(array.shape), dtype, scale, round(info.min - low / scale))
        specs.append(spec)
        kept[name] = spec.quantize(array)
        means[name] = spec.dequantize(kept[name]).astype(np.float64)
    return specs, kept, means


def decoded(
    recipe: DetectionRecipe,
    specs: Sequence[TensorSpec],
    arrays: Mapping[str, npt.NDArray[Any]],
    labels: tuple[str, ...] = (),
    context: Context = PLAIN,
) -> Detections:
    """The result for one frame."""
    return twice(opened(recipe, specs, labels), specs, arrays, context)


def twice(
    decoder: DetectionDecoder,
    specs: Sequence[TensorSpec],
    arrays: Mapping[str, npt.NDArray[Any]],
    context: Context = PLAIN,
) -> Detections:
    """The result for the second of two frames that are the same. More is looked at in the first, of a new decoder, so
    that a few candidates go another way from the second on; both are to find the same."""
    (first,) = decoder.decode(Outputs.of(specs, arrays), context, None)
    (second,) = decoder.decode(Outputs.of(specs, arrays), context, None)
    assert second.labels == first.labels
    assert second.class_ids.tolist() == first.class_ids.tolist()
    assert second.scores.tolist() == first.scores.tolist()
    for name in ("boxes_xyxy", "points_xy", "class_ids", "scores"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-3)
    return second


def assert_same(found: Detections, expected: Sequence[Thing], atol: float = 2e-3) -> None:
    """The same boxes in the same order.

    The tolerance is of float32 against float64: 320 pixels have 1.5e-5 to a step, and exp() multiplies it.
    """
    assert found.class_ids.tolist() == [thing.number for thing in expected]
    np.testing.assert_allclose(found.scores, [thing.score for thing in expected], atol=1e-5)
    boxes = np.array([thing.box for thing in expected]).reshape(-1, 4)
    np.testing.assert_allclose(found.boxes_xyxy, boxes, atol=atol)
    if expected and expected[0].points:
        np.testing.assert_allclose(found.points_xy, [thing.points for thing in expected], atol=atol)


def inside(things: Sequence[Thing]) -> list[Thing]:
    """Boxes that have a part in the frame; not cut."""
    return [
        thing
        for thing in things
        if thing.box[2] > thing.box[0]
        and thing.box[3] > thing.box[1]
        and thing.box[0] < WH[0]
        and thing.box[1] < WH[1]
        and thing.box[2] > 0
        and thing.box[3] > 0
    ]


def cut(things: Sequence[Thing]) -> list[Thing]:
    """Boxes cut at the edges of the frame."""
    return [
        Thing(
            (
                min(max(thing.box[0], 0), WH[0]),
                min(max(thing.box[1], 0), WH[1]),
                min(max(thing.box[2], 0), WH[0]),
                min(max(thing.box[3], 0), WH[1]),
            ),
            thing.score,
            thing.number,
            thing.points,
        )
        for thing in things
    ]
