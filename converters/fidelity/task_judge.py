"""Decodes the outputs of source and file as a device does, and has them judged by the task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm.card import ModelCard
from edgemm.card.tasks import find_task
from edgemm.converters.fidelity.task_gate import (
    JUDGED,
    TaskFidelity,
    against_truth,
    agreed,
    undecodable,
)
from edgemm.converters.samples import Samples
from edgemm.converters.written import Port
from edgemm.errors import CardError, EdgemmError, InputError
from edgemm.results import Result
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

if TYPE_CHECKING:
    from edgemm.tasks.decoder import Decoder, Task
from edgemm.tasks.doubt import Doubt

LOW_THRESHOLD = 0.05
"""Score from which on detections count against the truth: precision is measured at every recall."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class TaskJudge:
    """The task of a card, with its recipe."""

    task: Task
    recipe: Any
    doubt: Doubt = field(default_factory=Doubt)
    """What was said already: a conversion is judged several times."""

    def judge(
        self,
        card: ModelCard,
        ports: Sequence[Port],
        expected: Sequence[Arrays],
        found: Sequence[Arrays],
        samples: Samples,
    ) -> tuple[TaskFidelity, ...]:
        """What the file keeps; () where the source's own outputs cannot be decoded, or show nothing.

        Args:
            card: with the names and layouts of the file's tensors.
            ports: the file's outputs.
            expected: of the source, per sample: its name of the output -> real numbers in its layout.
            found: the same of the file.
            samples: with truths, where there are some.

        Raises:
            InputError: the card does not fit the source's outputs, or a truth does not fit its picture.
        """
        contexts = samples.contexts or (_of_tensor(card),) * len(samples)
        rounds: list[tuple[Any, Sequence[Callable[[], Any]] | None]] = [(self.recipe, None)]
        if samples.truths:
            rounds.append((_at_low_threshold(self.task, self.recipe), samples.truths))
        figures: list[TaskFidelity | None] = []
        for recipe, truths in rounds:
            try:
                pairs = self._pairs(card, recipe, ports, zip(expected, found, contexts, strict=True))
                figures.append(
                    agreed(self.task.name, pairs)
                    if truths is None
                    else against_truth(self.task.name, pairs, truths)
                )
            except _SourceFails:
                return ()
            except _FileFails as error:
                return (undecodable(self.task.name, str(error)),)
        if figures[0] is None:
            self.doubt.say(
                "found", "%s: the source finds nothing in the samples that are measured on, so that its results and "
                "the file's were not compared. Give other data (--evaluate)", self.task.name,
            )  # fmt: skip
        if figures[1:] == [None]:
            self.doubt.say(
                "true", "%s: the truths show nothing that counts, so that nothing was measured against them. Give "
                "other data (--evaluate)", self.task.name,
            )  # fmt: skip
        return tuple(each for each in figures if each is not None)

    def _pairs(
        self,
        card: ModelCard,
        recipe: Any,
        ports: Sequence[Port],
        runs: Iterable[tuple[Arrays, Arrays, Context]],
    ) -> Iterator[tuple[Result, Result]]:
        """The results of source and file, sample by sample: masks of many pictures are large."""
        decoders: list[_Side] = []
        for expected, found, context in runs:
            if not decoders:
                with _failing(_SourceFails):
                    decoders.append(_Side(self.task, card, recipe, ports, expected, stored=False))
                with _failing(_FileFails):
                    decoders.append(_Side(self.task, card, recipe, ports, expected, stored=True))
            with _failing(_SourceFails):
                right = decoders[0].result(expected, context)
            with _failing(_FileFails):
                answer = decoders[1].result(found, context)
            yield right, answer


def results_of(
    card: ModelCard,
    ports: Sequence[Port],
    expected: Sequence[Arrays],
    found: Sequence[Arrays],
    samples: Samples,
) -> Iterator[tuple[Result, Result]]:
    """The results of source and file by the card's task, sample by sample; ends where either cannot be decoded.

    Args:
        card: with the names and layouts of the file's tensors.
        ports, expected, found, samples: as of `TaskJudge.judge`.
    """
    task = find_task(card.task)
    if task is None:
        return
    judge = TaskJudge(task, task.Recipe() if card.recipe is None else card.recipe)
    contexts = samples.contexts or (_of_tensor(card),) * len(samples)
    try:
        yield from judge._pairs(card, judge.recipe, ports, zip(expected, found, contexts, strict=True))
    except (InputError, _SourceFails, _FileFails):
        return


