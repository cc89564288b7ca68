"""Compares the outputs of the source with those of the written file, and applies the gate."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.fidelity.account import Fidelity, OutputFidelity
from edgemm.converters.fidelity.agreement import Agreement, agreement, equal_numbers
from edgemm.converters.fidelity.decibels import snr_db
from edgemm.converters.fidelity.finite import Finite, finite_part
from edgemm.converters.fidelity.gate import Gate, missed
from edgemm.converters.fidelity.parts import judge_parts
from edgemm.converters.fidelity.role import NUMBERS, Role
from edgemm.converters.fidelity.task_gate import TaskFidelity
from edgemm.errors import ConversionError, InputError

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]

MIN_SKILL = 0.25
"""Of what lies between always answering the most common label and being always right: a source that does less does not
fit the labels, and agreement is judged instead."""


def compare(
    expected: Mapping[str, Array],
    found: Mapping[str, Array],
    *,
    roles: Mapping[str, Role] | None = None,
    labels: Labels | None = None,
    gate: Gate | None = None,
    task: Sequence[TaskFidelity] = (),
    states: Collection[str] = (),
) -> Fidelity:
    """The fidelity of the file's outputs, and what the gate says of it.

    Args:
        expected: output name -> [samples, ...], what the source answers: nothing cut off.
        found: the same names, of the written file.
        roles: output name -> what it means (`roles_of`); an output that is not there holds numbers.
        labels: int64[samples], the right answers, for outputs with one class for each sample.
        gate: None for the default.
        task: what was found by the task. Where there is something, outputs are only judged for what is not finite.
        states: outputs that hold what a recurrent network remembers: judged as numbers, whatever the task.

    Raises:
        InputError: there are no samples, or no output has as many classes as the labels number.
        ConversionError: an output is missing, or has another shape than in the source.
    """
    outputs, lost = [], [each.sentence for each in task if not each.holds]
    count = 0
    if labels is not None:
        _require_classes(expected, roles or {}, labels)
    for name, truth in expected.items():
        answer = _answer(name, truth, found)
        count = len(truth)
        one, words = _compare(name, truth, answer, (roles or {}).get(name, NUMBERS), labels, gate or Gate())
        outputs.append(one)
        if not task or name in states or one.wrongly_infinite or one.not_measured:
            lost += words
    return Fidelity(count, tuple(outputs), tuple(lost), tuple(task))


def _require_classes(expected: Mapping[str, Array], roles: Mapping[str, Role], labels: Labels) -> None:
    """Labels are numbers of classes that an output has, counted from 0."""
    sizes = {
        name: truth.shape[axis]
        for name, truth in expected.items()
        if (axis := roles.get(name, NUMBERS).class_axis) is not None and _one_class(truth, axis)
    }
    if not sizes or not labels.size or labels.max() < max(sizes.values()):
        return
    name = max(sizes, key=sizes.__getitem__)
    raise InputError(
        f"labels: expected numbers of classes from 0 to {sizes[name] - 1}, of which output {name!r} has a score each, "
        f"found {labels.min()} to {labels.max()}. Count them from 0, in the order of the model's outputs"
    )


def _one_class(truth: Array, axis: int) -> bool:
    """A class for each sample, of two or more."""
    return bool(truth.shape[axis] > 1 and truth.size == len(truth) * truth.shape[axis])


def _answer(name: str, truth: Array, found: Mapping[str, Array]) -> Array:
    if name not in found:
        raise ConversionError(f"output {name!r} is missing from the file; it has {sorted(found)}")
    if found[name].shape != truth.shape:
        raise ConversionError(
            f"output {name!r}: expected {list(truth.shape)} (samples first), as in the source, found "
            f"{list(found[name].shape)} in the file"
        )
    if not len(truth):
        raise InputError("fidelity: expected at least one sample to measure on, found none")
    return found[name]


def _compare(
    name: str, truth: Array, answer: Array, role: Role, labels: Labels | None, gate: Gate
) -> tuple[OutputFidelity, list[str]]:
    finite = finite_part(truth, answer)
    if truth.size and finite.natural + finite.wrong == truth.size:
        return _not_measured(name, truth, finite)
    same = _agreement(truth, answer, role)
    right = _accuracies(truth, answer, role, labels)
    spread = float(finite.expected.max()) - float(finite.expected.min()) if truth.size else 0.0
    one = OutputFidelity(
        name,
        snr_db(finite.expected, finite.found),
        _largest_error(finite),
        spread,
        top1_agreement=None if same is None else same.share,
        accuracy_float=None if right is None else right[0],
        accuracy=None if right is None else right[1],
        rows=None if same is None else same.rows,
        besides_agreement=None if same is None else same.besides,
        besides_rows=None if same is None else same.besides_rows,
        parts=judge_parts(finite.expected, finite.found, role) if same is None else (),
        infinite=finite.natural,
        wrongly_infinite=finite.wrong,
        class_numbers=role.class_numbers,
        constant=spread == 0.0 and truth.size > 1,
    )
    return one, missed(one, gate, finite.places, right is None or _fits(right[0], labels))


def _not_measured(name: str, truth: Array, finite: Finite) -> tuple[OutputFidelity, list[str]]:
    """Of an output without a value that is finite on both sides; that must not pass the gate."""
    in_source = truth.dtype.kind == "f" and not np.isfinite(truth).any()
    one = OutputFidelity(
        name,
        *(math.nan, math.nan, math.nan),
        infinite=finite.natural,
        wrongly_infinite=finite.wrong,
        not_measured="source" if in_source else "file",
    )
    what = "NaN" if in_source and np.isnan(truth).all() else "NaN or infinite"
    if in_source:
        return one, [f"output {name!r}: all {truth.size} values that the source itself answers are {what}"]
    return one, [f"output {name!r}: {finite.places}"]


def _largest_error(finite: Finite) -> float:
    pairs = zip(finite.expected, finite.found, strict=True)  # one sample at a time, to save memory
    errors = [np.abs(truth.astype(np.float64) - answer) for truth, answer in pairs]
    return float(max((each.max(initial=0.0) for each in errors), default=0.0))


def _agreement(truth: Array, answer: Array, role: Role) -> Agreement | None:
    if not truth.size:
        return None
    if role.class_numbers or truth.dtype.kind == "b":
        return equal_numbers(truth, answer)
    axis = role.class_axis
    return agreement(truth, answer, axis) if axis is not None and truth.shape[axis] > 1 else None


def _accuracies(truth: Array, answer: Array, role: Role, labels: Labels | None) -> tuple[float, float] | None:
    """Of source and file, where there is one class for each sample; as each answers, ties and all."""
    axis = role.class_axis
    if labels is None or axis is None or not _one_class(truth, axis) or labels.max() >= truth.shape[axis]:
        return None
    source, file = (
        float(np.mean(array.reshape(len(array), -1).argmax(axis=1) == labels)) for array in (truth, answer)
    )
    return source, file


def _fits(accuracy: float, labels: Labels | None) -> bool:
    """Whether the labels fit the source: with other classes, accuracy would say nothing about what was lost."""
    if labels is None:
        return False
    chance = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
    return chance == 1.0 or accuracy - chance >= MIN_SKILL * (1.0 - chance)


def stack(runs: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """One dictionary per sample -> name -> [samples, ...]."""
    return {name: np.stack([run[name] for run in runs]) for name in runs[0]} if runs else {}
