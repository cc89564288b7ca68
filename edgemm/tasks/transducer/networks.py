"""The three networks of a transducer, a step each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.transcription.scores import log_softmax
from edgemm.tasks.transducer.recipe import TransducerRecipe
from edgemm.tasks.window_session import closed, named

if TYPE_CHECKING:
    from edgemm.model.part import Part

MAX_KEPT = 1024
"""Answers of a decoder that sees only its context, kept for the next time."""

Row = npt.NDArray[np.float32]


class Said(NamedTuple):
    """A decoder after some labels."""

    state: Any
    """What the next label needs: the labels that it sees, or a snapshot."""
    row: Row
    """Its answer, float32[width]."""


class Encoder:
    """Frames of sound -> rows, the caches carried by the part."""

    def __init__(self, part: Part, recipe: TransducerRecipe) -> None:
        self.part, self._output = part, recipe.encoder_output
        self.spec = named(part.inputs, recipe.encoder_input, "encoder_input")
        named(part.outputs, recipe.encoder_output, "encoder_output")
        self._input = recipe.encoder_input

    def __call__(self, frames: npt.NDArray[Any]) -> Row:
        """float32[steps, width] of the next window.

        Raises:
            ArtifactError: the network gave NaN or infinity.
        """
        given = self.part.step({self._input: frames}).real(self._output)
        return _finite(given.reshape(-1, given.shape[-1]), self._output).copy()


class Predictor:
    """The decoder: labels so far -> a row. A stateless one is asked once for each context."""

    def __init__(self, part: Part, recipe: TransducerRecipe) -> None:
        self.part, self._recipe = part, recipe
        self._spec = named(part.inputs, recipe.decoder_input, "decoder_input")
        named(part.outputs, recipe.decoder_output, "decoder_output")
        self._shape = closed(self._spec.shape)
        count = int(np.prod(self._shape))
        if np.dtype(self._spec.dtype).kind not in "iu" or count != max(1, recipe.context):
            raise CardError(
                f"decoder input {self._spec.name!r}: expected {max(1, recipe.context)} numbers of labels, as "
                f"`context` {recipe.context} says, found {self._spec.dtype}{list(self._spec.shape)}"
            )
        self._kept: dict[tuple[int, ...], Said] = {}

    def begin(self) -> Said:
        """Nothing was said."""
        if self._recipe.context:
            return self._seen((self._recipe.blank,) * self._recipe.context)
        self.part.reset()
        return self._stepped(self._recipe.blank)

    def after(self, said: Said, label: int) -> Said:
        """One label more."""
        if self._recipe.context:
            return self._seen((*said.state[1:], label))
        self.part.restore(said.state)
        return self._stepped(label)

    def _seen(self, labels: tuple[int, ...]) -> Said:
        found = self._kept.get(labels)
        if found is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            found = self._kept[labels] = Said(labels, self._row(labels))
        return found

    def _stepped(self, label: int) -> Said:
        row = self._row((label,))
        return Said(self.part.snapshot(), row)

    def _row(self, labels: tuple[int, ...]) -> Row:
        ids = np.array(labels, self._spec.dtype).reshape(self._shape)
        name = self._recipe.decoder_output
        return _finite(self.part.step({self._recipe.decoder_input: ids}).real(name), name).reshape(-1).copy()


class Joiner:
    """A row of each -> the next label.

    Raises:
        CardError: another number of scores than labels.
    """

    def __init__(self, part: Part, recipe: TransducerRecipe, labels: int) -> None:
        self.part, self._output = part, recipe.joiner_output
        self._heard, self._said = recipe.joiner_inputs
        self._shapes = {
            name: closed(named(part.inputs, name, "joiner_inputs").shape) for name in recipe.joiner_inputs
        }
        spec = named(part.outputs, recipe.joiner_output, "joiner_output")
        if spec.shape[-1] not in (-1, labels):
            raise CardError(
                f"joiner output {spec.name!r}: expected a score for each of the {labels} tokens, found shape "
                f"{list(spec.shape)}: the list of tokens is of another model"
            )
        self._labels = labels

    def __call__(self, heard: Row, said: Row) -> Row:
        """float32[labels], natural logarithms of probabilities.

        Raises:
            ArtifactError: the network gave NaN or infinity, or another number of scores than there are labels.
        """
        feeds = {
            self._heard: self._row(heard, self._heard),
            self._said: self._row(said, self._said),
        }
        found = _finite(self.part.step(feeds).real(self._output), self._output).reshape(-1)
        if len(found) != self._labels:
            raise ArtifactError(
                f"joiner output {self._output!r}: expected {self._labels} scores, one for each token, found "
                f"{len(found)}"
            )
        return log_softmax(found.astype(np.float32))

    def _row(self, row: Row, name: str) -> Row:
        shape = self._shapes[name]
        if int(np.prod([size for size in shape if size > 0])) != row.size and -1 not in shape:
            raise ArtifactError(
                f"joiner input {name!r}: expected {list(shape)}, found a row of {row.size} numbers: the networks are "
                "of different models"
            )
        return row.reshape(shape)


def _finite(rows: npt.NDArray[Any], name: str) -> Row:
    if not np.isfinite(rows).all():
        raise ArtifactError(
            f"output {name!r}: expected finite numbers, found NaN or infinity. Try another delegate "
            '(delegate="cpu"); if that is the same, export or convert the model again'
        )
    return np.asarray(rows, np.float32)
