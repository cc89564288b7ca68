"""Pictures and what is right about them; and class numbers of the data as class numbers of a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgemm.errors import InputError
from edgemm.judge import TrueBoxes, TrueClasses, TruePicture, TruePoints
from edgemm.log import LOG

Truth = TrueBoxes | TrueClasses | tuple[TruePoints, ...] | TruePicture

BACKGROUND = ("background", "_background_", "__background__", "bg")
"""Names of the class of pixels that show none of the things looked for."""
_SAME = (
    {"tv", "tvmonitor"},
    {"aeroplane", "airplane"},
    {"motorbike", "motorcycle"},
    {"sofa", "couch"},
)
"""Words that PASCAL VOC and COCO have for one thing."""
_TOLD = 6
"""Names in one message."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """One picture and its truth."""

    picture: Path
    truth: Callable[[tuple[int, int]], Truth]
    """(width, height) of the picture in pixels -> what is right; read when it is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledData:
    """Pictures with their truths, in the order of their paths."""

    samples: tuple[Labelled, ...]
    names: tuple[str, ...] = ()
    """Name of each class number; () where the data have none, and numbers are taken as the model's."""
    where: str = ""
    """For messages."""

    def for_labels(self, labels: Sequence[str]) -> LabelledData:
        """The same in the class numbers of a model, matched by name.

        A class that the model does not have is left out, and logged; its pixels are background where the model has such
        a class. Names are equal that differ in case, spaces, hyphens and underscores alone. Where the data have no
        names, their numbers are those of the labels.

        Raises:
            InputError: no class of the data is one of the labels. A truth raises it where it has a number without a
                label.
        """
        if not labels:
            return self
        numbers = numbers_of(self.names, labels, self.where) if self.names else list(range(len(labels)))
        background = next((i for i, each in enumerate(labels) if each.lower() in BACKGROUND), -1)
        areas = [background if each < 0 else each for each in numbers]
        return replace(
            self,
            samples=tuple(replace(each, truth=_renumbering(each, numbers, areas)) for each in self.samples),
            names=tuple(labels),
        )


def _renumbering(
    sample: Labelled, numbers: Sequence[int], areas: Sequence[int]
) -> Callable[[tuple[int, int]], Truth]:
    def renumbered(source_wh: tuple[int, int]) -> Truth:
        found = sample.truth(source_wh)
        try:
            if isinstance(found, TrueBoxes):
                return found.renumbered(numbers)
            return found.renumbered(areas) if isinstance(found, TrueClasses) else found
        except InputError as error:
            raise InputError(f"the truth of {sample.picture}: {error}. Do data and labels fit?") from error

    return renumbered


def numbers_of(names: Sequence[str], labels: Sequence[str], where: str) -> list[int]:
    """For each name its place in `labels`, -1 where it has none.

    Raises:
        InputError: none of them has one.
    """
    places: dict[str, int] = {}
    for at, label in enumerate(labels):
        places.setdefault(_plain(label), at)
    numbers = [places.get(_plain(name), -1) if name else -1 for name in names]
    things = [name for name in names if name and name.lower() not in BACKGROUND]
    unknown = [name for name, at in zip(names, numbers, strict=True) if at < 0 and name and name in things]
    if things and len(unknown) == len(things):
        raise InputError(
            f"{where}: none of its {len(things)} classes ({_few(things)}) is one of the card's labels "
            f"({_few(labels)}). Name them alike"
        )
    if unknown:
        LOG.warning(
            "%s: %d of its classes are none of the card's labels and are left out: %s",
            where, len(unknown), _few(unknown),
        )  # fmt: skip
    return numbers


def _plain(name: str) -> str:
    bare = re.sub(r"[\s_-]+", "", name).lower()
    return next((min(each) for each in _SAME if bare in each), bare)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_TOLD]) + (", ..." if len(names) > _TOLD else "")
