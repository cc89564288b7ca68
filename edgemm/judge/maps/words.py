"""Texts of which words are left out, or replaced."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge.maps.map import Kind, Map
from edgemm.judge.maps.parts import Mask
from edgemm.media import Text

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
"""A word, or a sign of punctuation."""


class WordParts:
    """See `edgemm.judge.maps.parts.Parts`. The second of two texts stays as it is."""

    kind: Kind = "text"

    def __init__(self, text: Text, baseline: str) -> None:
        """Args:
            baseline: "drop", or what stands in place of a word.

        Raises:
            InputError: there are not two words.
        """
        self._text, self._instead = text, "" if baseline == "drop" else baseline
        self._spans = [each.span() for each in _WORD.finditer(text.text)]
        if len(self._spans) < 2:
            raise InputError(
                f"a text to explain: expected two words or more, found {len(self._spans)}. One word does all there is"
            )
        self.shape: tuple[int, ...] = (len(self._spans),)

    def shown(self, mask: Mask) -> Text:
        """The text with those of its words whose mask is at least a half. One word always stays, the one that is shown
        most: a model of texts takes no empty one."""
        kept = mask >= min(0.5, float(mask.max()))
        if kept.all():
            return self._text
        whole, pieces, at = self._text.text, [], 0
        for (begin, end), keeps in zip(self._spans, kept, strict=True):
            pieces += [whole[at:begin], whole[begin:end] if keeps else self._instead]
            at = end
        text = "".join([*pieces, whole[at:]])
        return replace(self._text, text=text if self._instead else " ".join(text.split()))

    def drawn(self, values: npt.NDArray[np.float32], about: dict[str, Any]) -> Map:
        """A map over the text."""
        words = tuple(self._text.text[begin:end] for begin, end in self._spans)
        return Map(values, kind=self.kind, words=words, **about)
