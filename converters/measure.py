"""Runs written files in the runtime that a device would use, and compares them with their source."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.card import ModelCard
from edgemm.converters.described_tensors import described_tensors
from edgemm.converters.fidelity import Fidelity, Gate, Role, compare, stack
from edgemm.converters.fidelity import float_tolerance as float_tolerance
from edgemm.converters.fidelity import worst_error as worst_error
from edgemm.converters.fidelity.float_check import MAX_FLOAT_ERROR
from edgemm.converters.fidelity.meaning import NOTHING
from edgemm.converters.fidelity.task_gate import TaskFidelity
from edgemm.converters.fidelity.task_judge import task_judge, words_kept
from edgemm.converters.fidelity.trace import trace
from edgemm.converters.halving import first_failing, told
from edgemm.converters.heard import file_hears
from edgemm.converters.large_constants import beside
from edgemm.converters.latency import NOT_MEASURED, WARM_UP, Latency, measure_latency
from edgemm.converters.piece import Piece
from edgemm.converters.reference import GraphSource, Outputs, Truth, before_softmax
from edgemm.converters.samples import Samples
from edgemm.converters.shape_outputs import ClassMap, pieces_of, with_scores
from edgemm.converters.worker import How, Parcel, Session, opened
from edgemm.converters.written import Format, Settings, Written, write_plan
from edgemm.errors import ConversionError
from edgemm.quantize.calibration import MOVES_ONLY
from edgemm.quantize.plan import Plan
from edgemm.tasks.context import Context

Tick = Callable[[int, int], None]
"""Called with (done, total) after each sample."""


TIES = 1e-3
"""Of the numbers of classes in an output: two classes may score alike, and either number is right."""
SCORE_STEP = 2.0**-22
"""Two steps of float32 at 1: runtimes compute a sigmoid to that, and so differ in all digits of one of -16."""
COPIED_BYTES = 1 << 25
"""An .onnx file of at least that size is not opened as a device opens it, which takes four times its size for a moment,
but with its weights beside it: the runtime, its optimizations and its threads are the same."""
BEFORE = 4
"""Inferences of which the last is counted: after a wait for the next question, caches are cold and clocks low."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The outputs and the latency of one artifact."""

    outputs: tuple[Outputs, ...]
    """Per sample: name -> real numbers, in the source model's layout."""
    latency: Latency = NOT_MEASURED
    """Of one inference, where it was asked for."""


def run_artifact(
    written: Written,
    samples: Samples,
    *,
    emulate: bool = False,
    timed: bool = False,
    tick: Tick | None = None,
) -> Measured:
    """Every sample through the runtime that a device would use.

    Args:
        emulate: compute Q/DQ as written, without this machine's integer kernels: for targets whose
            integer arithmetic this machine does not have.
        timed: measure the latency too, on the last sample, once all have run.

    Raises:
        RunFailed: the runtime refuses the file, fails in it, or dies of it.
    """
    with opened(written.payload, written.format, _how(written, emulate), keep=True) as session:
        return _answers(session, written, samples, timed=timed, tick=tick)


def run_float_file(
    model: ir.Model,
    format_: Format,
    settings: Settings,
    samples: Samples,
    *,
    emulate: bool = False,
    timed: bool = False,
) -> Measured:
    """The float file of a graph in the same way; it is as large as the source, and is let go of once it is open.

    Raises:
        RunFailed: as `run_artifact`.
    """
    from edgemm.quantize import make_plan

    file = write_plan(model, make_plan(model, None, scheme="float"), format_, settings)
    bare, how = replace(file, payload=b""), _how(file, emulate)
    large = len(file.payload) >= COPIED_BYTES
    if format_ == "onnx" and how == "device" and large:
        parcel, how = Parcel(beside(file.payload)), "optimized"
    else:
        parcel = Parcel(file.payload)
    del file
    if large:
        gc.collect()  # what wrote and read the file lies in cycles, and would hold all of it
    with opened(parcel, format_, how) as session:
        return _answers(session, bare, samples, timed=timed)


def _answers(
    session: Session, file: Written, samples: Samples, *, timed: bool = False, tick: Tick | None = None
) -> Measured:
    """Every sample through an open file; of the file itself only its inputs and outputs are asked."""
    outputs, latency = [], NOT_MEASURED
    given: list[npt.NDArray[Any]] = []
    order_in = _positions(session.inputs, [port.spec.name for port in file.inputs])
    order_out = _positions([port.spec.name for port in file.outputs], session.outputs)
    for done, sample in enumerate(samples.inputs, 1):
        arrays = file.feed(sample)
        given = [arrays[index] for index in order_in]
        found = session.run(given)
        outputs.append(
            {
                port.name: port.restore(found[index])
                for port, index in zip(file.outputs, order_out, strict=True)
            }
        )
        if tick is not None:
            tick(done, len(samples))
    if timed and outputs:
        latency = measure_latency(lambda: _timed(session, given), warm=len(outputs) >= WARM_UP)
    return Measured(tuple(outputs), latency)


