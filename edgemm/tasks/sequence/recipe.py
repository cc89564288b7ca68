"""The section `sequence` of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from edgemm.card.text_recipe import MAX_ID, MAX_TOKENS, TextRecipe, check_text
from edgemm.errors import CardError

MOST_PATTERNS = 16
MOST_SAID = 400
"""Characters."""


@dataclass(frozen=True, slots=True)
class SequenceRecipe:
    """How a text becomes another (Sutskever et al. 2014; Vaswani et al. 2017).

    The vocabularies are assets of the bundle: `source.vocabulary` and `target.vocabulary` are their names there.
    """

    source: TextRecipe = field(default_factory=lambda: TextRecipe(vocabulary="source"))
    """How the text that is read becomes tokens; its `length` is the most that the encoder takes, needed where its file
    leaves that open."""
    target: TextRecipe | None = None
    """How what is written becomes a text: tokenizer, vocabulary and offset count. null: as the source."""
    accepts: tuple[str, ...] = ()
    """Patterns of the texts that the model was made for, such as "[0-9]{1,2}:[0-5][0-9]" (`preprocess.text.pattern`):
    one that none of them matches as a whole is refused. Empty: any text."""
    accepted: str = ""
    """What these texts are, for the message: "numbers up to 999,999, and times"."""
    begin: tuple[int, ...] = ()
    """Ids that the decoder is given before it writes: the begin token, or a prompt."""
    end: tuple[int, ...] = ()
    """Ids of which any ends the text."""
    forced: tuple[int, ...] = ()
    """Ids that are written first, such as that of the language."""
    suppressed: tuple[int, ...] = ()
    """Ids that are never written, such as padding and unknown."""
    most_tokens: int = 256
    """Of one text. Fewer where the decoder's cache has a fixed length."""
    least_tokens: int = 0
    """Before the text may end."""
    beams: int = 1
    """How many texts are followed at a time; 1: the best token of each step."""
    length_penalty: float = 1.0
    """Beams are ranked by log P / tokens ** length_penalty: 0 favours short texts, 1 is the mean."""
    n_best: int = 1
    """How many texts are told: the best, and alternatives. At most `beams`."""
    no_repeat: int = 0
    """A sequence of so many tokens is written once at most; 0: as often as it comes."""
    most_repeats: int = 0
    """How often any sequence of tokens may stand in a row, as "no no no"; 0: as often as it comes."""
    stop: tuple[str, ...] = ()
    """Words before which the text ends."""
    partial: bool = False
    """Whether what is written so far is told after each token."""
    ids: str = "ids"
    """Encoder's input of the tokens. Of this and the following names, those that a part does not have are left out."""
    mask: str = "mask"
    """Encoder's input that is 1 where a token stands, 0 where the text is filled up."""
    decoder_ids: str = "ids"
    """Decoder's input of the token before."""
    position: str = "position"
    """Decoder's input of that token's place, from 0."""
    decoder_mask: str = "mask"
    """Decoder's input that is 1 at the places of the cache that are written, that of this step included."""
    memory_mask: str = "memory_mask"
    """Decoder's input that is what `mask` is."""
    cached: str = "use_cache_branch"
    """Decoder's input that is true but for the first step, in files that have two ways."""
    scores: str = "logits"
    """Decoder's output of the scores of the next token."""
    memory: dict[str, Any] = field(default_factory=dict)
    """Encoder's output -> decoder's input that it goes into; {}: those of the same names."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "begin": (0, MAX_ID),
        "end": (0, MAX_ID),
        "forced": (0, MAX_ID),
        "suppressed": (0, MAX_ID),
        "most_tokens": (1, MAX_TOKENS),
        "least_tokens": (0, MAX_TOKENS),
        "beams": (1, 64),
        "length_penalty": (0, 10),
        "n_best": (1, 64),
        "no_repeat": (0, 64),
        "most_repeats": (0, 1000),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = (
        "forced", "most_tokens", "least_tokens", "beams", "length_penalty", "n_best", "no_repeat", "most_repeats",
        "stop", "partial",
    )  # fmt: skip

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: one is broken; says which key.
        """
        check_text(self.source, "source")
        if self.target is not None:
            check_text(self.target, "target")
        for key in ("begin", "end"):
            if not getattr(self, key):
                raise CardError(f"{key}: expected at least one id, found none")
        if self.n_best > self.beams:
            raise CardError(f"n_best: expected at most as many as beams, {self.beams}, found {self.n_best}")
        if max(self.least_tokens, len(self.forced)) > self.most_tokens:
            raise CardError(
                f"most_tokens: expected at least as many as least_tokens and forced have, "
                f"{max(self.least_tokens, len(self.forced))}, found {self.most_tokens}"
            )
        if len(self.accepts) > MOST_PATTERNS:
            raise CardError(f"accepts: expected at most {MOST_PATTERNS} patterns, found {len(self.accepts)}")
        if len(self.accepted) > MOST_SAID or (self.accepted and not self.accepts):
            raise CardError(
                f"accepted: expected at most {MOST_SAID} characters about what `accepts` matches, and none without it"
            )
        for word in self.stop:
            if not word.strip():
                raise CardError("stop: expected words, found an empty one")
        for name, into in self.memory.items():
            if not isinstance(into, str):
                raise CardError(f"memory.{name[:80]}: expected the name of an input, found {into!r:.80}")
        if not (self.ids and self.decoder_ids and self.scores):
            raise CardError("ids, decoder_ids, scores: expected names of tensors, found an empty one")

    @property
    def written(self) -> TextRecipe:
        """How what is written becomes a text."""
        return self.source if self.target is None else self.target
