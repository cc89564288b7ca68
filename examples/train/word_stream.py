"""The model on running sound: words with pauses between them, each to be found once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from keyword_network import SPAN
from speakers import LABELS, RATE, Recording
from torch import nn

from edgemm.card import AudioRecipe, ModelCard
from edgemm.preprocess.logmel import logmel
from edgemm.tasks.context import Context
from edgemm.tasks.keyword import KeywordRecipe
from edgemm.tasks.keyword.task import KeywordDecoder
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

PAUSE_S = (0.4, 0.9)
HISS = 1e-4
"""Root mean square of the noise under everything."""
THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SMOOTHING = (3, 5, 8, 12)
"""Windows of 20 ms."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word and where it is."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Heard:
    """How words were found in running sound."""

    words: int
    right: int
    """Words found as what they are."""
    wrong: int
    """Everything else that was found: another word, the same twice, a word in a pause."""

    def text(self) -> str:
        """In words."""
        return f"{self.right} of {self.words} words found, {self.wrong} false detections"


def joined(
    words: Sequence[tuple[str, npt.NDArray[np.float32]]], seed: int, pause_s: tuple[float, float] = PAUSE_S
) -> tuple[npt.NDArray[np.float32], tuple[Spoken, ...]]:
    """All words one after another, with pauses, over faint noise: float32[n] and what is said in it."""
    random = np.random.RandomState(seed)
    pieces, spoken, at = [], [], 0
    for label, samples in words:
        pause = np.zeros(int(random.uniform(*pause_s) * RATE), np.float32)
        pieces += [pause, samples]
        at += len(pause)
        spoken.append(Spoken(label, at / RATE, (at + len(samples)) / RATE))
        at += len(samples)
    sound = np.concatenate([*pieces, np.zeros(SPAN, np.float32)])
    return sound + np.float32(HISS) * random.standard_normal(len(sound)).astype(np.float32), tuple(spoken)


def shuffled(
    recordings: Sequence[Recording], each: int, seed: int
) -> list[tuple[str, npt.NDArray[np.float32]]]:
    """At most `each` recordings of each digit, in random order, as words."""
    order = np.random.RandomState(seed).permutation(len(recordings))
    chosen = [[i for i in order if recordings[i].digit == digit][:each] for digit in range(10)]
    mixed = sorted((int(i) for part in chosen for i in part), key=list(order).index)
    return [(LABELS[recordings[i].digit], recordings[i].samples()) for i in mixed]


def scores(net: nn.Module, sound: npt.NDArray[np.float32], recipe: AudioRecipe) -> npt.NDArray[np.float32]:
    """float32[n, labels]: the model's output on every window of the sound, one per hop."""
    frames = torch.from_numpy(logmel(sound, recipe))
    windows = frames.unfold(0, recipe.frames, 1).transpose(1, 2).unsqueeze(1)
    with torch.no_grad():
        parts = [net.eval()(part.contiguous()) for part in windows.split(256)]
    return np.asarray(torch.cat(parts).numpy())


def listen(logits: npt.NDArray[np.float32], card: ModelCard, spoken: Sequence[Spoken]) -> Heard:
    """Detections of the card's keyword recipe, held against what was said."""
    recipe = card.inputs[0].audio or AudioRecipe()
    output = card.outputs[0]
    specs = (TensorSpec(output.name, output.shape, "float32"),)
    spotter = KeywordDecoder(card, card.recipe, specs)
    state = spotter.begin()
    left, right, wrong = list(spoken), 0, 0
    for index, row in enumerate(logits):
        end_s = (SPAN + index * recipe.hop) / RATE
        outputs, at = (
            Outputs.of(specs, {output.name: row[None]}),
            Context(begin_s=end_s - SPAN / RATE, end_s=end_s),
        )
        (found,) = spotter.decode(outputs, at, state)
        if not found.detected:
            continue
        meant = [w for w in left if w.label == found.label and found.start_s < w.end_s and w.start_s < end_s]
        right, wrong = right + bool(meant), wrong + (not meant)
        if meant:
            left.remove(meant[0])
    return Heard(len(spoken), right, wrong)


def tuned(
    logits: npt.NDArray[np.float32], card: ModelCard, spoken: Sequence[Spoken]
) -> tuple[KeywordRecipe, Heard]:
    """The keyword recipe with the most right less wrong words on this sound."""
    base = card.recipe or KeywordRecipe()
    recipes = [
        replace(base, threshold=threshold, smooth_windows=windows)
        for windows in SMOOTHING
        for threshold in THRESHOLDS
    ]
    heard = [listen(logits, card.with_(recipe=recipe), spoken) for recipe in recipes]
    best = max(range(len(recipes)), key=lambda i: heard[i].right - heard[i].wrong)
    return recipes[best], heard[best]
