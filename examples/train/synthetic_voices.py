"""Spoken digits by speech synthesisers, to widen what a model trained on few speakers has heard.

    apt-get install flite espeak-ng                       # Debian 12: flite 2.2, espeak-ng 1.51
    python examples/train/synthetic_voices.py --output synthetic

Four voices of Flite (built from recorded people; Black and Lenzo) and eleven variants of eSpeak NG in five
accents, each at several speeds. The files are named as those of the Free Spoken Digit Dataset.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import wave
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from speakers import RATE
from tqdm import tqdm

from edgemm.data import WORDS

FLITE = ("slt", "rms", "awb", "kal16")
STRETCHES = ("0.8", "0.9", "1.0", "1.15", "1.3")
TONES = (".", "?")
"""Said as a statement and as a question."""
ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029")
VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4")
SPEEDS_AND_PITCHES = (("130", "35"), ("165", "60"))
"""eSpeak NG: words per minute; 0..99."""
QUIET = 0.02
"""Of the peak: what is below it at both ends is cut off."""


def commands(word: str, output: Path) -> Iterator[tuple[str, list[str]]]:
    """Voice and command line of everything that says `word` into `output`."""
    for voice in FLITE:
        for stretch, tone in product(STRETCHES, TONES):
            options = ["-voice", voice, "--setf", f"duration_stretch={stretch}"]
            yield f"flite-{voice}", ["flite", *options, "-t", word + tone, "-o", str(output)]
    for accent, variant, (speed, pitch) in product(ACCENTS, VARIANTS, SPEEDS_AND_PITCHES):
        options = ["-v", f"{accent}+{variant}", "-s", speed, "-p", pitch]
        yield f"espeak-{accent}-{variant}", ["espeak-ng", *options, "-w", str(output), word]


def trimmed(file: Path) -> npt.NDArray[np.int16]:
    """int16[n] at 8 kHz, without the silence at both ends."""
    import soxr

    with wave.open(str(file), "rb") as sound:
        rate, samples = sound.getframerate(), np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET * np.abs(samples.astype(np.int32)).max())
    heard: npt.NDArray[np.int16] = soxr.resample(samples[loud[0] : loud[-1] + 1], rate, RATE)
    return heard


def main() -> None:
    """Says every digit in every voice."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("synthetic"), help="folder to write into")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        spoken = Path(scratch) / "word.wav"
        for digit, word in enumerate(tqdm(WORDS, desc="synthetic voices", unit="word")):
            for number, (voice, command) in enumerate(commands(word, spoken)):
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                with wave.open(str(folder / f"{digit}_{voice}_{number}.wav"), "wb") as sound:
                    sound.setparams((1, 2, RATE, 0, "NONE", ""))
                    sound.writeframes(trimmed(spoken).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
