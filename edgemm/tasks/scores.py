"""From a model's numbers to one probability per label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import ModelCard, OutputCard
from edgemm.errors import CardError
from edgemm.tasks.task import Outputs
from edgemm.tensors import TensorSpec


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """exp(x) / sum(exp(x)) over a vector, without overflow."""
    shifted = np.exp(logits - logits.max(), dtype=np.float32)
    return np.asarray(shifted / shifted.sum(), np.float32)


def sigmoid(logits: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """1 / (1 + exp(-x)) of each number, without overflow."""
    return np.asarray(0.5 * (np.tanh(0.5 * logits) + 1.0), np.float32)


def _as_they_are(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return numbers.astype(np.float32)


_DECODE = {"probabilities": _as_they_are, "logits": softmax, "sigmoid": sigmoid}


class Scores:
    """The score output of a model, read as its card says.

    Raises:
        CardError: the card names no such output, not how to read it, or another number of labels.
    """

    def __init__(self, card: ModelCard, specs: Sequence[TensorSpec]) -> None:
        output, self._index = _score_output(card, specs)
        if output.decode not in _DECODE:
            raise CardError(
                f"output {output.name!r}: a {card.task} needs `decode` to be one of {', '.join(_DECODE)}; "
                f"found {output.decode!r}. Correct it with `edgemm card set`"
            )
        self._decode = _DECODE[output.decode]
        self.count = int(np.prod(specs[self._index].shape))
        if card.labels and len(card.labels) != self.count:
            raise CardError(
                f"output {output.name!r}: expected one label for each of its {self.count} scores, "
                f"found {len(card.labels)} labels. Correct them with `edgemm card set`"
            )
        self.labels = card.labels or tuple(map(str, range(self.count)))

    def __call__(self, outputs: Outputs) -> npt.NDArray[np.float32]:
        """float32[count], 0..1, in the order of `labels`; a new array."""
        return self._decode(outputs[self._index].reshape(-1))


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
