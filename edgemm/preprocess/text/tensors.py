"""Tokens as the input tensors hold them: cut, filled up, and counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import InputCard, TextRecipe
from edgemm.card.text_recipe import check_text
from edgemm.errors import CardError, InputError
from edgemm.log import RateLimitedLog
from edgemm.preprocess.text.tokenizer import Tokens, make_tokenizer
from edgemm.tensors import TensorSpec

MAX_CHARACTERS = 1 << 20
"""Of one text. A longer one is no sentence and no page, but a file that was taken for one."""


def compile_text(
    cards: Sequence[InputCard], specs: Sequence[TensorSpec], files: Mapping[str, bytes]
) -> TextPreprocessor:
    """What writes a text into the inputs of modality text.

    Args:
        cards: of the model's inputs; those of another modality are left alone.
        specs: of its tensors, by the same names: [1, tokens] or [tokens].
        files: the vocabularies that came with the card.

    Raises:
        CardError: there is no recipe, it does not fit the tensors, or the vocabulary is missing or does not fit it.
        MissingDependency: the package of the tokenizer is not installed.
    """
    by_name = {spec.name: spec for spec in specs}
    places: dict[str, TensorSpec] = {
        each.role: by_name[each.name] for each in cards if each.modality == "text"
    }
    recipe = next((each.text for each in cards if each.text is not None), None)
    if recipe is None or "ids" not in places:
        raise CardError("expected an input of role ids with `text`, how a text becomes tokens; found none")
    check_text(recipe, "text")
    if recipe.vocabulary and recipe.vocabulary not in files:
        raise CardError(
            f"the vocabulary {recipe.vocabulary!r} that the card names is missing. Put the file into the folder of the "
            "card's JSON; in Python: card.with_(files={\"" + recipe.vocabulary + '": content})'
        )
    length = _length(recipe, places)
    for role, spec in places.items():
        _check_type(role, spec)
    return TextPreprocessor(recipe, places, length, files.get(recipe.vocabulary, b""))


def _length(recipe: TextRecipe, places: Mapping[str, TensorSpec]) -> int:
    """Tokens of each tensor."""
    found = {}
    for role, spec in places.items():
        batched = len(spec.shape) == 2 and spec.shape[0] == 1
        if not (batched or len(spec.shape) == 1) or min(spec.shape) < 1:
            raise CardError(
                f"input {spec.name!r}: the {role} of a text need [1, tokens] or [tokens], found {list(spec.shape)}"
            )
        found[spec.name] = spec.shape[-1]
    if len(set(found.values())) > 1 or (recipe.length and recipe.length not in found.values()):
        said = f" and {recipe.length} in text.length" if recipe.length else ""
        tensors = ", ".join(f"{name!r} {length}" for name, length in found.items())
        raise CardError(f"expected inputs of one length for a text, found {tensors}{said}")
    return next(iter(found.values()))


def _check_type(role: str, spec: TensorSpec) -> None:
    kind = np.dtype(spec.dtype).kind
    if role != "mask" and (spec.quantized or kind not in "iuf"):
        raise CardError(
            f"input {spec.name!r}: the {role} of a text need whole numbers as they are, found {spec.dtype}"
            f"{' with a scale' if spec.quantized else ''}"
        )


class TextPreprocessor:
    """One recipe for the inputs of one model: `preprocessor(text, pair, out)`. For one thread at a time."""

    def __init__(
        self, recipe: TextRecipe, places: Mapping[str, TensorSpec], length: int, vocabulary: bytes
    ) -> None:
        """Use `compile_text`."""
        self.length, self._recipe, self._places = length, recipe, dict(places)
        self._tokenizer = make_tokenizer(recipe, length, vocabulary)
        self._check_highest(places["ids"])
        self._log = RateLimitedLog()

    def _check_highest(self, spec: TensorSpec) -> None:
        highest, kind = self._tokenizer.highest, np.dtype(spec.dtype)
        if self._recipe.ids and highest >= self._recipe.ids:
            raise CardError(
                f"the vocabulary {self._recipe.vocabulary or 'of bytes'!r} has ids up to {highest}, and the model has "
                f"embeddings for ids up to {self._recipe.ids - 1}: it is the vocabulary of another model"
            )
        if kind.kind in "iu" and max(highest, self._recipe.pad) > np.iinfo(kind).max:
            raise CardError(f"input {spec.name!r}: {spec.dtype} does not hold ids up to {highest}")

    def tokens(self, text: str, pair: str | None = None) -> Tokens:
        """What the text is divided into, not filled up.

        Raises:
            InputError: it is empty, has no token, is too long, or unknown throughout, where the card refuses that.
        """
        for each in (text,) if pair is None else (text, pair):
            _check_plain(each)
        found = self._tokenizer(text, pair)
        if not found.own:
            raise InputError("a text: expected at least one token, found none in what was given")
        if found.cut:
            self._was_cut()
        if found.unknown == found.own:
            self._was_unknown(found.own)
        return found

    def _was_cut(self) -> None:
        said = f"a text has more tokens than the {self.length} that the model takes"
        if self._recipe.too_long == "refuse":
            raise InputError(f"{said}. Give a shorter one")
        self._log.warning("cut", f"{said}: its {self._recipe.too_long.removeprefix('cut-')} is cut")

    def _was_unknown(self, count: int) -> None:
        said = f"the vocabulary has none of the {count} tokens of a text"
        if self._recipe.all_unknown == "refuse":
            raise InputError(f"{said}. Give text in the script that the model was trained with")
        self._log.warning("unknown", f"{said}: the answer says little")

    def __call__(
        self, text: str, pair: str | None, out: Callable[[str], npt.NDArray[Any]]
    ) -> npt.NDArray[np.float32]:
        """Writes the tokens of a text into the inputs.

        Args:
            text: the text, or the first of two.
            pair: the second one; None where there is none.
            out: name of an input -> its tensor, which is written over.

        Returns:
            float32[length]: 1 where a token stands.

        Raises:
            InputError: see `tokens`.
        """
        found = self.tokens(text, pair)
        count = len(found.ids)
        at = slice(0, count) if self._recipe.padding == "end" else slice(self.length - count, self.length)
        ids, types = np.full(self.length, self._recipe.pad, np.int64), np.zeros(self.length, np.int64)
        mask = np.zeros(self.length, np.float32)
        ids[at], mask[at], types[at] = found.ids, 1, found.types
        filled: dict[str, npt.NDArray[Any]] = {"ids": ids, "mask": mask, "types": types}
        for role, spec in self._places.items():
            out(spec.name)[...] = spec.quantize(filled[role]).reshape(spec.shape)
        return mask


def _check_plain(text: str) -> None:
    """Repeats nothing of the text: what was typed stands in no message."""
    if not isinstance(text, str):
        raise InputError(f"a text: expected str, found {type(text).__name__}")
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"a text: expected at most {MAX_CHARACTERS} characters, found {len(text)}")
    if not text.strip():
        raise InputError("a text: expected at least one character that is no space, found an empty text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        # `from None`: the error of Python holds the text
        raise InputError(
            f"a text: expected Unicode, found half of a character (a lone surrogate) at {error.start}"
        ) from None
