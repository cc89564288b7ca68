"""Runs a written artifact and its float source on the same inputs, and compares."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy.typing as npt
import onnx_ir as ir

from edgemm.artifact import Artifact
from edgemm.converters.fidelity import Fidelity, Gate, compare, roles_of, stack
from edgemm.converters.fidelity import worst_error as worst_error
from edgemm.converters.realise import Format, Realised, Settings, realise
from edgemm.converters.samples import Samples
from edgemm.errors import ConversionError, UnsupportedOperator
from edgemm.quantize.plan import Plan
from edgemm.quantize.reference import Reference

Outputs = dict[str, npt.NDArray[Any]]
Tick = Callable[[int, int], None]
"""Called with (done, total) after each sample."""

MAX_FLOAT_ERROR = 1e-4
"""Of the output's range: a float file that differs by more from its source is a fault of the writer."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What one artifact gave."""

    outputs: tuple[Outputs, ...]
    """Per sample: name -> real numbers, in the source model's layout."""
    latency_ms: float
    """Median of one inference, one thread, this machine."""


def run_artifact(
    realised: Realised, samples: Samples, *, emulate: bool = False, tick: Tick | None = None
) -> Measured:
    """Every sample through the runtime that a device would use.

    Args:
        emulate: compute Q/DQ as written, without this machine's integer kernels: for targets whose
            integer arithmetic this machine does not have.
    """
    run = _emulated(realised) if emulate and realised.format == "onnx" else _native(realised)
    outputs, times = [], []
    for done, sample in enumerate(samples.inputs, 1):
        arrays = realised.feed(sample)
        began = time.perf_counter_ns()
        found = run(arrays)
        times.append(time.perf_counter_ns() - began)
        outputs.append(
            {port.name: port.restore(array) for port, array in zip(realised.outputs, found, strict=True)}
        )
        if tick is not None:
            tick(done, len(samples))
    return Measured(tuple(outputs), median(times) / 1e6)


Run = Callable[[Sequence[npt.NDArray[Any]]], list[npt.NDArray[Any]]]


def _native(realised: Realised) -> Run:
    from edgemm.backends import open_backend

    payload = Artifact(
        Path("<conversion>"), realised.format, realised.payload, None, None, len(realised.payload)
    )
    backend = open_backend(payload, delegate="cpu")
    order_in = _positions([port.spec.name for port in realised.inputs], [s.name for s in backend.inputs])
    order_out = _positions([port.spec.name for port in realised.outputs], [s.name for s in backend.outputs])

    def run(arrays: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        for index, array in zip(order_in, arrays, strict=True):
            backend.input_buffer(index)[...] = array
        backend.run()
        return [backend.output_buffer(index).copy() for index in order_out]

    return run


def _positions(wanted: Sequence[str], found: Sequence[str]) -> list[int]:
    return (
        [list(found).index(name) for name in wanted]
        if set(wanted) == set(found)
        else list(range(len(wanted)))
    )


def _emulated(realised: Realised) -> Run:
    reference = Reference(realised.payload, optimize=False)

    def run(arrays: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        names = [port.spec.name for port in realised.inputs]
        found = reference.run(dict(zip(names, arrays, strict=True)))
        return [found[port.spec.name] for port in realised.outputs]

    return run


def run_float(model: ir.Model, samples: Samples) -> Measured:
    """Every sample through the canonical float graph."""
    reference = Reference(model)
    outputs, times = [], []
    for sample in samples.inputs:
        began = time.perf_counter_ns()
        outputs.append(reference.run(sample))
        times.append(time.perf_counter_ns() - began)
    return Measured(tuple(outputs), median(times) / 1e6)


def check_float(
    model: ir.Model,
    format_: Format,
    settings: Settings,
    samples: Samples,
    source: ir.Model | None = None,
) -> Measured:
    """The float file of a format against the source: a guard on passes and writer, before any rounding.

    Args:
        source: the graph as it was read; None, or one that onnxruntime cannot run: the canonical graph instead.

    Raises:
        ConversionError: an output differs by more than MAX_FLOAT_ERROR of its range.
    """
    from edgemm.quantize import make_plan

    written = realise(model, make_plan(model, None, scheme="float"), format_, settings)
    found = run_artifact(written, samples)
    for name, truth in stack(_expected(model, source, samples)).items():
        error, spread = worst_error(truth, stack(found.outputs)[name])
        if not error <= MAX_FLOAT_ERROR * spread:
            raise ConversionError(
                f"output {name!r} of the float {format_} differs from the source by {error:.3g} on a range of "
                f"{spread:.3g}; nothing was written. This is a fault in the converter: please report the model"
            )
    return found


def _expected(model: ir.Model, source: ir.Model | None, samples: Samples) -> tuple[Outputs, ...]:
    if source is not None:
        with contextlib.suppress(UnsupportedOperator):
            return run_float(source, samples).outputs
    return run_float(model, samples).outputs


def measure(
    model: ir.Model,
    plan: Plan,
    format_: Format,
    settings: Settings,
    samples: Samples,
    *,
    classifier: bool,
    gate: Gate | None = None,
    reference: ir.Model | None = None,
    tick: Tick | None = None,
) -> tuple[Fidelity, float]:
    """Fidelity before a final softmax, and the artifact's median latency in ms.

    The softmax would hide errors in what it saturates, so it is left out of both sides.

    Args:
        reference: the float graph to compare with, where `model` is not that any more: its biases are corrected.
    """
    open_ended, renamed = without_final_softmax(model)
    written = realise(open_ended, plan, format_, settings)
    emulate = plan.target.activations_symmetric or (plan.target.weight_dtype == "int8" and format_ == "onnx")
    found = run_artifact(written, samples, emulate=emulate and plan.scheme != "float", tick=tick)
    truth, names = without_final_softmax(reference or model)
    expected = run_float(truth, samples)
    fidelity = compare(
        _renamed(stack(expected.outputs), names),
        _renamed(stack(found.outputs), renamed),
        roles=roles_of(reference or model, "classification") if classifier else None,
        labels=samples.labels,
        gate=gate,
    )
    return replace(fidelity, samples=len(samples)), found.latency_ms


def _renamed(arrays: Mapping[str, npt.NDArray[Any]], names: Mapping[str, str]) -> Outputs:
    return {names.get(name, name): array for name, array in arrays.items()}


def without_final_softmax(model: ir.Model) -> tuple[ir.Model, dict[str, str]]:
    """A copy whose outputs are the inputs of the softmax that ends them.

    Returns:
        The copy, and new output name -> the name it had.
    """
    copy = model.clone()
    renamed: dict[str, str] = {}
    outputs = copy.graph.outputs
    for index, value in enumerate(outputs):
        node = value.producer()
        scores = node.inputs[0] if node is not None and node.op_type in ("Softmax", "LogSoftmax") else None
        if (
            node is None
            or scores is None
            or value.uses()
            or scores.producer() is None
            or scores.is_graph_output()
        ):
            continue
        outputs[index] = scores
        renamed[str(scores.name)] = str(value.name)
        copy.graph.remove(node, safe=True)
    return copy, renamed
