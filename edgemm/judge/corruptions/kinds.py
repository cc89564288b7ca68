"""Which corruptions there are for which data, and which of them a task leaves out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.judge.corruptions import pictures, sound, texts

STRENGTHS = (1, 2, 3, 4, 5)
KINDS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "image": {
        "noise": pictures.noise,
        "blur": pictures.blur,
        "brightness": pictures.brightness,
        "compression": pictures.compression,
        "rotation": pictures.rotation,
    },
    "audio": {
        "noise": sound.noise,
        "reverberation": sound.reverberation,
        "speed": sound.speed,
        "gain": sound.gain,
    },
    "text": {"misspelling": texts.misspelling, "dropped words": texts.dropped_words},
}
"""Modality -> kind -> what spoils: `(data, strength, generator)`."""
_LEFT_OUT: Mapping[str, Mapping[str, str]] = {
    "detection": {
        "rotation": "the box around a turned thing is not known from the box around the thing as it stood"
    },
    "picture": {"rotation": "the true picture, turned, would be another one than was photographed"},
    "audio": {"speed": "the true sound would be another one"},
    "voice_activity": {"speed": "the times of speech would be others"},
}
"""Task -> kind -> why it is left out."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """Of one task on one kind of data."""

    used: tuple[str, ...]
    left_out: Mapping[str, str]
    """Kind -> why."""


def kinds(modality: str, task: str) -> Kinds:
    """Those that a model is judged by; none for prepared tensors."""
    there = KINDS.get(modality, {})
    left_out = {kind: why for kind, why in _LEFT_OUT.get(task, {}).items() if kind in there}
    return Kinds(tuple(kind for kind in there if kind not in left_out), left_out)


def spoil(modality: str, kind: str, strength: int, data: Any, seed: Sequence[int], **more: Any) -> Any:
    """The data with one corruption.

    Args:
        modality: "image", "audio" or "text".
        kind: one of `KINDS[modality]`.
        strength: 1 to 5.
        data: uint8[height, width] or uint8[height, width, 3]; float32[n] in -1..1; or a text.
        seed: whole numbers: what is random is made of these and of nothing else, and is the same at every strength, so
            that a stronger one is only stronger.
        more: `sample_rate` in hertz, of sound.

    Returns:
        As `data`: its type, and for pictures its size. Sound may have another length.

    Raises:
        InputError: there is no such kind, or no such strength.
    """
    there = KINDS.get(modality, {})
    if kind not in there:
        known = ", ".join(there) or "none"
        raise InputError(
            f"corruption: expected one for {modality} ({known}), found {kind!r}{hint(kind, there)}"
        )
    if strength not in STRENGTHS:
        raise InputError(f"corruption {kind}: expected a strength of 1 to 5, found {strength!r}")
    rng = np.random.default_rng([*seed, list(there).index(kind)])
    return there[kind](data, strength - 1, rng, **more)
