"""The graph builder that the families share: nodes one by one, weights and inputs seeded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from tests.differential.runtimes import run_onnx

Array = npt.NDArray[Any]
Random = np.random.Generator
Draw = Callable[[Random], Array]
"""One sample of one input."""


def normal(*shape: int, dtype: str = "float32", scale: float = 1.0) -> Draw:
    """Noise around zero, as inputs are after normalization."""
    return lambda random: (scale * random.standard_normal(shape)).astype(dtype)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0, dtype: str = "float32") -> Draw:
    """Noise between two ends."""
    return lambda random: random.uniform(low, high, shape).astype(dtype)


def whole(*shape: int, low: int = 0, high: int, dtype: str = "int64") -> Draw:
    """Whole numbers from `low` to `high` - 1."""
    return lambda random: random.integers(low, high, shape).astype(dtype)


def flags(*shape: int, share: float = 0.5) -> Draw:
    """Booleans, of which `share` are true."""
    return lambda random: random.random(shape) < share


class GraphBuilder:
    """One ONNX graph in the making; equal seeds make equal graphs.

    Args:
        random: what every weight and every choice of the family is drawn from.
        opset: of the file.
        dtype: of the weights and the noise: "float32", or "float16" for a source in half precision.
    """

    def __init__(self, random: Random, opset: int, dtype: str = "float32") -> None:
        self.random, self.opset, self.dtype = random, opset, dtype
        self.draws: dict[str, Draw] = {}
        """Input name -> how its samples are drawn."""
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[str] = []
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def input(self, draw: Draw, name: str = "") -> str:
        """An input of the shape and type that `draw` gives."""
        name = name or f"x{len(self._inputs)}"
        array = draw(np.random.default_rng(0))
        element = helper.np_dtype_to_tensor_dtype(array.dtype)
        self._inputs.append(helper.make_tensor_value_info(name, element, list(array.shape)))
        self.draws[name] = draw
        return name

    def noise(self, *shape: int, scale: float = 1.0) -> str:
        """An input of normal noise in the graph's own precision."""
        return self.input(normal(*shape, dtype=self.dtype, scale=scale))

    def constant(self, value: Any, dtype: str = "") -> str:
        """An initializer. Plain Python numbers become the graph's own precision."""
        array = np.asarray(
            value, dtype or (None if isinstance(value, np.ndarray | np.generic) else self.dtype)
        )
        name = f"c{len(self._constants)}"
        self._constants.append(
            onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        )
        return name

    def whole(self, *values: int) -> str:
        """Sizes, axes and indices: int64[n]."""
        return self.constant(np.array(values, np.int64))

    def weight(self, *shape: int, gain: float = 1.0) -> str:
        """Normal weights that keep the variance of what they are applied to (all but the first dimension summed)."""
        inside = max(1, int(np.prod(shape[1:])))
        return self.constant((gain * self.random.standard_normal(shape) / inside**0.5).astype(self.dtype))

    def spread(self, *shape: int, low: float = -0.3, high: float = 0.3) -> str:
        """Uniform constants, such as biases."""
        return self.constant(self.random.uniform(low, high, shape).astype(self.dtype))

    def nodes(self, operator: str, *inputs: str, count: int, **attributes: Any) -> tuple[str, ...]:
        """A node of several outputs; empty input names are left out of it."""
        names = tuple(f"t{len(self._nodes)}_{index}" for index in range(count))
        self._nodes.append(helper.make_node(operator, list(inputs), list(names), **attributes))
        return names

    def __call__(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node of one output."""
        return self.nodes(operator, *inputs, count=1, **attributes)[0]

    def choose(self, *options: Any) -> Any:
        """One of the options."""
        return options[int(self.random.integers(len(options)))]

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.random.integers(low, high + 1))

    def maybe(self, share: float = 0.5) -> bool:
        """True at times."""
        return bool(self.random.random() < share)

    def shape(self, value: str) -> tuple[int, ...]:
        """Of a value: what shape inference knows, else what running the graph so far shows."""
        inferred = onnx.shape_inference.infer_shapes(self._model([value]), data_prop=True).graph
        info = next(each for each in (*inferred.output, *inferred.input) if each.name == value)
        dims = info.type.tensor_type.shape.dim
        if dims and all(dim.HasField("dim_value") for dim in dims):
            return tuple(dim.dim_value for dim in dims)
        sample = {name: draw(np.random.default_rng(0)) for name, draw in self.draws.items()}
        (found,) = run_onnx(self._model([value]).SerializeToString(), [sample], optimize=False)
        return tuple(found[0].shape)

    def output(self, *values: str) -> None:
        """Further outputs of the graph."""
        self._outputs.extend(values)

    def model(self) -> onnx.ModelProto:
        """The finished file, with the types of its outputs told."""
        bare = self._model(self._outputs)
        inferred = onnx.shape_inference.infer_shapes(bare, data_prop=True)
        for info, known in zip(bare.graph.output, inferred.graph.output, strict=True):
            element = known.type.tensor_type.elem_type
            info.CopyFrom(helper.make_tensor_value_info(info.name, element, list(self.shape(info.name))))
        return bare

    def _model(self, outputs: Sequence[str]) -> onnx.ModelProto:
        found: Mapping[str, onnx.ValueInfoProto] = {each.name: each for each in self._inputs}
        infos = [found.get(name) or onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(self._nodes, "graph", self._inputs, infos, self._constants)
        opsets = [helper.make_opsetid("", self.opset)]
        version = helper.find_min_ir_version_for(opsets)
        return helper.make_model(graph, opset_imports=opsets, ir_version=version)