def _last(samples: Samples) -> Samples:
    return Samples(samples.inputs[-1:])


def _how(written: Written, emulate: bool) -> How:
    """Q/DQ as written, or as a device would compute it."""
    return "written" if emulate and written.format == "onnx" else "device"


def _timed(session: Session, arrays: Sequence[npt.NDArray[Any]]) -> int:
    """One inference right after others; nanoseconds."""
    return session.time(arrays, BEFORE)[-1]


def _positions(wanted: Sequence[str], found: Sequence[str]) -> list[int]:
    """Where each of `wanted` is in `found`; by place where the names are others."""
    same = set(wanted) == set(found)
    return [list(found).index(name) for name in wanted] if same else list(range(len(wanted)))


def run_float(model: ir.Model, samples: Samples) -> tuple[Outputs, ...]:
    """What a graph answers in onnxruntime."""
    return GraphSource(model, optimize=True).answers(samples)


def check_float(
    model: ir.Model,
    format_: Format,
    settings: Settings,
    samples: Samples,
    source: Truth | None = None,
    pieces: Sequence[Piece] = (),
) -> Measured:
    """The float file of a format against the source: a guard on passes and writer, before any rounding.

    Both are compared before a final softmax, which would hide a fault in what it saturates, and by their scores where
    the file gives classes: of two equal scores either is right.

    Args:
        source: the graph as it was read, and what it answered; None where it rounds by itself: the canonical graph
            instead.
        pieces: what has become of the source's outputs in `model`.

    Raises:
        ConversionError: an output differs by more than the runtime differs from itself.
    """
    compared = with_scores(model, pieces)
    truth = source if source is not None else Truth(compared, samples)
    parts = [each for each in pieces if compared is model or not isinstance(each, ClassMap)]
    cut, renamed = without_final_softmax(truth.model)
    opened_end, names = without_final_softmax(compared)
    scored = bool(names) and set(names.values()) == set(renamed.values())
    ends = opened_end if scored else compared
    whole = ends is model
    measured = run_float_file(model, format_, settings, samples if whole else _last(samples), timed=True)
    found = measured.outputs if whole else run_float_file(ends, format_, settings, samples).outputs
    if scored:
        found = tuple(_renamed(each, names) for each in found)
    answered = truth.scores(samples) if scored else truth.answers(samples)
    expected, known = stack([pieces_of(each, parts) for each in answered]), trace(compared)
    again: Outputs = {}
    scores = {str(value.name) for value in compared.graph.outputs if _is_score(value)}
    for name, values in stack(found).items():
        error, spread = worst_error(expected[name], values)
        if known.get(name, NOTHING).numbered and float(np.mean(values != expected[name])) <= TIES:
            continue
        least = max(SCORE_STEP if name in scores else 0.0, MAX_FLOAT_ERROR * spread)
        if error <= least:
            continue
        if not again:  # how far the runtime differs from itself is asked only where there is a difference
            optimized = GraphSource(cut if scored else truth.model, optimize=True).answers(samples)
            again = stack([pieces_of(_renamed(each, renamed), parts) for each in optimized])
        if not error <= max(float_tolerance(again[name], expected[name]), least):
            said = f"differs from the source by {error:.3g} on a range of {spread:.3g}; nothing was written."
            fault = "This is a fault in the converter: please report the model"
            if format_ == "onnx":
                written = run_float_file(ends, format_, settings, samples, emulate=True)
                plainly = (_renamed(each, names if scored else {}) for each in written.outputs)
                right = (
                    worst_error(expected[name], stack(tuple(plainly))[name])[0] <= MAX_FLOAT_ERROR * spread
                )
                fault = _blamed_on_optimizer(cut if scored else truth.model, samples) if right else fault
            raise ConversionError(f"output {name!r} of the float {format_} {said} {fault}")
    return measured


