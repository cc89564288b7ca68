"""The source in its own runtime, which every written file is compared with.

An ONNX source in ONNX Runtime, every node as it stands; a torch module in torch; a .tflite file in LiteRT. A quantized
source answers with its own rounding and its own saturation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.halving import first_failing, told
from edgemm.converters.samples import Sample, Samples
from edgemm.converters.worker import RunFailed, opened
from edgemm.errors import ConversionError
from edgemm.excerpt import excerpt
from edgemm.quantize.reference import apart

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
        with opened(apart(self.model), "onnx", "optimized" if self.optimize else "written") as session:
            found = []
            for sample in samples.inputs:
                arrays = [_typed(sample[name], kinds[name]) for name in session.inputs]
                found.append(dict(zip(session.outputs, map(_single, session.run(arrays)), strict=True)))
            return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """An ONNX graph in ONNX Runtime, every node as it stands, which is run once for each sample that is compared more
    than once: its outputs, and the scores before a softmax that ends it, come out of one run."""

    model: ir.Model
    few: Samples
    """Samples of which the answers are kept."""
    _kept: dict[int, Outputs] = field(default_factory=dict)
    """id of a sample of `few` -> the outputs and the scores."""

    def answers(self, samples: Samples) -> tuple[Outputs, ...]:
        """As `GraphSource` gives them."""
        own = [str(value.name) for value in self.model.graph.outputs]
        return tuple({name: each[name] for name in own} for each in self._all(samples))

    def scores(self, samples: Samples) -> tuple[Outputs, ...]:
        """The same, with the scores before a softmax that ends the graph in place of the output, under its name."""
        before = _scores_of(self.model)
        names = {
            str(value.name): before.get(str(value.name), value).name for value in self.model.graph.outputs
        }
        return tuple({name: each[str(inner)] for name, inner in names.items()} for each in self._all(samples))

    def _all(self, samples: Samples) -> list[Outputs]:
        missing = [each for each in samples.inputs if id(each) not in self._kept]
        found = dict(zip(map(id, missing), self._run(missing), strict=True))
        few = {id(each) for each in self.few.inputs}
        self._kept.update((key, answer) for key, answer in found.items() if key in few)
        return [found[key] if key in found else self._kept[key] for key in map(id, samples.inputs)]

    def _run(self, inputs: Sequence[Sample]) -> tuple[Outputs, ...]:
        """
        Raises:
            RunFailed: ONNX Runtime cannot run it.
        """
        if not inputs:
            return ()
        opened_up = self.model.clone()
        before = _scores_of(opened_up)
        opened_up.graph.outputs.extend(dict.fromkeys(before.values()))
        return GraphSource(opened_up).answers(Samples(tuple(inputs)))


def _scores_of(model: ir.Model) -> Mapping[str, ir.Value]:
    """Name of an output that a softmax makes -> what it is made of, where nothing else reads the output."""
    found: dict[str, ir.Value] = {}
    for value in model.graph.outputs:
        scores = before_softmax(value)
        if scores is not None and scores not in found.values():
            found[str(value.name)] = scores
    return found


def before_softmax(output: ir.Value) -> ir.Value | None:
    """The scores that a softmax makes an output of, where nothing else reads that output; None for other outputs."""
    node = output.producer()
    scores = node.inputs[0] if node is not None and node.op_type in ("Softmax", "LogSoftmax") else None
    if scores is None or output.uses() or scores.producer() is None or scores.is_graph_output():
        return None
    return scores


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
    if not isinstance(source, GraphSource | Truth):
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
