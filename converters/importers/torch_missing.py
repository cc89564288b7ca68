"""Operators of which torch's exporter has no ONNX form, or a poor one: forms of some, and what to say of the rest."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from edgemm.errors import UnsupportedOperator

MISSING = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.:]+)'")
"""How the exporter says that it has none."""
INSTEAD = (
    "Write it in other operators in forward(), or convert what the older exporter writes: "
    "torch.onnx.export(module, inputs, 'model.onnx', dynamo=False)"
)


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What torch.onnx.export takes as its custom_translation_table."""
    import torch
    from onnxscript import opset18 as op

    def prod(inp: Any, dims: Sequence[int], *, output_dtype: int | None = None) -> Any:
        """What torch.cumprod is taken apart into."""
        return op.ReduceProd(inp, op.Constant(value_ints=list(dims)), keepdims=0)

    def cdist(x1: Any, x2: Any, p: float, compute_mode: int | None = None) -> Any:
        """The p-norm of the difference of every row of x1 and every row of x2."""
        before, last = (op.Constant(value_ints=[each]) for each in (-3, -1))
        rows, columns = op.Unsqueeze(x1, op.Constant(value_ints=[-2])), op.Unsqueeze(x2, before)
        apart = op.Sub(rows, columns)
        if p == 2.0:
            return op.ReduceL2(apart, last, keepdims=0)
        size = op.Abs(apart)
        if p == 1.0:
            return op.ReduceSum(size, last, keepdims=0)
        if math.isinf(p):
            return op.ReduceMax(size, last, keepdims=0)
        power, root = (op.Constant(value_float=each) for each in (p, 1.0 / p))
        return op.Pow(op.ReduceSum(op.Pow(size, power), last, keepdims=0), root)

    def rrelu(
        self: Any,
        noise: Any,
        lower: float = 0.125,
        upper: float = 1.0 / 3.0,
        training: bool = False,
        generator: Any = None,
    ) -> Any:
        """Without training: LeakyRelu with the mean of both slopes."""
        return op.LeakyRelu(self, alpha=(lower + upper) / 2.0), noise

    def log_sigmoid(self: Any) -> Any:
        """-softplus(-x): the exporter's log(sigmoid(x)) is infinite where e^x is less than float32's rounding of 1."""
        return op.Neg(op.Softplus(op.Neg(self)))

    aten = torch.ops.aten
    named = (
        (torch.ops.prims, "prod", prod),
        (aten, "_cdist_forward", cdist),
        (aten, "log_sigmoid", log_sigmoid),
        (aten, "rrelu_with_noise_functional", rrelu),
    )
    return {
        getattr(library, name).default: written for library, name, written in named if hasattr(library, name)
    }


def missing_operator(reason: str) -> str:
    """The operator that the exporter says it has no form of; "" where it says something else."""
    found = MISSING.search(reason)
    return found[1] if found else ""


def refuse_projections(program: Any, name: str) -> None:
    """Refuses nn.LSTM with a projection, which ONNX's LSTM lacks, and which torch exports as if it were not there.

    Args:
        program: a module, or an exported program.

    Raises:
        UnsupportedOperator: there is one.
    """
    found = next(_projected(program), None)
    if found is not None:
        raise UnsupportedOperator(
            f"{name}: layer {found[0]!r} (nn.LSTM) has proj_size {found[1]}, and ONNX's LSTM has no projection. Train "
            "it with proj_size 0 and nn.Linear behind it, or write its steps out in forward()"
        )


def _projected(program: Any) -> Iterator[tuple[str, int]]:
    """Name and width of the projections."""
    import torch

    if isinstance(program, torch.nn.Module):
        for name, layer in program.named_modules():
            if isinstance(layer, torch.nn.LSTM) and layer.proj_size:
                yield name, layer.proj_size
        return
    for node in program.graph.nodes:
        if node.target is not torch.ops.aten.lstm.input:
            continue
        _, hidden, params, _, layers, _, _, both, *_ = node.args
        each = len(params) // (layers * (2 if both else 1))
        if each % 2:  # two weights and two biases, and the projection
            stack = list(node.meta.get("nn_module_stack", {}).values())
            yield (stack[-1][0] if stack else str(node.name)), int(hidden[0].meta["val"].shape[-1])
