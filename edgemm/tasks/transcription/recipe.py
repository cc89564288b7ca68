"""The section `transcription` of a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.errors import CardError
from edgemm.frozen import dataclass, field


@dataclass(frozen=True, slots=True)
class TranscriptionRecipe:
    """How scores of labels over running sound become words (CTC: Graves et al. 2006)."""

    blank: int = 0
    """Place of the blank among the labels: the score that stands for no label."""
    units: Literal["pieces", "words"] = "pieces"
    """What labels are. pieces: letters or parts of words, joined. words: each is a word."""
    separator: str = " "
    """The label that stands between words; a label that begins with it begins a word, as "▁th" where it is "▁". With
    units words it is the mark that every word follows; where no label is like it, words need none."""
    ignored: tuple[str, ...] = ()
    """Labels that write nothing, such as <unk>."""
    search: Literal["beam", "greedy"] = "beam"
    """beam: the most probable text, all its alignments counted (prefix beam search). greedy: the best label of each
    step."""
    beam: int = 8
    """How many texts the beam search keeps, and how many labels it looks at in each step."""
    hot_words: tuple[str, ...] = ()
    """Words that are expected, and win where others sound alike. Only with search beam."""
    hot_bonus: float = 4.0
    """Added to the natural logarithm of a text's probability for each hot word in it."""
    endpoint_s: float = 0.8
    """Silence after which what was said is final; 0: only at the end of the sound."""
    endpoint_by: Literal["sound", "labels"] = "sound"
    """What is silent. labels: no step has a label. sound: that, or the sound is hardly louder than its quietest moments
    lately, which is known sooner, since labels come late and at the end of a window; and words end where their sound
    does, which may be behind their last label."""
    longest_s: float = 30.0
    """Of one final result: speech that goes on is divided at the next step without a label."""
    delay_s: float = 0.0
    """By which the scores lag behind the sound; subtracted from the times of words."""
    partial: bool = True
    """Whether what was understood so far is told while speech goes on, each time that it changes."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "blank": (0, 1 << 20),
        "beam": (1, 512),
        "hot_bonus": (0, 100),
        "endpoint_s": (0, 60),
        "longest_s": (1, 600),
        "delay_s": (0, 10),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = (
        "search", "beam", "hot_words", "hot_bonus", "endpoint_s", "endpoint_by", "partial",
    )  # fmt: skip

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: hot words without a beam search; or pieces that nothing separates from hot words.
        """
        if self.hot_words and self.search == "greedy":
            raise CardError(
                'hot_words: expected "search": "beam", which weighs several texts; found "greedy", which has one'
            )
        for word in self.hot_words:
            if not word or word.split() != [word]:
                raise CardError(f"hot_words: expected single words, found {word[:80]!r}")
