"""The source in its own runtime, which every written file is compared with.

An ONNX source in ONNX Runtime, every node as it stands; a torch module in torch; a .tflite file in LiteRT. A quantized
source answers with its own rounding and its own saturation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.halving import first_failing, told
from edgemm.converters.samples import Sample, Samples
from edgemm.converters.worker import RunFailed, opened
from edgemm.errors import ConversionError
from edgemm.excerpt import excerpt
from edgemm.quantize.reference import serialize

Outputs = dict[str, npt.NDArray[Any]]
EXPORT_ERROR = 1e-3
"""Of an output's range: more than that between torch and its own export is a fault of the export."""
MOST = 300
"""Characters of what a runtime says."""
REMEDY = "Check it with onnx.checker, or update its runtime"
HALVES = (np.dtype(np.float16), np.dtype(np.float64))


class Source(Protocol):
    """Runs the source."""

    def answers(self, samples: Samples) -> tuple[Outputs, ...]:
        """Per sample: output name -> real numbers, in the source's layout.

        Raises:
            RunFailed: its runtime cannot run it.
        """


@dataclass(frozen=True, slots=True, eq=False)
class GraphSource:
    """An ONNX graph in ONNX Runtime, in the worker."""

    model: ir.Model
    optimize: bool = False

    def answers(self, samples: Samples) -> tuple[Outputs, ...]:
        """As ONNX Runtime gives them; half and double precision as float32."""
        kinds = {str(value.name): value.dtype for value in self.model.graph.inputs}
        with opened(serialize(self.model), "onnx", "optimized" if self.optimize else "written") as session:
            found = []
            for sample in samples.inputs:
                arrays = [_typed(sample[name], kinds[name]) for name in session.inputs]
                found.append(dict(zip(session.outputs, map(_single, session.run(arrays)), strict=True)))
            return tuple(found)


def _typed(array: npt.NDArray[Any], kind: ir.DataType | None) -> npt.NDArray[Any]:
    return array if kind is None else np.asarray(array, kind.numpy())


def _single(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.astype(np.float32) if array.dtype in HALVES else array


@dataclass(frozen=True, slots=True, eq=False)
class TorchSource:
    """A torch module in torch, in this process: it is code, not a file."""

    module: Any
    inputs: tuple[str, ...]
    """Names of the exported graph's inputs, in the order of the module's arguments."""
    outputs: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    """NumPy's names of the types that the module takes, for each input; () for those of the samples."""

    def answers(self, samples: Samples) -> tuple[Outputs, ...]:
        """As torch gives them, in evaluation mode.

        Raises:
            RunFailed: the module raises, or gives other outputs than its export.
        """
        import torch

        from edgemm.converters.importers.torch_module import evaluating

        with evaluating(self.module), torch.no_grad():
            return tuple(self._one(sample) for sample in samples.inputs)

    def _one(self, sample: Sample) -> Outputs:
        import torch
        from torch.utils import _pytree

        kinds = [np.dtype(each) for each in self.kinds] or [sample[name].dtype for name in self.inputs]
        arrays = [np.array(sample[name], kind) for name, kind in zip(self.inputs, kinds, strict=True)]
        given = [torch.from_numpy(each) for each in arrays]
        try:
            answered = self.module(*given)
        except Exception as error:  # the module's own code
            raise RunFailed(f"{type(error).__name__}: {error}") from error
        leaves = [each for each in _pytree.tree_leaves(answered) if isinstance(each, torch.Tensor)]
        if len(leaves) != len(self.outputs):
            raise RunFailed(f"expected {len(self.outputs)} outputs, found {len(leaves)}")
        return {name: _single(each.numpy()) for name, each in zip(self.outputs, leaves, strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What a source answers, and who answered in its place."""

    outputs: tuple[Outputs, ...]
    note: str = ""
    """Why it was not the first of the sources; empty where it was."""
    failed: int = 0
    """How many sources before it did not run."""


def answers_of(sources: Sequence[tuple[Source, str]], samples: Samples, remedy: str = REMEDY) -> Answered:
    """What the first of them that runs answers.

    Args:
        sources: what may answer, best first, each with a note for when it cannot.
        remedy: what to do where none runs.

    Raises:
        ConversionError: none of them runs.
    """
    said = ""
    for failed, (source, note) in enumerate(sources):
        try:
            return Answered(source.answers(samples), said, failed)
        except RunFailed as error:
            where = _deadly(source, samples) if error.died else ""
            said = said or f"{note} ({where}{excerpt(error, MOST)})"
    raise ConversionError(f"nothing runs the source: {said}. {remedy}")


def _deadly(source: Source, samples: Samples) -> str:
    """At which node of a graph its runtime dies, for a sentence; "" where no node alone is to blame."""
    if not isinstance(source, GraphSource):
        return ""
    one = Samples(samples.inputs[:1])

    def runs(part: ir.Model) -> bool:
        try:
            GraphSource(part).answers(one)
        except RunFailed as error:
            return not error.died  # a part that is refused says nothing of what it dies of
        return True

    node = first_failing(source.model, runs)
    return "" if node is None else f"{told(node)}: "
