"""A plan as the bytes of one format, and the conversion between the source's arrays and the stored ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.plan import Plan
from edgemm.tensors import TensorSpec

Format = Literal["tflite", "onnx"]


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output: as the source model has it, and as the artifact stores it."""

    name: str
    """In the source model."""
    spec: TensorSpec
    """In the artifact."""
    layout: str = ""
    """"NHWC" or "NCHW" where the writer knows it."""
    permutation: tuple[int, ...] | None = None
    """np.transpose axes from the source's array to the stored one."""

    def store(self, real: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The source model's array -> what the artifact's tensor holds."""
        array = real if self.permutation is None else real.transpose(self.permutation)
        return np.ascontiguousarray(self.spec.quantize(array)).reshape(self.spec.shape)

    def restore(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What the artifact's tensor holds -> real numbers in the source model's layout."""
        array = self.spec.dequantize(stored)
        return array if self.permutation is None else array.transpose(np.argsort(self.permutation))


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """The bytes of an artifact, card and goldens not yet in it."""

    format: Format
    payload: bytes
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def feed(self, sample: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """A sample of the source model as the artifact's input tensors, in order."""
        return [port.store(sample[port.name]) for port in self.inputs]


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of the output file."""

    opset: int = 17
    io: Literal["float", "int8"] = "float"
    """ONNX: type of the inputs and outputs of a static int8 model. Those of TFLite are then int8 in any case."""
    keep_layout: bool = False
    """TFLite: leave pictures NCHW at the inputs and outputs."""
    states: tuple[tuple[str, str], ...] = ()
    """TFLite: output and input of each state; both get one layout."""


def write_plan(model: ir.Model, plan: Plan, format_: Format, settings: Settings) -> Written:
    """Writes the canonical graph with the plan's numbers, and has the file checked.

    Raises:
        UnsupportedOperator: the format cannot express an operator of the graph.
    """
    if format_ == "tflite":
        from edgemm.converters.tflite import check_tflite, write_tflite

        tflite = write_tflite(model, plan, keep_layout=settings.keep_layout, states=dict(settings.states))
        check_tflite(tflite.payload)
        return Written(
            "tflite",
            tflite.payload,
            _ports(model.graph.inputs, tflite.inputs),
            _ports(model.graph.outputs, tflite.outputs),
        )
    from edgemm.converters.onnx_writer import check_onnx, write_onnx

    onnx = write_onnx(model, plan, opset=settings.opset, io=settings.io)
    check_onnx(onnx.payload)
    ins = tuple(Port(str(v.name), s) for v, s in zip(model.graph.inputs, onnx.inputs, strict=True))
    outs = tuple(Port(str(v.name), s) for v, s in zip(model.graph.outputs, onnx.outputs, strict=True))
    return Written("onnx", onnx.payload, ins, outs)


def _ports(values: Sequence[ir.Value], ports: Sequence[Any]) -> tuple[Port, ...]:
    return tuple(
        Port(str(value.name), port.spec, port.layout, port.permutation)
        for value, port in zip(values, ports, strict=True)
    )
