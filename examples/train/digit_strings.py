"""Trains the bundled recogniser of spoken digit strings: models/digits_ctc.onnx, and converts it to int8.

    git clone https://github.com/Jakobovski/free-spoken-digit-dataset
    python examples/train/digit_strings.py --data free-spoken-digit-dataset/recordings

One speaker of six is held out for the test; nothing is chosen by him. The network learns from strings that are put
together as it goes, so that the times of all words are known: besides the text (CTC) it learns when each label is due.
Writes OUTPUT, which takes windows of any number of frames, for `edgemm convert --stepwise 1`; and beside it
.float.onnx, .int8.tflite and .int8.onnx, which take four frames (80 ms) and their state. Ten minutes on one core; a
training that was stopped goes on where it was (--checkpoint). The same seed on the same machine gives the same file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from network_file import save_network
from speakers import RATE, Recording, recordings_in
from spoken_strings import spoken_strings
from string_measures import measured
from string_mixer import StringMixer
from string_network import BLANK, DELAY_S, LABELS, RECIPE, DigitStrings
from torch.nn import functional as F

from edgemm.card import InputCard, ModelCard, OutputCard
from edgemm.preprocess.logmel import logmel
from edgemm.quantize.training import Batch, Settings
from edgemm.quantize.training import train as fit
from edgemm.quantize.training.losses import ctc
from edgemm.tasks.transcription import TranscriptionRecipe

BATCH = 24
WINDOW = 200
"""Frames in a window of a network that is not made stepwise."""
LEARNING_RATE = 4e-3
OF_CTC = 0.1
"""Weight of the CTC loss beside that of each frame."""
OF_LABELS = 2.0
"""Weight of frames in which a label is due, where that of the others is 1."""
TEST_STRINGS, TEST_SEED, KNOWN_STRINGS = 100, 7, 40
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
    net.eval()
    return net


def card(**training: Any) -> ModelCard:
    """What the file says about itself: it hears windows of 4 s, of which half is new each time."""
    shapes = (1, WINDOW, RECIPE.n_mels), (1, WINDOW, len(LABELS))
    audio = replace(RECIPE, frames=WINDOW, stride=WINDOW // 2 * RECIPE.hop)
    return ModelCard(
        name="digits_ctc",
        licence="CC-BY-SA-4.0",
        task="transcription",
        family="CNN",
        inputs=(InputCard("sound", "audio", shapes[0], "NTF", audio=audio),),
        outputs=(OutputCard("scores", shapes[1], "logits"),),
        labels=LABELS,
        recipe=TranscriptionRecipe(
            blank=BLANK, units="words", separator=LABELS[1], beam=4, endpoint_s=0.8, delay_s=DELAY_S
        ),
        extra={"x-training": training},
    )


def known_frames(recordings: Sequence[Recording], seed: int) -> list[npt.NDArray[np.float32]]:
    """Strings of the speakers that were trained with, as the network hears them: what int8 is calibrated on."""
    speakers = sorted({each.speaker for each in recordings})
    found = []
    for speaker in speakers:
        own = [each for each in recordings if each.speaker == speaker]
        found += spoken_strings(own, KNOWN_STRINGS // len(speakers), seed)
    return [logmel(np.pad(each.samples, (0, RATE // 2)), RECIPE)[None] for each in found]


def convert_all(source: Path, known: Sequence[npt.NDArray[np.float32]]) -> tuple[Path, ...]:
    """Float, and int8 in both formats; each takes four frames and its state."""
    from edgemm.converters import convert

    in_float, *in_int8 = (source.with_suffix(each) for each in (".float.onnx", ".int8.tflite", ".int8.onnx"))
    shapes = {"sound": (1, RECIPE.frames, RECIPE.n_mels)}
    convert(source, output=in_float, shapes=shapes, stepwise=1, scheme="float")
    for file in in_int8:
        convert(source, output=file, calibrate=known, shapes=shapes, stepwise=1, scheme="static")
    return in_float, *in_int8


def main() -> None:
    """Reads, trains, writes, converts, measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of DIGIT_SPEAKER_NUMBER.wav")
    parser.add_argument("--output", type=Path, default=Path("digits_ctc.onnx"), help="file to write")
    parser.add_argument("--checkpoint", type=Path, help="file in which the training's state is kept")
    parser.add_argument("--seed", type=int, default=1, help="of the weights and of what is drawn")
    parser.add_argument("--steps", type=int, default=2400, help=f"batches of {BATCH} strings of 4 s")
    options = parser.parse_args()
    torch.set_num_threads(1)
    recordings = recordings_in(options.data)
    held_out = sorted({each.speaker for each in recordings})[-1]
    others = [each for each in recordings if each.speaker != held_out]
    test = [each for each in recordings if each.speaker == held_out]
    net = train(others, options.steps, options.seed, options.checkpoint)
    training = {
        "data": "Free Spoken Digit Dataset (Zohar Jackson and contributors, CC-BY-SA-4.0)",
        "split": f"test: {held_out} ({len(test)} recordings); train: {len(others)} recordings of the others",
        "seed": options.seed,
        "steps": options.steps,
    }
    write(net, options.output, card(**training))
    strings = spoken_strings(test, TEST_STRINGS, TEST_SEED)
    files = convert_all(options.output, known_frames(others, options.seed))
    figures = {file.name: measured(file, strings) for file in files}
    in_float = figures[files[0].name].to_json()
    write(net, options.output, card(**training, test_strings=TEST_STRINGS, **in_float))
    convert_all(options.output, known_frames(others, options.seed))
    for name, each in figures.items():
        print(f"{name}: {each.to_json()}")


def write(net: DigitStrings, path: Path, card: ModelCard) -> None:
    """The network for any number of frames, with its card."""
    example = torch.zeros(1, 2 * RECIPE.frames, RECIPE.n_mels)
    save_network(
        net, example, path, card, half=True, open_axes={"sound": {1: "frames"}, "scores": {1: "frames"}}
    )


if __name__ == "__main__":
    main()
