"""Samples that the file answers otherwise than the source: what a report shows of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import InputCard, ModelCard
from edgemm.converters.described_tensors import described_tensors
from edgemm.converters.fidelity import Role
from edgemm.converters.fidelity.task_judge import results_of
from edgemm.converters.reference import Outputs
from edgemm.converters.samples import Sample, Samples
from edgemm.converters.written import Written
from edgemm.quantize.recipe import recipe_of

SHOWN = 12
"""Examples that are kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The best class of one output."""

    label: str
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One sample with another answer."""

    name: str
    """The sample as whoever gave it knows it: "bird/0066.png", "sample 231" of an array or a sequence, "line 12"."""
    source: Any
    """What the source answers: the result of the card's task, or an `Answer`."""
    file: Any
    """What the file answers."""
    right: str = ""
    """The right answer, where the data tells; "" where it does not."""
    pixels: npt.NDArray[np.uint8] | None = None
    """uint8[h, w, 3], RGB, or uint8[h, w]: the sample, where it is a picture."""
    about: str = ""
    """The sample in words, where it is no picture: "1.02 s of sound", "17 tokens"."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Of one conversion."""

    compared: int = 0
    """Samples whose answers were compared; 0 where an answer is not one thing or another."""
    changed: int = 0
    shown: tuple[Example, ...] = ()
    """The surest of the source's answers first, at most `SHOWN`."""


NO_EXAMPLES = Examples()


def changed_answers(
    card: ModelCard,
    file: Written,
    roles: Mapping[str, Role],
    samples: Samples,
    expected: Sequence[Outputs],
    found: Sequence[Outputs],
) -> Examples:
    """Which samples are answered otherwise.

    Args:
        card: of the source.
        roles: what each output means.
        expected: of the source, per sample.
        found: the same of the file.
    """
    pairs = _pairs(card, file, roles, samples, expected, found)
    known = [(at, one, other) for at, (one, other) in enumerate(pairs) if _told(one) is not None]
    changed = [(at, one, other) for at, one, other in known if _told(one) != _told(other)]
    surest = sorted(changed, key=lambda each: (-_score(each[1]), each[0]))[:SHOWN]
    shown = (
        Example(_named(samples, at), one, other, _right(card, samples, at), *_shown(card, samples.inputs[at]))
        for at, one, other in surest
    )
    return Examples(len(known), len(changed), tuple(shown))


def _pairs(
    card: ModelCard,
    file: Written,
    roles: Mapping[str, Role],
    samples: Samples,
    expected: Sequence[Outputs],
    found: Sequence[Outputs],
) -> list[tuple[Any, Any]]:
    """Results by the card's task; else the best class of the first output of classes."""
    if card.task != "tensors":
        pairs = list(results_of(described_tensors(card, file), file.outputs, expected, found, samples))
        if pairs:
            return pairs
    for name, role in roles.items():
        if role.class_axis is not None and not role.class_numbers and name in expected[0]:
            scores = [(one[name], other[name]) for one, other in zip(expected, found, strict=True)]
            if all(each.size == each.shape[role.class_axis] > 1 for each, _ in scores):
                return [(_best(card, one), _best(card, other)) for one, other in scores]
    return []


def _best(card: ModelCard, scores: npt.NDArray[Any]) -> Answer:
    flat = scores.reshape(-1)
    at = int(flat.argmax())
    return Answer(_label(card, at, flat.size), float(flat[at]))


def _label(card: ModelCard, number: int, classes: int) -> str:
    return card.labels[number] if len(card.labels) == classes else f"class {number}"


def _told(result: Any) -> Hashable:
    """What has to be the same for two results to be one answer; None for results that are numbers."""
    if hasattr(result, "begun") or hasattr(result, "segments"):
        return None
    if hasattr(result, "label") and hasattr(result, "score"):
        return str(result.label) if getattr(result, "detected", True) else ""
    if hasattr(result, "text"):
        return str(result.text)
    if hasattr(result, "scores") and hasattr(result, "class_ids"):
        return frozenset(Counter(int(each) for each in result.class_ids).items())
    return None


def _score(result: Any) -> float:
    scores = getattr(result, "scores", ())
    found = getattr(result, "score", max(scores, default=0.0) if len(scores) else 0.0)
    return float(found) if np.isfinite(found) else 0.0


def _named(samples: Samples, at: int) -> str:
    if not samples.names:
        return f"sample {at} of those that were measured on"
    name = samples.names[at]
    return f"sample {name}" if name.isdecimal() else name


def _right(card: ModelCard, samples: Samples, at: int) -> str:
    if samples.labels is None:
        return ""
    number = int(samples.labels[at])
    return card.labels[number] if 0 <= number < len(card.labels) else f"class {number}"


def _shown(card: ModelCard, sample: Sample) -> tuple[npt.NDArray[np.uint8] | None, str]:
    """The picture, or a few words."""
    entries = [each for each in card.inputs if each.name in sample]
    pictures = [each for each in entries if each.modality == "image" and each.image is not None]
    if len(pictures) == 1:
        pixels = pixels_of(pictures[0], sample[pictures[0].name])
        if pixels is not None:
            return pixels, ""
    for each in entries:
        if each.modality == "text":
            return None, f"{sample[each.name].size} tokens"
        if each.audio is not None and each.audio.feature == "waveform":
            return None, f"{sample[each.name].size / each.audio.sample_rate:.2f} s of sound"
    return None, ", ".join(f"{name} {list(array.shape)}" for name, array in sample.items())


def pixels_of(entry: InputCard, tensor: npt.NDArray[Any]) -> npt.NDArray[np.uint8] | None:
    """The picture that the card's preprocessing made the tensor of: uint8[h, w, 3] in RGB, or uint8[h, w]; None where
    the tensor is none."""
    recipe = recipe_of(entry)
    if recipe is None or entry.image is None or tensor.ndim != 4 or len(tensor) != 1:
        return None
    array = tensor[0].astype(np.float64)
    if entry.layout == "NCHW" or (entry.layout != "NHWC" and array.shape[0] in (1, 3)):
        array = np.moveaxis(array, 0, -1)
    if array.shape[-1] not in (1, 3):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        real = (array - recipe.offset) / recipe.factor
    pixels: npt.NDArray[np.uint8] = np.clip(np.rint(np.nan_to_num(real)), 0, 255).astype(np.uint8)
    if pixels.shape[-1] == 1:
        return pixels[:, :, 0]
    return pixels[:, :, ::-1] if entry.image.color == "bgr" else pixels
