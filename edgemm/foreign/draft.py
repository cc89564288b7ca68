"""A card while it is made from what a file says: JSON values, and a sentence for all that was read or left out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgemm.tensors import TensorSpec

MAX_LABELS = 100_000
MAX_LABEL = 200
"""Characters of one label, of a name."""
_LARGEST = 1e9
"""Of a number of the preprocessing."""

_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")
_LICENCES = (
    (r"apache.{0,20}2(\.0)?\b", "Apache-2.0"),
    (r"\bagpl.{0,12}3", "AGPL-3.0-only"),
    (r"\bgpl.{0,12}3", "GPL-3.0-only"),
    (r"^\s*(the\s+)?mit(\s+licen[cs]e)?\s*$", "MIT"),
    (r"\bbsd.{0,3}3", "BSD-3-Clause"),
    (r"\bcc.{0,3}by.{0,3}4\.0\b", "CC-BY-4.0"),
)


class Outside(Protocol):
    """The outside of a model of either format. Exists so that a reader of metadata need not know the format."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Of the file, constants left out."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Of the file."""

    @property
    def producers(self) -> tuple[str, ...]:
        """For each output the operator that computes it, "" where it is not known."""


@dataclass(slots=True)
class Draft:
    """What is known of the card so far."""

    content: dict[str, Any] = field(default_factory=dict)
    """The card's JSON."""
    said: list[str] = field(default_factory=list)
    """Sentences for people: what was read, what was left out and why."""

    missed: list[str] = field(default_factory=list)
    """Of these, what users will miss."""

    def say(self, sentence: str) -> None:
        """Adds a sentence, once."""
        if sentence not in self.said:
            self.said.append(sentence)

    def leave_out(self, sentence: str) -> None:
        """Says what was left out though users will miss it: it is logged when the model is loaded, too."""
        self.say(sentence)
        self.missed.append(sentence)

    def about(self, *, name: str = "", version: str = "", licence: str = "", **notes: str) -> None:
        """What people want to know of the model; `notes` become keys of their own with "x-" before them."""
        plain = {"name": clean(name), "version": clean(version), "licence": spdx(licence)}
        plain |= {f"x-{key}": clean(note, 1000) for key, note in notes.items()}
        self.content |= {key: text for key, text in plain.items() if text}

    def label(self, labels: Sequence[str], count: int, what: str) -> None:
        """The labels, where there are as many as the model has classes.

        Args:
            labels: from the file.
            count: classes of the model; 0 where the file does not tell.
            what: where they come from.
        """
        if not labels:
            return
        if len(labels) > MAX_LABELS or (count and len(labels) != count):
            most = count or f"at most {MAX_LABELS}"
            self.leave_out(
                f"{what} has {len(labels)} labels, and the model {most} classes: labels are left out"
            )
            return
        self.content["labels"] = [clean(each) for each in labels]
        self.say(f"{len(labels)} labels from {what}")

    def outputs(self, specs: Sequence[TensorSpec], decode: Mapping[str, str] | None = None) -> None:
        """All outputs of the file; those in `decode` are read so, the others are raw."""
        read = decode or {}
        self.content["outputs"] = [
            {"name": spec.name, "decode": read[spec.name]} if spec.name in read else {"name": spec.name}
            for spec in specs
        ]

    def input_wh(self) -> tuple[int, int]:
        """Width and height of the pictures; only where the input takes them."""
        entry = self.content["inputs"][0]
        _, one, two, three = entry["shape"]
        return (two, one) if entry["layout"] == "NHWC" else (three, two)


def clean(text: object, most: int = MAX_LABEL) -> str:
    """A text on one line, without characters that a terminal may obey; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    return " ".join(_NO_TEXT.sub(" ", text[: 4 * most]).split())[:most]


def spdx(text: str) -> str:
    """The SPDX name of a licence where the text names a well-known one, else the text itself."""
    said = clean(text)
    for pattern, name in _LICENCES:
        if re.search(pattern, said, re.IGNORECASE):
            return name
    return said


def numbers(found: Iterable[object]) -> tuple[float, ...]:
    """Plain, finite numbers of a sane size; () where one of them is not."""
    made = []
    for each in found:
        if isinstance(each, bool) or not isinstance(each, int | float) or not abs(each) <= _LARGEST:
            return ()
        made.append(float(each))
    return tuple(made)


def fraction(value: object) -> float | None:
    """A number of 0..1, such as a threshold; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= 1 else None


def sizes(spec: TensorSpec, layout: str) -> tuple[int, int, int]:
    """Width, height and channels of a picture's tensor; -1 for what the file leaves open."""
    one, two, three = spec.shape[1:]
    return (two, one, three) if layout == "NHWC" else (three, two, one)


def layout_of(spec: TensorSpec) -> str:
    """NHWC or NCHW where the shape is that of one picture, else ""."""
    if len(spec.shape) != 4 or spec.shape[0] not in (1, -1):
        return ""
    if spec.shape[1] in (1, 3) and spec.shape[3] not in (1, 3):
        return "NCHW"
    return "NHWC" if spec.shape[3] in (1, 3) else "NCHW" if spec.shape[1] in (1, 3) else ""
