"""The output of a CTC model as logarithms of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import ModelCard
from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.doubt import Doubt
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

TINY = 1e-10
"""Least probability: an int8 output says 0 of whatever is unlikely."""
DECODES = ("logits", "probabilities")


class StepScores:
    """Reads one output, [1, steps, labels], [steps, 1, labels] or [steps, labels].

    Raises:
        CardError: the card names no such output, does not say how to read it, or has another number of labels.
    """

    def __init__(self, card: ModelCard, specs: Sequence[TensorSpec]) -> None:
        states = {pair.output for pair in card.states}
        readable = [each for each in card.outputs if each.decode != "raw" and each.name not in states]
        if not readable:
            raise CardError(
                'outputs: a transcription needs an output with "decode": "logits" or "probabilities", found none'
            )
        output, by_name = readable[0], {spec.name: spec for spec in specs}
        if output.name not in by_name:
            raise CardError(
                f"output {output.name!r} of the card is not in the file, which has {', '.join(by_name)}"
            )
        if output.decode not in DECODES:
            raise CardError(
                f"output {output.name!r}: a transcription needs `decode` to be {' or '.join(DECODES)}, since exactly "
                f"one label is due in each step; found {output.decode!r}"
            )
        spec = by_name[output.name]
        self.name, self._logits = output.name, output.decode == "logits"
        self.labels, self._doubt = card.labels, Doubt()
        self.steps = self._steps(spec)

    def _steps(self, spec: TensorSpec) -> int:
        """In one output; 0 where it is found out while running."""
        count = len(self.labels)
        if not count:
            raise CardError(
                "labels: a transcription needs one for each score of a step, the blank included, found none"
            )
        if len(spec.shape) < 2 or spec.shape[-1] != count:
            other = ". They stand in another dimension: transpose the output" if count in spec.shape else ""
            raise CardError(
                f"output {spec.name!r}: expected a score for each of the card's {count} labels (the blank included) in "
                f"the last dimension, found shape {list(spec.shape)}{other}"
            )
        if not (spec.quantized or spec.dtype.startswith("float")):
            raise CardError(
                f"output {spec.name!r}: expected scores, float or quantized integers with their scale, found "
                f"{spec.dtype}"
            )
        before = spec.shape[:-1]
        if sum(size != 1 for size in before) > 1:
            raise CardError(
                f"output {spec.name!r}: expected [1, steps, labels], [steps, 1, labels] or [steps, labels], found "
                f"{list(spec.shape)}"
            )
        return int(np.prod(before))

    def __call__(self, outputs: Outputs) -> npt.NDArray[np.float32]:
        """float32[steps, labels], natural logarithms; a new array.

        Raises:
            ArtifactError: the model gave NaN or infinity.
        """
        found = outputs.real(self.name).reshape(-1, len(self.labels)).astype(np.float32)
        if not np.isfinite(found).all():
            raise ArtifactError(
                f"output {self.name!r}: expected finite scores, found NaN or infinity. Try another delegate "
                '(delegate="cpu"); if that is the same, convert or train the model again'
            )
        if not self._logits:
            what = f"output {self.name!r}"
            self._doubt.probabilities(float(found.min()), float(found.max()), what, '"decode": "logits"')
            found = np.log(np.clip(found, TINY, 1.0))
        return log_softmax(found)


def log_softmax(rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Of each row: x - log(sum(exp(x))), without overflow."""
    shifted = rows - rows.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float32)
