"""A small task for tests: rows of left, top, right, bottom, score, class; and an ONNX network that gives such rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgemm.errors import ArtifactError, CardError
from edgemm.results import Detections
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec


@dataclass(frozen=True, slots=True)
class RowsRecipe:
    """See `edgemm.tasks.decoder.Recipe`."""

    threshold: float = 0.5
    """Smallest score."""
    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {"threshold": (0, 1)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("threshold",)
    extra: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Nothing more."""


class RowsDecoder:
    def __init__(self, spec: TensorSpec, recipe: RowsRecipe) -> None:
        self.spec, self.recipe = spec, recipe

    def begin(self) -> None:
        pass

    def decode(self, outputs: Outputs, context: Context, state: Any) -> Iterable[Detections]:
        rows = outputs.real(self.spec.name).reshape(-1, 6)
        if np.isnan(rows).any():
            raise ArtifactError("NaN where rows are expected")
        rows = rows[rows[:, 4] >= self.recipe.threshold]
        ends = np.maximum(rows[:, 2:4], rows[:, :2])
        boxes = context.boxes(np.concatenate([rows[:, :2], ends], axis=1))
        if context.source_wh[0] > 8:  # a picture that is known, not the tensor
            boxes = np.clip(boxes, 0, np.array([*context.source_wh, *context.source_wh], np.float32))
        return [Detections(boxes, rows[:, 4], np.rint(rows[:, 5]).astype(np.int64))]

    def end(self, context: Context, state: Any) -> Iterable[Detections]:
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Detections:
        return next(iter(self.decode(windows[0], context, None)))


class RowsTask:
    name: ClassVar[str] = "detection"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = RowsRecipe

    def open(self, card: Any, recipe: RowsRecipe, outputs: Sequence[TensorSpec]) -> RowsDecoder:
        if outputs[0].shape[-1] != 6:
            raise CardError(f"rows: expected 6 numbers in each row, found {list(outputs[0].shape)}")
        return RowsDecoder(outputs[0], recipe)


def write_network(path: Path, size: float, first: int = 0) -> Path:
    """Pictures [1, 3, 8, 8] -> rows [1, 4, 6]: boxes of `size` pixels, scores in 0..1, classes from `first` on.

    All six columns are one tensor, as in many detectors' exports: with large numbers its int8 grid loses the scores.
    """
    generator = np.random.default_rng(1)
    weights = generator.normal(0, 0.01, (24, 192)).astype(np.float32).reshape(4, 6, 192)
    weights[:, :4] *= size / 10
    weights[:, 5] = 0
    bias = np.array([[0, 0, size, size, 0.7, first + each] for each in range(4)], np.float32)
    bias[:, :4] += (np.arange(4) * size / 8)[:, None].astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["picture"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["numbers"], transB=1),
        helper.make_node("Reshape", ["numbers", "shape"], ["rows"]),
    ]
    constants = {
        "weights": weights.reshape(24, 192),
        "bias": bias.reshape(-1),
        "shape": np.array([1, 4, 6], np.int64),
    }
    graph = helper.make_graph(
        nodes, "rows",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [1, 4, 6])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
