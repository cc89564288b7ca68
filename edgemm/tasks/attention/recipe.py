"""The section `attention` of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from edgemm.card.recipes import AudioRecipe
from edgemm.card.rules import span
from edgemm.errors import CardError


@dataclass(frozen=True, slots=True)
class AttentionRecipe:
    """How sound becomes text by an encoder, run once for an utterance, and a decoder that writes token by token."""

    sample_rate: int = 16000
    """Hertz. Sound of another rate is resampled."""
    audio: AudioRecipe | None = None
    """How sound becomes the encoder's input, where that is log-mel frames of a window of fixed length, filled up with
    silence: `frames` of them are taken, from the first on. null: it takes the samples as they are."""
    encoder_input: str = "input_values"
    """Name of the encoder's input of samples or frames: [1, n], or [1, bands, frames]."""
    encoder_mask: str = ""
    """Name of the encoder's input that is 1 for each sample; "": it has none."""
    memory: dict[str, Any] = field(default_factory=lambda: {"last_hidden_state": "encoder_hidden_states"})
    """Name of an encoder's output -> name of the decoder's input that it is, for the whole utterance."""
    decoder_tokens: str = "input_ids"
    """Name of the decoder's input of tokens, [1, 1] or [1, n]: it is given one at a time."""
    decoder_mask: str = ""
    """Name of the decoder's input that is 1 for each entry to attend to; "": it has none."""
    mask_counts: Literal["samples", "frames"] = "samples"
    """What the decoder's mask has an entry for: each sample that the encoder was given, or each frame that it gave.
    Those that an encoder of fixed length was filled up with are 0."""
    decoder_cached: str = ""
    """Name of the decoder's input that is false in the first step of an utterance and true afterwards; "": none."""
    decoder_position: str = ""
    """Name of the decoder's input that is the number of tokens before these; "": none."""
    cache_mask: str = ""
    """Name of the decoder's input that is 1 for each filled place of a cache of fixed length, that of this token
    counted in; "": none: the decoder knows by the position, or its cache grows."""
    logits: str = "logits"
    """Name of the decoder's output of scores, [1, n, tokens]."""
    prompt: tuple[int, ...] = (1,)
    """Tokens that the decoder is given first."""
    end: int = 2
    """The token that says that nothing follows."""
    languages: dict[str, Any] = field(default_factory=dict)
    """Name of a language -> its token; that of `language` takes the place of the one in the prompt."""
    language: str = ""
    """What is spoken, of `languages`; "": as the prompt has it."""
    suppressed: tuple[int, ...] = ()
    """Tokens that are never written."""
    most_repeats: int = 0
    """How often any row of up to 32 tokens may follow itself, as "no no no"; 0: as often as it comes. Stops a decoder
    that repeats itself."""
    suppressed_first: tuple[int, ...] = ()
    """Tokens that are not written first, such as the end."""
    written_below: int = 0
    """Tokens from this one on write nothing; 0: all write."""
    timestamps: int = -1
    """The token that stands for the begin of the sound, where those behind it stand for later times; -1: there are
    none, or the prompt asks for none."""
    timestamp_s: float = 0.02
    """Seconds from one of these tokens to the next."""
    first_timestamp_s: float = 1.0
    """The first of these tokens is no later: what is said begins soon."""
    tokens_per_s: float = 10.0
    """Most tokens that a second of sound is written with: a decoder that repeats itself is stopped."""
    longest_text: int = 448
    """Most tokens of one utterance, the prompt counted in."""
    vocabulary: Literal["lines", "base64", "lengths", "json"] = "lines"
    """Form of the file of tokens. lines: one in each line, or a token, a space and its number. base64: likewise, the
    tokens in base64. lengths: bytes behind their count, of one byte, or two from 128 on. json: a tokenizer.json."""
    spelling: Literal["sentencepiece", "bytes"] = "sentencepiece"
    """How tokens write text. sentencepiece: ▁ is a space, <0x0A> a byte. bytes: each character stands for a byte, as in
    GPT-2."""
    search: Literal["beam", "greedy"] = "greedy"
    """greedy: the best token of each step. beam: the best text of several."""
    beam: int = 4
    """How many texts the beam search keeps."""
    endpoint_s: float = 0.8
    """Silence after which what was said is final; 0: only at the end of the sound."""
    longest_s: float = 25.0
    """Of one final result: speech that goes on is divided at its quietest place. A cut within a word costs words: below
    ten seconds, where nobody pauses, there are many; below four, networks write words that nobody said."""
    partial: bool = True
    """Whether what was understood so far is told while speech goes on."""
    partial_s: float = 1.0
    """How often that is: the utterance is written anew after so much more of it, or a quarter more where it is long,
    and no oftener than half of the time allows. Of one of more than 5 s, what was said before a silence is not written
    again until its final result."""
    voice_threshold: float = 0.5
    """With a part voice_activity: probability from which on it is voice."""
    voice_input: str = "input"
    """With a part voice_activity: name of its input of samples, [1, n]."""
    voice_output: str = "output"
    """With a part voice_activity: name of its output, the probability."""
    voice_samples: int = 512
    """With a part voice_activity: samples from one run to the next."""
    voice_window: int = 576
    """With a part voice_activity: samples in one run, the newest and some before them, where it takes any number."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "sample_rate": (1000, 192_000),
        "prompt": (0, 1 << 24),
        "end": (0, 1 << 24),
        "suppressed": (0, 1 << 24),
        "suppressed_first": (0, 1 << 24),
        "written_below": (0, 1 << 24),
        "timestamps": (-1, 1 << 24),
        "timestamp_s": (1e-4, 10),
        "first_timestamp_s": (0, 60),
        "most_repeats": (0, 1000),
        "tokens_per_s": (0.1, 1000),
        "longest_text": (2, 1 << 16),
        "beam": (1, 64),
        "endpoint_s": (0, 60),
        "longest_s": (2, 600),
        "partial_s": (0.1, 60),
        "voice_threshold": (0, 1),
        "voice_samples": (16, 1 << 16),
        "voice_window": (16, 1 << 16),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = (
        "search", "beam", "language", "endpoint_s", "longest_s", "partial", "partial_s", "voice_threshold",
    )  # fmt: skip

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: an empty prompt, an unknown language, or utterances that are longer than the encoder's window.
        """
        if not self.prompt:
            raise CardError("prompt: expected at least one token that the decoder begins with, found none")
        if not self.memory:
            raise CardError("memory: expected at least one output of the encoder, found none")
        for output, name in self.memory.items():
            if not isinstance(name, str):
                raise CardError(f"memory.{output}: expected the name of an input, found {name!r}")
        if len(self.prompt) >= self.longest_text:
            raise CardError(
                f"longest_text: expected more than the {len(self.prompt)} tokens of the prompt, found "
                f"{self.longest_text}"
            )
        if self.language and self.language not in self.languages:
            raise CardError(
                f"language: expected one of {', '.join(self.languages) or 'none'}, found {self.language[:80]!r}"
            )
        if not all(isinstance(each, int) and not isinstance(each, bool) for each in self.languages.values()):
            raise CardError("languages: expected the number of a token for each")
        if self.audio is not None:
            self._check_window(self.audio)

    def _check_window(self, audio: AudioRecipe) -> None:
        if audio.sample_rate != self.sample_rate:
            raise CardError(
                f"audio.sample_rate: expected {self.sample_rate} as `sample_rate`, found {audio.sample_rate}"
            )
        if audio.feature != "logmel":
            raise CardError(f'audio.feature: expected "logmel", found "{audio.feature}"')
        if audio.normalize != "none":
            raise CardError(f'audio.normalize: expected "none", found "{audio.normalize}"')
        most = 1 + (span(audio) - (audio.window if audio.padding == "none" else 0)) // audio.hop
        if not 1 <= audio.frames <= most:
            raise CardError(
                f"audio.frames: expected 1 to {most}, which {span(audio)} samples make, found {audio.frames}"
            )
        window_s = span(audio) / audio.sample_rate
        if self.longest_s > window_s:
            raise CardError(
                f"longest_s: expected at most {window_s:g} s, which the encoder's window has, found "
                f"{self.longest_s:g}"
            )
