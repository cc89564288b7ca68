"""Removes noise from speech: two recurrent models in a chain (DTLN, Westhausen and Meyer, 2020), as sound comes in.

python examples/denoise.py model_1.tflite model_2.tflite --source noisy.wav --output clean.wav
"""

from __future__ import annotations

import argparse
import wave

import numpy as np
from numpy.typing import NDArray

import edgemm
from edgemm.card import ModelCard, StatePair

RATE, FRAME, HOP = 16000, 512, 128
CARDS = [ModelCard(states=(StatePair("Identity_1", name),)) for name in ("input_3", "input_5")]


class Denoiser:
    """The first model masks the spectrum of each frame, the second goes over its samples; frames are added up."""

    def __init__(self, masks: edgemm.Model, samples: edgemm.Model) -> None:
        self.masks, self.samples = masks.session(), samples.session()
        self.heard, self.made = np.zeros(FRAME, np.float32), np.zeros(FRAME, np.float32)

    def feed(self, hop: NDArray[np.float32]) -> NDArray[np.float32]:
        """128 samples in, 128 out, which were heard 384 samples before."""
        self.heard[:-HOP], self.made[:-HOP] = self.heard[HOP:], self.made[HOP:]
        self.heard[-HOP:], self.made[-HOP:] = hop, 0.0
        spectrum = np.fft.rfft(self.heard)
        (mask,) = self.masks.step(np.abs(spectrum).astype(np.float32).reshape(1, 1, -1)).values()
        masked = np.fft.irfft(spectrum * mask[0, 0]).astype(np.float32)
        (better,) = self.samples.step(masked.reshape(1, 1, -1)).values()
        self.made += better[0, 0]
        return self.made[:HOP]


def main() -> None:
    """Sound from a file or a microphone into a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs=2, help="DTLN's model_1.tflite and model_2.tflite")
    parser.add_argument("--source", required=True, help=".wav of 16 kHz, or a microphone; Ctrl-C ends it")
    parser.add_argument("--output", default="clean.wav", help="what is written (default clean.wav)")
    options = parser.parse_args()
    first, second = (edgemm.load(path, card=card) for path, card in zip(options.models, CARDS, strict=True))
    denoiser, waiting = Denoiser(first, second), np.zeros(0, np.float32)
    with edgemm.open_source(options.source) as source, wave.open(options.output, "wb") as output:
        output.setparams((1, 2, RATE, 0, "NONE", ""))
        while isinstance(block := source.read(), edgemm.AudioBlock) and block.sample_rate == RATE:
            waiting = np.append(waiting, block.samples)
            for _ in range(len(waiting) // HOP):
                clean, waiting = denoiser.feed(waiting[:HOP]), waiting[HOP:]
                output.writeframes(np.clip(clean * 32768.0, -32768.0, 32767.0).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
