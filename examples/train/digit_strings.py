"""Trains the bundled recogniser of spoken digit strings: models/digit_strings.onnx, and converts it to int8.

    git clone https://github.com/Jakobovski/free-spoken-digit-dataset
    python examples/train/digit_strings.py --data free-spoken-digit-dataset/recordings

One speaker of six is held out for the test; nothing is chosen by him. The network learns from strings that are put
together as it goes, so that the times of all words are known: besides the text (CTC) it learns when each label is due.
Writes OUTPUT, which takes any number of frames, for `edgemm convert --stepwise 1`; and OUTPUT's name with
.int8.tflite and .int8.onnx, which take four frames (80 ms) and their state. A quarter of an hour on one core; a
training that was stopped goes on where it was (--checkpoint). The same seed on the same machine gives the same file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from network_file import save_network
from speakers import Recording, recordings_in
from spoken_strings import spoken_strings
from string_measures import StringFigures, measured
from string_mixer import StringMixer
from string_network import BLANK, DELAY_S, LABELS, RECIPE, DigitStrings
from torch.nn import functional as F

from edgemm.card import InputCard, ModelCard, OutputCard
from edgemm.converters import convert
from edgemm.preprocess.logmel import logmel
from edgemm.quantize.training import Batch, Settings
from edgemm.quantize.training import train as fit
from edgemm.quantize.training.losses import ctc
from edgemm.tasks.transcription import TranscriptionRecipe

BATCH = 24
LEARNING_RATE = 4e-3
OF_CTC = 0.1
"""Weight of the CTC loss beside that of each frame."""
OF_LABELS = 2.0
"""Weight of frames in which a label is due, where that of the others is 1."""
TEST_STRINGS, KNOWN_STRINGS = 100, 40
"""Strings of the held-out speaker that are measured on, and of the others that int8 is calibrated on."""


def loss(found: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """CTC of the text, and cross entropy of the label that is due in each frame."""
    labels, counts, due = targets
    steps = torch.full((len(counts),), found.shape[1])
    weights = torch.full((len(LABELS),), OF_LABELS)
    weights[BLANK] = 1.0
    framewise = F.cross_entropy(found.flatten(0, 1), due.flatten(), weights, label_smoothing=0.02)
    text: torch.Tensor = ctc(found.transpose(0, 1), (labels, steps, counts))
    return framewise + OF_CTC * text


def train(recordings: Sequence[Recording], steps: int, seed: int, checkpoint: Path | None) -> DigitStrings:
    """The network after so many batches of strings made from the recordings."""
    mixer = StringMixer(recordings)

    def batches(_epoch: int) -> Iterator[Batch]:
        while True:
            drawn = mixer.draw(BATCH)
            yield Batch((drawn.frames,), (drawn.labels, drawn.counts, drawn.due))

    torch.manual_seed(seed)
    net = DigitStrings()
    settings = Settings(
        epochs=1, steps_per_epoch=steps, optimizer="adamw", learning_rate=LEARNING_RATE, weight_decay=0.02,
        schedule="one_cycle", warm_up=0.15, clip_norm=5.0, seed=seed,
    )  # fmt: skip
    fit(net, batches, loss=loss, settings=settings, checkpoint=checkpoint)
    return net.eval()


def card(**training: Any) -> ModelCard:
    """What the file says about itself."""
    shapes = (1, RECIPE.frames, RECIPE.n_mels), (1, RECIPE.frames, len(LABELS))
    return ModelCard(
        name="digit_strings",
        licence="CC-BY-SA-4.0",
        task="transcription",
        family="CNN",
        inputs=(InputCard("sound", "audio", shapes[0], "NTF", audio=RECIPE),),
        outputs=(OutputCard("scores", shapes[1], "logits"),),
        labels=LABELS,
        recipe=TranscriptionRecipe(
            blank=BLANK, units="words", separator=LABELS[1], beam=4, endpoint_s=0.8, delay_s=DELAY_S
        ),
        extra={"x-training": training},
    )


def converted(source: Path, output: Path, known: Sequence[Any]) -> StringFigures | None:
    """Four frames at a time, int8, measured on nothing yet."""
    shape = (1, RECIPE.frames, RECIPE.n_mels)
    convert(source, output=output, calibrate=known, shapes={"sound": shape}, stepwise=1, scheme="static")
    return None


def main() -> None:
    """Reads, trains, writes, converts, measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of DIGIT_SPEAKER_NUMBER.wav")
    parser.add_argument("--output", type=Path, default=Path("digit_strings.onnx"), help="file to write")
    parser.add_argument("--checkpoint", type=Path, help="file in which the training's state is kept")
    parser.add_argument("--seed", type=int, default=1, help="of the weights and of what is drawn")
    parser.add_argument("--steps", type=int, default=2400, help=f"batches of {BATCH} strings of 4 s")
    options = parser.parse_args()
    torch.set_num_threads(1)
