"""From a model's numbers to one probability per label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import ModelCard, OutputCard
from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.doubt import Doubt
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """exp(x) / sum(exp(x)) over a vector, without overflow."""
    shifted = np.exp(logits - logits.max(), dtype=np.float32)
    return np.asarray(shifted / shifted.sum(), np.float32)


def sigmoid(logits: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """1 / (1 + exp(-x)) of each number, without overflow."""
    return np.asarray(0.5 * (np.tanh(0.5 * logits) + 1.0), np.float32)


def _unchanged(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return numbers.copy()


_DECODE = {"probabilities": _unchanged, "logits": softmax, "sigmoid": sigmoid}
_LARGEST = float(np.finfo(np.float32).max)


CHECKED = 64
"""Answers of which is looked whether they can be logits."""


class Scores:
    """The score output of a model, read as its card says.

    Raises:
        CardError: the card names no such output, does not say how to read it, or has another number of labels; or the
            output does not hold one score for each class of one input.
    """

    def __init__(self, card: ModelCard, specs: Sequence[TensorSpec]) -> None:
        output, index = _score_output(card, specs)
        if output.decode not in _DECODE:
            raise CardError(
                f"output {output.name!r}: a {card.task} needs `decode` to be one of {', '.join(_DECODE)}; "
                f"found {output.decode!r}"
            )
        spec = specs[index]
        _require_scores(spec, card.task)
        self.name, self.count = output.name, int(np.prod(spec.shape))
        if self.count == 1 and output.decode == "logits":
            raise CardError(
                f"output {output.name!r}: holds a single score, and the softmax of one number is always 1. "
                'Say "decode": "sigmoid" (or "probabilities") in the card'
            )
        if card.labels and len(card.labels) != self.count:
            raise CardError(
                f"output {output.name!r}: expected one label for each of its {self.count} scores, "
                f"found {len(card.labels)} labels"
            )
        self.labels = card.labels or tuple(map(str, range(self.count)))
        self._decode = _DECODE[output.decode]
        self._doubt, self._as_probabilities = Doubt(), output.decode == "probabilities"
        self._checked = CHECKED if output.decode == "logits" else 0

    def __call__(self, outputs: Outputs) -> npt.NDArray[np.float32]:
        """float32[count], 0..1, in the order of `labels`; a new array.

        Raises:
            ArtifactError: the model gave NaN, infinity, or another number of scores.
        """
        found = outputs.real(self.name)
        if found.size != self.count:  # a size that is found out while running
            raise ArtifactError(
                f"output {self.name!r}: expected {self.count} scores, found shape {list(found.shape)}. "
                "Read the outputs as they are with model.run(...)"
            )
        with np.errstate(over="ignore"):
            numbers = found.reshape(-1).astype(np.float32, copy=False)
        low, high = float(numbers.min()), float(numbers.max())
        if not -_LARGEST <= low <= high <= _LARGEST:  # false for NaN
            bad = int(np.count_nonzero(~np.isfinite(numbers)))
            raise ArtifactError(
                f"output {self.name!r}: {bad} of its {self.count} scores are NaN or infinite, which cannot be ranked. "
                'Try another delegate (delegate="cpu"); if that is the same, convert or train the model again'
            )
        if self._as_probabilities:
            self._doubt.probabilities(low, high, f"output {self.name!r}", '"decode": "logits"')
        elif self._checked:
            self._checked -= 1
            total = float(numbers.sum())
            self._doubt.logits(low, high, total, f"output {self.name!r}", '"decode": "probabilities"')
        return self._decode(numbers)


def best(scores: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    """Places of the highest scores, best first; of equal ones the earlier is first. Sorts no more than it must."""
    if count < len(scores):
        least = np.partition(scores, -count)[-count]
        candidates = np.flatnonzero(scores >= least)
    else:
        candidates = np.arange(len(scores))
    order = np.argsort(-scores[candidates], kind="stable")[:count]
    return candidates[order].astype(np.int64)


def _require_scores(spec: TensorSpec, task: str) -> None:
    """The output has the shape [1, C] or [C], with further dimensions of 1 at most, and real numbers."""
    one_input = len(spec.shape) == 1 or spec.shape[:1] == (1,)
    if not spec.shape or min(spec.shape) < 1 or not one_input or sum(size > 1 for size in spec.shape) > 1:
        raise CardError(
            f"output {spec.name!r}: a {task} needs one score for each class, shape [1, C] or [C], found "
            f"{list(spec.shape)}. Name the output with the scores in the card, convert the model so that it ends "
            'in one (--shape for a batch of 1), or set "task": "tensors" in the card'
        )
    if not (spec.quantized or spec.dtype.startswith("float")):
        raise CardError(
            f"output {spec.name!r}: a {task} needs scores, float or quantized integers with their scale, found "
            f"{spec.dtype}. If the model answers with a class number, take the scores before its ArgMax. Or set "
            '"task": "tensors" in the card'
        )


def _score_output(card: ModelCard, specs: Sequence[TensorSpec]) -> tuple[OutputCard, int]:
    """The first output that the card says how to read, and its place in the file."""
    readable = [each for each in card.outputs if each.decode != "raw"] or list(card.outputs)
    if not readable:
        raise CardError(f"the card of a {card.task} must describe an output, found none")
    names = [spec.name for spec in specs]
    if readable[0].name not in names:
        raise CardError(
            f"output {readable[0].name!r} of the card is not in the file, which has {', '.join(names)}"
        )
    return readable[0], names.index(readable[0].name)
