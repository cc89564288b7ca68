"""What a generator is run on: noise of a seed, and the class that is to be made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import InputCard
from edgemm.card.recipes import LatentRecipe
from edgemm.choices import hint
from edgemm.errors import CardError, InputError
from edgemm.tensors import TensorSpec

MAX_SEED = (1 << 63) - 1
Label = str | int | None
_OF_CLASSES = ("one-hot", "index")


class Latents:
    """Draws the inputs of a generator.

    Numbers come from NumPy's PCG64, in float64: a seed gives the same ones on every machine. Those of an input follow
    those of the inputs before it in the file; the class, where none is asked for, is drawn last, so that the noise of a
    seed does not depend on the label.
    """

    def __init__(
        self, cards: Sequence[InputCard], specs: Sequence[TensorSpec], labels: Sequence[str]
    ) -> None:
        """
        Raises:
            CardError: a latent input that does not fit its tensor, or the labels.
        """
        recipes = {card.name: card.latent for card in cards if card.latent is not None}
        self._inputs = [
            (at, spec, recipes[spec.name]) for at, spec in enumerate(specs) if spec.name in recipes
        ]
        self._labels = tuple(labels)
        counts = {
            _classes(spec, recipe, len(labels)) for _, spec, recipe in self._inputs if _of_class(recipe)
        }
        for _, spec, recipe in self._inputs:
            _check(spec, recipe)
        if len(counts) > 1:
            raise CardError(f"latent: expected as many classes for each input, found {sorted(counts)}")
        self._classes = counts.pop() if counts else 0

    def class_of(self, label: Label) -> int | None:
        """The number of a class, from 0; None where any will do.

        Args:
            label: its number, its name in the card, or the number as text.

        Raises:
            InputError: there is no such class, or the model makes no classes.
        """
        if label is None:
            return None
        if not self._classes:
            raise InputError("label: this generator makes no classes. Leave it out")
        known = self._labels[: self._classes]
        if isinstance(label, str) and label in known:
            return known.index(label)
        number = int(label) if isinstance(label, str) and label.isascii() and label.isdecimal() else label
        if (
            isinstance(number, int | np.integer)
            and not isinstance(number, bool)
            and 0 <= number < self._classes
        ):
            return int(number)
        wanted = f"one of {', '.join(known[:20])}{', ...' * (len(known) > 20)}, or " if known else ""
        raise InputError(
            f"label: expected {wanted}a number from 0 to {self._classes - 1}, found {str(label)[:80]!r}"
            f"{hint(str(label), known) if known else ''}"
        )

    def drawn(self, seed: int, label: Label) -> list[tuple[int, npt.NDArray[Any]]]:
        """Place of an input in the file, and its tensor as the file stores it.

        Raises:
            InputError: no seed, or no such class.
        """
        number = self.class_of(label)
        generator = np.random.Generator(np.random.PCG64(check_seed(seed)))
        noise = {
            at: _noise(generator, spec, recipe) for at, spec, recipe in self._inputs if not _of_class(recipe)
        }
        if number is None and self._classes:
            number = int(generator.integers(self._classes))
        return [
            (at, spec.quantize(noise[at] if at in noise else _class(number or 0, spec, recipe)))
            for at, spec, recipe in self._inputs
        ]


def check_seed(seed: int) -> int:
    """The seed as Python's own number.

    Raises:
        InputError: it is none.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed: expected a whole number from 0 to {MAX_SEED}, found {str(seed)[:80]!r}")
    return int(seed)


def _of_class(recipe: LatentRecipe) -> bool:
    return recipe.kind in _OF_CLASSES


def _noise(generator: np.random.Generator, spec: TensorSpec, recipe: LatentRecipe) -> npt.NDArray[np.float32]:
    if recipe.kind == "uniform":
        return generator.uniform(recipe.low, recipe.high, spec.shape).astype(np.float32)
    return (generator.standard_normal(spec.shape) * recipe.std + recipe.mean).astype(np.float32)


def _class(number: int, spec: TensorSpec, recipe: LatentRecipe) -> npt.NDArray[Any]:
    place = number + recipe.first
    if recipe.kind == "index":
        return np.full(spec.shape, place, np.float32 if spec.quantized else spec.dtype)
    marked = np.full(spec.shape, recipe.off, np.float32)
    marked.reshape(-1)[place] = recipe.on
    return marked


def _classes(spec: TensorSpec, recipe: LatentRecipe, labels: int) -> int:
    """How many there are.

    Raises:
        CardError: nobody says it, or there is no room for them.
    """
    if recipe.kind == "index":
        count = recipe.classes or labels
        if not count:
            raise CardError(
                f"input {spec.name!r}: latent.classes: expected how many classes there are, or labels in the card"
            )
        return count
    room = int(np.prod(spec.shape)) - recipe.first
    count = labels or room
    if not 1 <= count <= room:
        raise CardError(
            f"input {spec.name!r}: latent: expected room for {max(count, 1)} classes from place {recipe.first} on, "
            f"found {list(spec.shape)}. Correct `first`, or the card's labels"
        )
    return count


def _check(spec: TensorSpec, recipe: LatentRecipe) -> None:
    """Raises:
    CardError: the tensor is not of the kind.
    """
    if spec.open or 0 in spec.shape:
        raise CardError(
            f"input {spec.name!r}: expected a latent input of a fixed size, found {list(spec.shape)}"
        )
    real = spec.quantized or spec.dtype.startswith("float")
    if recipe.kind == "index":
        if int(np.prod(spec.shape)) != 1 or spec.dtype == "bool":
            raise CardError(
                f"input {spec.name!r}: latent index: expected one number, found {spec.dtype}{list(spec.shape)}"
            )
    elif not real:
        raise CardError(
            f"input {spec.name!r}: latent {recipe.kind}: expected real numbers, found {spec.dtype}{list(spec.shape)}"
        )
