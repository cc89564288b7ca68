"""How a text becomes numbers: the part of a card that `preprocess.text` reads.

The docstring under each field is its line in docs/cards.md (`python scripts/card_reference.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.card.rules import check_hash
from edgemm.errors import CardError
from edgemm.frozen import dataclass, field

MAX_TOKENS = 1 << 16
"""Tokens in one input."""
MAX_ID = (1 << 31) - 1
_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
"""Of a vocabulary's file: a plain name, never a path."""


@dataclass(frozen=True, slots=True)
class TextRecipe:
    """How a text becomes tokens, and tokens the numbers of the inputs.

    Written in full, as image recipes are. It stands in the input of role ids; inputs of role mask and types are filled
    from the same text.
    """

    tokenizer: Literal["json", "sentencepiece", "wordpiece", "words", "characters", "bytes"] = "json"
    """How the text is divided. json: as the `tokenizer.json` says that Hugging Face's tokenizers write, special tokens
    included. sentencepiece: by a `.model` of SentencePiece. wordpiece: by a `vocab.txt` with a token on each line, by
    the rules of BERT: [CLS] text [SEP], or [CLS] text [SEP] second text [SEP]. words: at spaces, by a file with one
    word on each line, whose number, from 0, is its id; lines such as <pad> stand for no word. characters: by a file
    with one character on each line, likewise. bytes: the text's UTF-8 bytes, without a vocabulary."""
    vocabulary: str = ""
    """Name of the vocabulary's file: it stands beside the card's JSON, and inside the model file. Not for bytes."""
    sha256: str = ""
    """Written by edgemm: SHA-256 of the vocabulary, hexadecimal. Checked when the model file is read."""
    length: int = 0
    """How many tokens the inputs hold; 0: as many as their tensors. Needed where the file leaves it open. Shorter texts
    are padded, longer ones cut."""
    ids: int = 0
    """How many ids the model has: the rows of its table of embeddings. A vocabulary with higher ids is refused. 0: not
    known; `edgemm convert` finds it out."""
    lowercase: bool = False
    """wordpiece: letters are made small and lose their accents, as "uncased" models need it. words, characters: letters
    are made small. json and sentencepiece say it themselves."""
    before: tuple[int, ...] = ()
    """Ids before the text. For sentencepiece, words, characters and bytes, as `between` and `after` are."""
    between: tuple[int, ...] = ()
    """Ids between two texts that are given together."""
    after: tuple[int, ...] = ()
    """Ids behind the text, or the second of two."""
    offset: int = 0
    """Added to each id of the vocabulary, but not to those of other keys. For sentencepiece, words,
    characters and bytes."""
    unknown: int = -1
    """Id of what the vocabulary does not have. sentencepiece: -1 for the model's own; words, characters: -1: such a
    text is refused."""
    pad: int = 0
    """Id that fills up short texts."""
    padding: Literal["end", "start"] = "end"
    """Where short texts are filled up."""
    too_long: Literal["cut-end", "cut-start", "refuse"] = "cut-end"
    """A text of more tokens than the inputs hold: its end is cut, or its beginning, or it is an error. Of two texts the
    longer one is cut. Special tokens stay."""
    all_unknown: Literal["keep", "refuse"] = "keep"
    """A text of which the vocabulary has nothing, such as one in another script: the model answers to unknown tokens,
    and a warning says so, at most one a minute (keep); or it is an error (refuse)."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "length": (0, MAX_TOKENS),
        "ids": (0, MAX_ID),
        "before": (0, MAX_ID),
        "between": (0, MAX_ID),
        "after": (0, MAX_ID),
        "offset": (0, MAX_ID),
        "unknown": (-1, MAX_ID),
        "pad": (0, MAX_ID),
    }


_SPECIAL = ("before", "between", "after", "offset", "unknown")
"""What tokenizers of these kinds say themselves."""
_COMPLETE = ("json", "wordpiece")


def check_text(recipe: TextRecipe, path: str) -> None:
    """The rules between the fields.

    Raises:
        CardError: one is broken; says which key.
    """
    if recipe.tokenizer == "bytes":
        if recipe.vocabulary:
            raise CardError(
                f"{path}.vocabulary: expected none with bytes, which need none, found {recipe.vocabulary[:80]!r}"
            )
    elif not re.fullmatch(_NAME, recipe.vocabulary):
        raise CardError(
            f"{path}.vocabulary: expected the plain name of a file, such as tokenizer.json, found "
            f"{recipe.vocabulary[:80]!r}. Put the file beside the card"
        )
    check_hash(recipe.sha256, f"{path}.sha256")
    plain = TextRecipe()
    for key in _SPECIAL if recipe.tokenizer in _COMPLETE else ():
        if getattr(recipe, key) != getattr(plain, key):
            raise CardError(
                f"{path}.{key}: has no effect with {recipe.tokenizer}, which says it itself. Leave it out"
            )
    if recipe.lowercase and recipe.tokenizer not in ("wordpiece", "words", "characters"):
        raise CardError(f"{path}.lowercase: has no effect with {recipe.tokenizer}. Leave it out")
    _check_ids(recipe, path)


def _check_ids(recipe: TextRecipe, path: str) -> None:
    if not recipe.ids:
        return
    for key in ("pad", "unknown", "before", "between", "after"):
        value = getattr(recipe, key)
        for each in value if isinstance(value, tuple) else (value,):
            if each >= recipe.ids:
                raise CardError(f"{path}.{key}: expected ids below {recipe.ids} (`ids`), found {each}")
