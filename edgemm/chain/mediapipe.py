"""How MediaPipe 0.10.14 crops and follows faces, bodies and hands, for chains of its networks.

    crop, track = faces(at_most=1)
    chain = edgemm.load("blazeface_short_range.tflite", card="blazeface").then(
        crop, edgemm.load("face_landmark.tflite", card="face-landmarks"), track=track)

The rules are those of its graphs: face_landmark_front_cpu, pose_landmark_cpu, hand_landmark_tracking_cpu.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from edgemm.chain.crop import Crop
from edgemm.chain.smooth import Smooth
from edgemm.chain.track import Track
from edgemm.choices import choice, hint
from edgemm.errors import InputError

STEADY = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
"""Points of a hand that hardly move when its fingers do."""
KNUCKLES = (5, 9, 9, 13)
"""First joints of index, middle and ring finger; the middle one counts twice."""
EYES = (33, 263)
"""Outer corners of a face's eyes."""


def faces(at_most: int = 1, *, every_s: float = 0.0) -> tuple[Crop, Track]:
    """From the presets "blazeface" to "face-landmarks".

    Args:
        at_most: faces that are followed.
        every_s: seconds between two searches while some are followed, but fewer than that; 0: in each frame, as
            MediaPipe, which costs the detector's time as long as one is missing.
    """
    first = Crop("box", turn=(0, 1), square=True, margin=1.5, at_most=at_most)
    return first, Track(Crop("points", turn=EYES, square=True, margin=1.5), every_s=every_s)


def bodies(at_most: int = 1, *, every_s: float = 0.0) -> tuple[Crop, Track]:
    """From the presets "blazepose" to "pose-landmarks". MediaPipe follows one body.

    Args:
        at_most, every_s: see `faces`.
    """
    first = Crop("circle", of=(0, 1), turn=(0, 1), toward=90.0, margin=1.25, at_most=at_most)
    following = Crop("circle", of=(33, 34), turn=(33, 34), toward=90.0, margin=1.25)
    return first, Track(following, every_s=every_s, smooth=Smooth(0.01, 10.0, 1.0))


def hands(at_most: int = 1, *, every_s: float = 0.0) -> tuple[Crop, Track]:
    """From the presets "blazepalm" to "hand-landmarks".

    Args:
        at_most, every_s: see `faces`.
    """
    first = Crop("box", turn=(0, 2), toward=90.0, shift=(0.0, -0.5), square=True, margin=2.6, at_most=at_most)
    following = Crop(
        "points",
        of=STEADY,
        turn=(0, KNUCKLES),
        toward=90.0,
        turned=True,
        shift=(0.0, -0.1),
        square=True,
        margin=2.0,
    )
    return first, Track(following, every_s=every_s)


FOLLOWED: Mapping[str, Callable[..., tuple[Crop, Track]]] = {"faces": faces, "bodies": bodies, "hands": hands}
"""Word of an app file and of the command line -> the rules."""
_POINTS: Mapping[str, tuple[int, ...]] = {"faces": (468, 478), "bodies": (35, 39), "hands": (21,)}
"""How many points the networks have that the rules are for."""
_SETTINGS: Mapping[str, Callable[[str], Any]] = {"at_most": int, "every_s": float}


def followed(text: str) -> tuple[Crop, Track]:
    """The rules that a word stands for: `faces`, or `hands?at_most=1&every_s=0.5`.

    Raises:
        InputError: no such word or setting, or a value that does not fit; says which.
    """
    word, _, settings = text.partition("?")
    rules = FOLLOWED[choice("follow", word, FOLLOWED)]
    values = {}
    for key, value in parse_qsl(settings, keep_blank_values=True):
        if key not in _SETTINGS:
            raise InputError(
                f"follow: {key[:80]!r} is not known. Expected {', '.join(_SETTINGS)}{hint(key, _SETTINGS)}"
            )
        try:
            values[key] = _SETTINGS[key](value)
        except ValueError as error:
            raise InputError(f"follow: expected a number for {key}, found {value[:80]!r}") from error
    return rules(**values)


def require_points(text: str, count: int | None) -> None:
    """Whether the rules that a word stands for are for the points of a network; others would follow nothing.

    Args:
        text: as for `followed`.
        count: of the network behind the crop; None where its card does not tell.

    Raises:
        InputError: they are for another network.
    """
    word = text.partition("?")[0]
    expected = _POINTS[choice("follow", word, FOLLOWED)]
    if count is None or count in expected:
        return
    other = next((f", or take {each!r}" for each, known in _POINTS.items() if count in known), "")
    raise InputError(
        f"follow: {word!r} is for a network of {' or '.join(map(str, expected))} points, found one of {count}. Say "
        f"what is cut out with crop and track instead{other}"
    )
