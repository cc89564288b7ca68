"""The latency of a torch module as the file that it becomes, for pruning to a target in milliseconds."""

from __future__ import annotations

import weakref
from typing import Any

from edgemm.converters.importers.torch_module import check_example_inputs, export_torch
from edgemm.converters.measure import run_artifact
from edgemm.converters.passes import canonicalize
from edgemm.converters.samples import Samples
from edgemm.converters.written import Format, Settings, Written, write_plan
from edgemm.errors import InputError


class ModuleLatency:
    """A callable: a torch module -> milliseconds of one inference of its float file here, one thread, the median.

    The module is written as a float .onnx or .tflite file and run in the runtime that a device would use, in a process
    of its own. A module that is measured again is not written again, unless a parameter changed its shape.

    Example:
        prune(network, inputs, target="ms=4", measure=ModuleLatency(inputs, "tflite"))
    """

    def __init__(self, example_inputs: tuple[Any, ...], format_: Format = "onnx") -> None:
        """Raises InputError where the inputs are no tuple of tensors, or the format is not known."""
        check_example_inputs(example_inputs)
        if format_ not in ("onnx", "tflite"):
            raise InputError(f"the format is onnx or tflite, not {format_!r}")
        self._inputs, self._format = tuple(example_inputs), format_
        self._known: weakref.WeakKeyDictionary[Any, tuple[Any, Written, Samples]] = (
            weakref.WeakKeyDictionary()
        )

    def __call__(self, module: Any) -> float:
        """Milliseconds.

        Raises:
            ConversionError: the module cannot be written in this format, or does not run.
        """
        shapes = [tuple(each.shape) for each in module.parameters()]
        if module not in self._known or self._known[module][0] != shapes:
            self._known[module] = (shapes, *self._written(module))
        _, written, samples = self._known[module]
        return run_artifact(written, samples, timed=True).latency.median_ms

    def _written(self, module: Any) -> tuple[Written, Samples]:
        from edgemm.quantize import make_plan

        model = export_torch(module, self._inputs)
        canonicalize(model)
        if self._format == "tflite":
            from edgemm.converters.tflite.expand import expand_for_tflite

            expand_for_tflite(model)
        written = write_plan(model, make_plan(model, None, scheme="float"), self._format, Settings())
        arrays = [each.detach().cpu().numpy() for each in self._inputs if hasattr(each, "detach")]
        names = [str(value.name) for value in model.graph.inputs]
        return written, Samples((dict(zip(names, arrays, strict=False)),))
