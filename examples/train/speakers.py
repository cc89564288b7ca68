"""Recordings of spoken digits by several speakers, and how the speakers are split.

The Free Spoken Digit Dataset (Zohar Jackson and others, CC-BY-SA-4.0): 3,000 recordings, 8 kHz,
`{digit}_{speaker}_{number}.wav`, six speakers: https://github.com/Jakobovski/free-spoken-digit-dataset

Whole speakers are held out, so that accuracy is measured on people whom the model never heard.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgemm.data import WORDS

LABELS = (*WORDS, "background")
RATE = 8000
"""Hertz."""
TEST_SPEAKERS = 2
"""The alphabetically last ones."""
VALIDATION_SPEAKERS = 1
"""The last ones of the others."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One spoken digit."""

    file: Path
    digit: int
    """0..9, which is also its number in `LABELS`."""
    speaker: str

    def samples(self) -> npt.NDArray[np.float32]:
        """float32[n] in -1..1 at 8 kHz."""
        with wave.open(str(self.file), "rb") as sound:
            if (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) != (RATE, 1, 2):
                raise ValueError(f"{self.file}: expected 8 kHz, one channel, 16 bits")
            frames = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        return frames.astype(np.float32) / np.float32(32768.0)


@dataclass(frozen=True, slots=True)
class SpeakerSplit:
    """Three parts with no speaker in common."""

    train: tuple[Recording, ...]
    validation: tuple[Recording, ...]
    test: tuple[Recording, ...]

    def text(self) -> str:
        """Who is where, in words."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return "; ".join(
            f"{name}: {', '.join(sorted({r.speaker for r in part}))} ({len(part)} recordings)"
            for name, part in parts.items()
        )


def recordings_in(folder: Path) -> tuple[Recording, ...]:
    """All DIGIT_SPEAKER_NUMBER.wav in the folder and below it, by name."""
    files = sorted(folder.rglob("[0-9]_*_*.wav"))
    return tuple(Recording(file, int(file.stem[0]), file.stem.split("_")[1]) for file in files)


def split_speakers(folder: Path) -> SpeakerSplit:
    """The recordings in `folder` and below it, by speaker.

    Raises:
        ValueError: fewer than four speakers there.
    """
    found = recordings_in(folder)
    names = sorted({recording.speaker for recording in found})
    if len(names) <= TEST_SPEAKERS + VALIDATION_SPEAKERS:
        raise ValueError(
            f"{folder}: expected recordings named DIGIT_SPEAKER_NUMBER.wav of at least four speakers, "
            f"found {len(names)}: {', '.join(names)}"
        )
    test = names[-TEST_SPEAKERS:]
    validation = names[-TEST_SPEAKERS - VALIDATION_SPEAKERS : -TEST_SPEAKERS]
    return SpeakerSplit(
        tuple(r for r in found if r.speaker not in test and r.speaker not in validation),
        tuple(r for r in found if r.speaker in validation),
        tuple(r for r in found if r.speaker in test),
    )