class _SourceFails(Exception):
    """The source's outputs cannot be decoded: its results say nothing."""


class _FileFails(Exception):
    """The file's outputs cannot be decoded."""


@contextmanager
def _failing(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except CardError as error:
        if kind is _SourceFails:
            raise InputError(f"the card does not fit the source: {error}") from error
        raise kind(str(error)) from error
    except EdgemmError as error:
        raise kind(str(error)) from error


class _Side:
    """Decodes the outputs of the source, real as they are, or of the file, as it stores them."""

    def __init__(
        self,
        task: Task,
        card: ModelCard,
        recipe: Any,
        ports: Sequence[Port],
        first: Arrays,
        *,
        stored: bool,
    ) -> None:
        self._ports, self._stored = ports, stored
        self._specs = [port.spec if stored else _real_spec(port, first[port.name]) for port in ports]
        self._decoder: Decoder = task.open(card, recipe, self._specs)

    def result(self, run: Arrays, context: Context) -> Result:
        return self._decoder.whole([self._outputs(run)], context, 0.0)

    def heard(self, runs: Sequence[Arrays]) -> Result:
        """Of the windows of a recording."""
        return self._decoder.whole([self._outputs(each) for each in runs], Context(), 0.0)

    def _outputs(self, run: Arrays) -> Outputs:
        make = Port.store if self._stored else _laid_out
        return Outputs.of(self._specs, {port.spec.name: make(port, run[port.name]) for port in self._ports})


def words_kept(
    card: ModelCard,
    ports: Sequence[Port],
    expected: Sequence[Sequence[Arrays]],
    found: Sequence[Sequence[Arrays]],
    texts: Sequence[str],
) -> tuple[TaskFidelity, ...]:
    """What the file loses of the words of recordings; () where nothing is said in them.

    Args:
        card: with the names of the file's tensors; its task writes words.
        ports: the file's outputs.
        expected: of the source, for each recording, for each window: its name of the output -> real numbers.
        found: the same of the file.
        texts: what is said in each recording.
    """
    task: Task | None = find_task(card.task)
    assert task is not None, card.task
    recipe, first = task.Recipe() if card.recipe is None else card.recipe, expected[0][0]
    source, file = (_Side(task, card, recipe, ports, first, stored=each) for each in (False, True))
    pairs = ((source.heard(a), file.heard(b)) for a, b in zip(expected, found, strict=True))
    kept = against_truth(card.task, pairs, [partial(str, text) for text in texts])
    return () if kept is None else (kept,)


def task_judge(card: ModelCard) -> TaskJudge | None:
    """Of a card whose task is judged by its results; None where it is judged by its outputs."""
    task = find_task(card.task) if card.task in JUDGED else None
    if task is None:
        return None
    return TaskJudge(task, task.Recipe() if card.recipe is None else card.recipe)


def _at_low_threshold(task: Task, recipe: Any) -> Any:
    """For detections alone: the threshold of other tasks decides what is right."""
    threshold = getattr(recipe, "threshold", None)
    if task.name != "detection" or not isinstance(threshold, float) or threshold <= LOW_THRESHOLD:
        return recipe
    return replace(recipe, threshold=LOW_THRESHOLD)


def _real_spec(port: Port, real: npt.NDArray[Any]) -> TensorSpec:
    return TensorSpec(port.spec.name, port.spec.shape, real.dtype.name)


def _laid_out(port: Port, real: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The source's numbers in the file's layout."""
    array = real if port.permutation is None else real.transpose(port.permutation)
    return np.ascontiguousarray(array).reshape(port.spec.shape)


def _of_tensor(card: ModelCard) -> Context:
    """Places in the input tensor: enough to compare two results."""
    for entry in card.inputs:
        if entry.image is not None and len(entry.shape) == 4:
            height, width = entry.shape[1:3] if entry.layout == "NHWC" else entry.shape[2:]
            return Context(source_wh=(width, height), tensor_wh=(width, height))
    return Context()
