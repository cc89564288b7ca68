"""The section `transducer` of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from edgemm.card.recipes import AudioRecipe
from edgemm.errors import CardError


@dataclass(frozen=True, slots=True)
class TransducerRecipe:
    """How three networks write down running sound."""

    audio: AudioRecipe = field(default_factory=AudioRecipe)
    """How sound becomes the frames of one step of the encoder: `frames` with those that it looks ahead, `stride` the
    samples between two steps."""
    mirrored: bool = False
    """Before the first sample stand `audio.lead` samples that are the first ones in reverse, as in Kaldi's filter banks
    without snip_edges; else silence."""
    encoder_input: str = "x"
    """Name of the encoder's input that takes the frames. Its other inputs are states."""
    encoder_output: str = "encoder_out"
    """Name of the encoder's output, [1, steps, width]."""
    decoder_input: str = "y"
    """Name of the decoder's input that takes the numbers of labels, [1, context]."""
    decoder_output: str = "decoder_out"
    """Name of the decoder's output, of one row."""
    joiner_inputs: tuple[str, ...] = ("encoder_out", "decoder_out")
    """Names of the joiner's two inputs: a row of the encoder, a row of the decoder."""
    joiner_output: str = "logit"
    """Name of the joiner's output: a logit for each label, of one row."""
    context: int = 2
    """How many labels the decoder sees, the newest last, the blank where there are none. 0: it takes one label, and
    remembers those before in states."""
    blank: int = 0
    """Place of the blank among the labels: nothing new is said."""
    units: Literal["pieces", "words"] = "pieces"
    """What labels are. pieces: letters or parts of words, joined. words: each is a word."""
    separator: str = "▁"
    """The label that stands between words; a label that begins with it begins a word."""
    ignored: tuple[str, ...] = ()
    """Labels that write nothing, such as <unk>."""
    search: Literal["greedy", "beam"] = "greedy"
    """greedy: the best label of each step. beam: the most probable text of several (modified beam search, at most one
    label in each step)."""
    beam: int = 4
    """How many texts the beam search keeps."""
    per_step: int = 1
    """Most labels that one step of the encoder may give, with search greedy."""
    hot_words: tuple[str, ...] = ()
    """Words that are expected, and win where others sound alike. Only with search beam."""
    hot_bonus: float = 4.0
    """Added to the natural logarithm of a text's probability for each hot word in it."""
    endpoint_s: float = 0.8
    """Seconds without a new label after which what was said is final; 0: only at the end of the sound."""
    endpoint_by: Literal["sound", "labels"] = "sound"
    """What is silent. labels: no step has a label. sound: that, or the sound is hardly louder than its quietest moments
    lately, which is known sooner, since labels come late and at the end of a window; and words end where their sound
    does, which may be behind their last label. A part voice_activity, where the bundle has one, says what is silent."""
    longest_s: float = 30.0
    """Of one final result: speech that goes on is divided at the next step without a label."""
    delay_s: float = 0.0
    """By which labels are given later than they were heard; subtracted from the times of words."""
    tail_s: float = 0.5
    """Seconds of silence that follow the end of the sound, and precede a gap: last words are given late."""
    voice_threshold: float = 0.5
    """With a part voice_activity: probability from which on it is voice."""
    voice_input: str = "input"
    """With a part voice_activity: name of its input of samples, [1, n]."""
    voice_output: str = "output"
    """With a part voice_activity: name of its output, the probability."""
    voice_samples: int = 512
    """With a part voice_activity: samples from one run to the next, at the rate of `audio`."""
    voice_window: int = 576
    """With a part voice_activity: samples in one run, the newest and some before them, where it takes any number."""
    partial: bool = True
    """Whether what was understood so far is told while speech goes on, each time that it changes."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "context": (0, 64),
        "blank": (0, 1 << 20),
        "beam": (1, 64),
        "per_step": (1, 100),
        "hot_bonus": (0, 100),
        "endpoint_s": (0, 60),
        "longest_s": (1, 600),
        "delay_s": (0, 10),
        "tail_s": (0, 10),
        "voice_threshold": (0, 1),
        "voice_samples": (16, 1 << 16),
        "voice_window": (16, 1 << 16),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = (
        "search", "beam", "hot_words", "hot_bonus", "endpoint_s", "endpoint_by", "voice_threshold",
        "partial",
    )  # fmt: skip

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: the joiner has not two inputs; several labels in a step, or hot words, with another search.
        """
        if len(self.joiner_inputs) != 2:
            raise CardError(
                "joiner_inputs: expected two names, for a row of the encoder and a row of the decoder; found "
                f"{len(self.joiner_inputs)}"
            )
        if self.per_step > 1 and self.search == "beam":
            raise CardError(
                'per_step: expected 1 with "search": "beam", which follows one label in each step; found '
                f'{self.per_step}. Use "search": "greedy"'
            )
        if self.hot_words and self.search == "greedy":
            raise CardError(
                'hot_words: expected "search": "beam", which weighs several texts; found "greedy", which has one'
            )
        for word in self.hot_words:
            if not word or word.split() != [word]:
                raise CardError(f"hot_words: expected single words, found {word[:80]!r}")