def _blamed_on_optimizer(truth: ir.Model, samples: Samples) -> str:
    """What to say of a file that is right node by node, and wrong as ONNX Runtime rewrites it."""
    one = Samples(samples.inputs[:1])

    def agrees(part: ir.Model) -> bool:
        try:
            plain, rewritten = (stack(GraphSource(part, optimize=way).answers(one)) for way in (False, True))
        except ConversionError:
            return True  # a part that does not run says nothing
        return all(
            worst_error(plain[name], rewritten[name])[0]
            <= MAX_FLOAT_ERROR * worst_error(plain[name], plain[name])[1]
            for name in plain
        )

    node = first_failing(truth, agrees)
    where = "" if node is None else f", in the source too, up to {told(node)}"
    return (
        f"ONNX Runtime's optimizer changes what this graph computes{where}: without it the file is right. Convert to "
        ".tflite, or write that part of the model in another way"
    )


def _is_score(value: ir.Value) -> bool:
    """A sigmoid's output, of whatever form."""
    node = value.producer()
    while node is not None and node.op_type in MOVES_ONLY and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return node is not None and node.op_type == "Sigmoid"


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Compares what files answer with what the source answered, once, on the same samples."""

    samples: Samples
    expected: tuple[Outputs, ...]
    """What the source answers, per sample."""
    roles: Mapping[str, Role]
    gate: Gate
    format: Format
    settings: Settings
    tick: Tick | None = None
    card: ModelCard | None = None
    """Of the source; where its task is judged by results, it is."""
    heard: Sequence[Sequence[Outputs]] = ()
    """What the source answers to each window of the samples' recordings."""

    def few(self, count: int) -> Judge:
        """The same on at most so many samples, evenly spread; right answers left out."""
        last = len(self.samples) - 1
        chosen = np.unique(np.linspace(0, last, min(count, last + 1)).astype(int))
        contexts = None if self.samples.truths else self.samples.contexts
        return replace(
            self,
            samples=Samples(tuple(self.samples.inputs[i] for i in chosen), contexts=_some(contexts, chosen)),
            expected=tuple(self.expected[i] for i in chosen),
            tick=None,
        )

    def written(self, file: Written, plan: Plan, *, timed: bool = True) -> tuple[Fidelity, Latency]:
        """What a file keeps, and its latency.

        Raises:
            RunFailed: it does not run.
        """
        emulate = is_emulated(file, plan)
        found = run_artifact(file, self.samples, emulate=emulate, timed=timed, tick=self.tick)
        task, states = self._by_task(file, found.outputs)
        if self.samples.recordings and self.card is not None:
            task = (*task, *self._by_words(file, self.card, _how(file, emulate)))
            states = tuple(pair.output for pair in self.card.states)
        fidelity = compare(
            stack(self.expected),
            stack(found.outputs),
            roles=self.roles,
            labels=self.samples.labels,
            gate=self.gate,
            task=task,
            states=states,
        )
        return replace(fidelity, samples=len(self.samples)), found.latency

    def _by_task(
        self, file: Written, found: Sequence[Outputs]
    ) -> tuple[tuple[TaskFidelity, ...], tuple[str, ...]]:
        """What the card's task says, and the outputs that it says nothing of: states."""
        judge = None if self.card is None else task_judge(self.card)
        if self.card is None or judge is None:
            return (), ()
        states = tuple(pair.output for pair in self.card.states)
        card = described_tensors(self.card, file)
        return judge.judge(card, file.outputs, self.expected, found, self.samples), states

    def _by_words(self, file: Written, card: ModelCard, how: How) -> tuple[TaskFidelity, ...]:
        """What the file loses of the words of recordings."""
        found = file_hears(file, card, self.samples.recordings, how)
        texts = [each.text for each in self.samples.recordings]
        return words_kept(described_tensors(card, file), file.outputs, self.heard, found, texts)

    def planned(self, model: ir.Model, plan: Plan) -> Fidelity:
        """What the file of a plan would keep."""
        return self.written(write_plan(model, plan, self.format, self.settings), plan, timed=False)[0]


def is_emulated(file: Written, plan: Plan) -> bool:
    """This machine's integer kernels compute otherwise than those of the target: Q/DQ is computed as written."""
    target = plan.target
    other = target.activations_symmetric or (target.saturates_here and file.format == "onnx")
    return other and plan.scheme != "float"


def _some(contexts: Sequence[Context] | None, chosen: npt.NDArray[Any]) -> tuple[Context, ...] | None:
    return None if contexts is None else tuple(contexts[i] for i in chosen)


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
        node, scores = value.producer(), before_softmax(value)
        if node is None or scores is None:
            continue
        outputs[index] = scores
        renamed[str(scores.name)] = str(value.name)
        copy.graph.remove(node, safe=True)
    return copy, renamed
