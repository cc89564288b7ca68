"""Compares the outputs of the written file, opened again, with those of the source."""

from __future__ import annotations

from time import monotonic

import numpy as np
import onnx_ir as ir

from edgemm.converters.diagnose import diagnose
from edgemm.converters.fidelity import MIN_SNR_DB, Fidelity, Role, roles_of
from edgemm.converters.measure import Judge
from edgemm.converters.passes.rewrite import array_of
from edgemm.converters.pipeline.work import Work
from edgemm.converters.prepare import Prepared
from edgemm.converters.recordings import source_hears
from edgemm.converters.shape_outputs import ClassMap


def measure(work: Work) -> None:
    """The fidelity of the written file."""
    work.judge = judge_of(work)
    measure_again(work)
    work.notes += _without_decibels(work) + _without_labels(work)


def measure_again(work: Work) -> None:
    """The fidelity of another file of the same source, by the same judge."""
    begin = monotonic()
    work.fidelity, work.latency = work.judge.written(work.written, work.plan)
    work.measured_s = monotonic() - begin


def judge_of(work: Work) -> Judge:
    """What compares files with the source."""
    options = work.options
    return Judge(
        work.judged_on,
        work.expected,
        (_on_noise(work.prepared) if work.noise else _roles(work.prepared)) | _class_numbers(work.prepared),
        options.limits,
        options.format,
        options.settings,
        lambda done, total: work.tell("measuring", done, total),
        None if work.noise else work.prepared.card,
        source_hears(work.prepared, work.judged_on.recordings),
    )


def _without_decibels(work: Work) -> list[str]:
    """Notes on outputs that the given limit in dB does not apply to."""
    if work.options.min_db == MIN_SNR_DB:
        return []
    return [
        f"min_db (--min-db) does not apply to output {each.name!r}: it holds scores of classes, and is judged by "
        f"{'the accuracy' if each.accuracy is not None else 'how often the best class is the same'}"
        for each in work.fidelity.outputs
        if each.top1_agreement is not None or each.accuracy is not None
    ]


LABELS_UNUSED = (
    "the labels of the data were not used: no output is known to hold scores of classes. A card with the task "
    "classification says so (--card, --preset)"
)


def _without_labels(work: Work) -> list[str]:
    """A note where answers were given, and no output was held against them."""
    given = work.judged_on.labels is not None and work.judged_on.truths is None
    used = any(each.accuracy is not None for each in work.fidelity.outputs) or work.fidelity.task
    return [LABELS_UNUSED] if given and not used and work.prepared.card.task == "tensors" else []


def _roles(prepared: Prepared) -> dict[str, Role]:
    """What each output means."""
    task = None if prepared.card.task == "tensors" else prepared.card.task
    return roles_of(prepared.model, task, [pair.output for pair in prepared.card.states])


def _on_noise(prepared: Prepared) -> dict[str, Role]:
    """What holds on noise too: scores in 0..1 that are all next to nothing are as good as each other, and numbers of
    classes have no size."""
    held = {
        name: Role(bounded=role.bounded and role.class_axis is None, class_numbers=role.class_numbers)
        for name, role in _roles(prepared).items()
    }
    return {name: role for name, role in held.items() if role != Role()}


def _class_numbers(prepared: Prepared) -> dict[str, Role]:
    """Of outputs whose scores have become classes."""
    return {each.name: Role(class_numbers=True) for each in prepared.pieces if isinstance(each, ClassMap)}


def not_finite_because(prepared: Prepared, fidelity: Fidelity) -> str:
    """Why an output is nowhere finite in the source, a sentence; "" where its graph does not show it."""
    graph = prepared.model.graph
    for value in graph.outputs:
        if not any(each.name == value.name and each.not_measured == "source" for each in fidelity.outputs):
            continue
        before = _behind(value)
        if not any(each.is_graph_input() for each in before):
            return f"Output {value.name!r} is a constant, which does not depend on the input."
        for each in before:
            array = array_of(each)
            if array is not None and array.dtype.kind == "f" and np.isnan(array).any():
                return f"The constant {each.name!r}, on which it depends, holds NaN."
    return ""


def _behind(value: ir.Value) -> list[ir.Value]:
    """The value and all that it is computed of, nearest first."""
    found, waiting = {value: None}, [value]
    for each in waiting:
        node = each.producer()
        new = [one for one in (node.inputs if node else ()) if one is not None and one not in found]
        found |= dict.fromkeys(new)
        waiting += dict.fromkeys(new)
    return list(found)


def explain(work: Work) -> None:
    """Which layer loses how much, where that was asked for."""
    if not work.options.explain or work.plan.scheme == "float":
        return
    if work.fidelity.beyond_repair:
        work.notes.append("explain: no layer's loss is measured where the source answers nothing finite")
        return
    work.diagnosis = diagnose(
        work.prepared.model,
        work.plan,
        work.judged_on,
        work.calibration,
        tick=lambda done, total: work.tell("looking for the losses", done, total),
    )
