"""A TFLite graph in memory: tensors and operators, independent of the file format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.tflite.schema import Form
from edgemm.quantize.grid import Grid
from edgemm.quantize.names import unused_name


@dataclass(slots=True, eq=False)
class Tensor:
    """One tensor, computed or constant."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """numpy name."""
    grid: Grid | None = None
    """Of an int8 tensor or an int32 bias."""
    data: npt.NDArray[Any] | None = None
    """Of a constant, as stored."""

    @property
    def is_int8(self) -> bool:
        """True for a tensor of quantized real numbers."""
        return self.dtype == "int8" and self.grid is not None


@dataclass(slots=True, eq=False)
class Operator:
    """One builtin operator."""

    code: str
    """Its name in the schema: "CONV_2D"."""
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: dict[str, Any] = field(default_factory=dict)
    """Fields of its options table."""
    form: Form = "float"
    """Which row of schema.FORMS gives its version."""


@dataclass(slots=True, eq=False)
class Graph:
    """Operators in the order in which they run."""

    operators: list[Operator] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    subgraphs: list[Graph] = field(default_factory=list)
    """Of the main graph: what its loops run. Their operators name them by their place here, from 1 on."""

    def unique(self, name: str) -> str:
        """`name`, or with a number behind it when there is one of that name."""
        chosen = unused_name(name, self.names)
        self.names.add(chosen)
        return chosen

    def tensor(self, name: str, shape: tuple[int, ...], dtype: str, grid: Grid | None = None) -> Tensor:
        """A tensor that an operator will compute."""
        return Tensor(self.unique(name), tuple(int(size) for size in shape), dtype, grid)

    def constant(self, name: str, data: npt.NDArray[Any], grid: Grid | None = None) -> Tensor:
        """A tensor whose content is known."""
        stored = np.asarray(data)  # a transposed view stays one: it is put in order when the file is packed
        return Tensor(self.unique(name), stored.shape, stored.dtype.name, grid, stored)

    def tensors(self) -> list[Tensor]:
        """All tensors, each once, in order of first use."""
        ordered: dict[int, Tensor] = {id(tensor): tensor for tensor in self.inputs}
        for operator in self.operators:
            for tensor in (*operator.inputs, *operator.outputs):
                if tensor is not None:
                    ordered.setdefault(id(tensor), tensor)
        for tensor in self.outputs:
            ordered.setdefault(id(tensor), tensor)
        return list(ordered.values())
