"""Measures: the written file, opened again, against what the source answered."""

from __future__ import annotations

from edgemm.converters.diagnose import diagnose
from edgemm.converters.fidelity import Role, roles_of
from edgemm.converters.measure import Judge
from edgemm.converters.pipeline.work import Work
from edgemm.converters.prepare import Prepared


def measure(work: Work) -> None:
    """What was kept."""
    options = work.options
    work.judge = Judge(
        work.judged_on,
        work.expected,
        {} if work.noise else _roles(work.prepared),
        options.limits,
        options.format,
        options.settings,
        lambda done, total: work.tell("measuring", done, total),
    )
    work.fidelity, work.latency = work.judge.written(work.written, work.plan)


def _roles(prepared: Prepared) -> dict[str, Role]:
    """What each output means."""
    task = None if prepared.card.task == "tensors" else prepared.card.task
    if prepared.tflite is None:
        return roles_of(prepared.model, task, [pair.output for pair in prepared.card.states])
    if task not in ("classification", "keyword"):
        return {}
    return {spec.name: Role(class_axis=-1) for spec in prepared.outputs if len(spec.shape) == 2}


def explain(work: Work) -> None:
    """Which layer loses how much, where that was asked for."""
    if not work.options.explain or work.plan.scheme == "float" or work.prepared.tflite is not None:
        return
    work.diagnosis = diagnose(
        work.prepared.model,
        work.plan,
        work.judged_on,
        work.calibration,
        tick=lambda done, total: work.tell("looking for the losses", done, total),
    )
