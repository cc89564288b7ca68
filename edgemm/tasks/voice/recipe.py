"""The section `voice` of a bundle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from edgemm.errors import CardError


@dataclass(frozen=True, slots=True)
class VoiceRecipe:
    """How a text becomes sound: words, phonemes, one or two networks, samples."""

    language: str = ""
    """How numbers, times, money and abbreviations are read: "en" ("en-us"), "en-gb"; "": sentences are taken as they
    stand, and end at . ! ? and line breaks."""
    phonemes: Literal["lexicon", "program", "characters"] = "lexicon"
    """Where the symbols of a word come from. lexicon: the asset `lexicon`, and the part `letters` for words that are
    not in it. program: `program`, which must be installed. characters: the text's own characters are the symbols."""
    program: Literal["", "espeak-ng", "espeak"] = ""
    """The program that gives phonemes; it is asked for each clause, by its standard input."""
    program_voice: str = "en-us"
    """Its voice, such as en-us, de, fr-fr."""
    sample_rate: int = 22050
    """Hertz, of the sound that comes out."""
    begin: tuple[int, ...] = ()
    """Ids before the first symbol of each run."""
    behind_each: tuple[int, ...] = ()
    """Ids behind each symbol, such as the padding of Piper's voices."""
    end: tuple[int, ...] = ()
    """Ids behind the last symbol."""
    longest: int = 400
    """Symbols in one run of the network: a longer sentence is divided at its clauses, else between words."""
    most_characters: int = 20_000
    """Of one text; a longer one is refused."""
    ids_input: str = "ids"
    """The acoustic network's input of ids, [1, length]. Where the file fixes the length, ids are filled up, and longer
    sentences divided."""
    pad: int = 0
    """Id that fills up an input of fixed length."""
    lengths_input: str = ""
    """Its input of how many ids there are; "" where it has none."""
    lengths_output: str = ""
    """Its output of how long its sound is, counted along `lengths_axis` of its first other output; what comes behind is
    cut off. Needed where the input of ids has a fixed length; "" where all is sound."""
    lengths_axis: int = -1
    """The dimension that `lengths_output` counts along: -1, the last, for samples, and for a spectrum with the frames
    behind; 1 for one with the frames before the bands."""
    speed_input: str = ""
    """Its input of the speed: 2 is twice as fast; "" where it has none."""
    scales_input: str = ""
    """Its input of three numbers as Piper's voices have it: noise, length, noise of the rhythm; "" where it has
    none."""
    noise_input: str = ""
    """Its input of the first of these, where each is an input of its own; "" where it has none."""
    length_input: str = ""
    """Likewise the second: how long a symbol lasts."""
    rhythm_input: str = ""
    """Likewise the third: how much chance there is in the rhythm."""
    speaker_input: str = ""
    """Its input of the speaker's number; "" where it has one speaker."""
    output: str = ""
    """Its output of samples, or of what the vocoder takes; "" for the first."""
    waveform: Literal["samples", "vocoder", "harmonics"] = "samples"
    """How sound is made of its outputs. samples: they are the sound. vocoder: the part `vocoder` gives the samples.
    harmonics: of the six outputs of `spectrum`, by `edgemm.tasks.voice.harmonics`."""
    vocoder_input: str = ""
    """Of the part `vocoder`; "" for the first."""
    spectrum: tuple[str, ...] = ("lh", "theta", "ln", "lr", "phi", "f0")
    """Names of the outputs for `harmonics`, for each frame: ln of the harmonics' amplitude, their phase (before tanh,
    in half turns), ln of the noise's amplitude, ln of the rest's amplitude, its phase in radians, each
    [1, n_fft / 2 + 1, frames]; the pitch in hertz, [1, frames]."""
    n_fft: int = 1200
    """Samples of a frame, for `harmonics`."""
    hop: int = 300
    """Samples from one frame to the next, for `harmonics`."""
    highest_hz: float = 11000.0
    """Of the harmonics."""
    voiced_hz: float = 40.0
    """Pitch below which a frame has no voice."""
    speed: float = 1.0
    """2 is twice as fast."""
    speaker: int = 0
    """Number of the speaker, where the network has several."""
    length: float = 1.0
    """How long each symbol lasts at speed 1, for networks that take a length."""
    noise: float = 0.667
    """How much chance there is in the sound, for networks that take it."""
    rhythm: float = 0.8
    """How much chance there is in the rhythm, for networks that take it."""
    pause_s: float = 0.0
    """Silence between two sentences."""
    seed: int = 0
    """Of the noise in `harmonics`: the same text with the same seed gives the same sound."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "sample_rate": (4000, 192_000),
        "begin": (0, 1 << 20),
        "behind_each": (0, 1 << 20),
        "end": (0, 1 << 20),
        "pad": (0, 1 << 20),
        "lengths_axis": (-4, 4),
        "longest": (8, 4096),
        "most_characters": (1, 1_000_000),
        "n_fft": (16, 1 << 14),
        "hop": (4, 1 << 14),
        "highest_hz": (100, 96_000),
        "voiced_hz": (1, 1000),
        "speed": (0.25, 4.0),
        "speaker": (0, 1 << 20),
        "length": (0.1, 10),
        "noise": (0, 2),
        "rhythm": (0, 2),
        "pause_s": (0, 10),
        "seed": (0, 1 << 31),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = ("speed", "speaker", "noise", "pause_s", "seed")

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: phonemes of a program without its name, or the other way round; a voice that is no name; a hop
                that does not divide the frame; another number of outputs than the harmonics need.
        """
        if (self.phonemes == "program") != bool(self.program):
            raise CardError(
                f'program: expected the name of a program with "phonemes": "program" and none without; found '
                f"{self.program!r} with {self.phonemes!r}"
            )
        if not re.fullmatch(r"[A-Za-z0-9]+([+_-][A-Za-z0-9]+)*", self.program_voice):
            raise CardError(
                f"program_voice: expected a name such as en-us, found {self.program_voice[:80]!r}"
            )
        if len(self.spectrum) != 6:
            raise CardError(f"spectrum: expected the names of 6 outputs, found {len(self.spectrum)}")
        if self.n_fft % 2 or self.n_fft % self.hop or self.n_fft // self.hop < 2:
            raise CardError(
                f"hop: expected one that goes into n_fft ({self.n_fft}, an even number) twice or more often without "
                f"a rest, found {self.hop}"
            )
        if 2 * self.highest_hz > self.sample_rate and self.waveform == "harmonics":
            raise CardError(
                f"highest_hz: expected at most half the sample rate, {self.sample_rate / 2:g}; found "
                f"{self.highest_hz:g}"
            )
