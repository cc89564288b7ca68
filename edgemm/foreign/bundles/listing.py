"""The files of a folder, and which of them plays a role: what is missing or there twice is said by name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.foreign.onnx_file import OnnxFile, read_onnx, read_properties

Precision = Literal["int8", "float"]
PRECISIONS: tuple[Precision, ...] = ("int8", "float")
MAX_NAMES = 10_000
SHOWN = 8
"""Names in a message."""
MAX_TEXT_BYTES = 16 << 20
_ORDER = ("quantized", "int8", "uint8", "q8")
"""Which is taken of several with int8 weights."""
_INT8 = re.compile(r"[._-](int8|quantized|uint8|q8)(?=\.)")


@dataclass(slots=True)
class Listing:
    """The names in a folder, and what was chosen among them."""

    folder: Path
    names: tuple[str, ...]
    """Of its files, in order."""
    precision: Precision = "int8"
    """Which is taken where a network is there twice."""
    said: list[str] = field(default_factory=list)
    """Sentences, without a full stop: what was chosen and why."""

    @staticmethod
    def of(folder: Path, precision: Precision = "int8") -> Listing:
        """Of a folder on this machine.

        Raises:
            InputError: it cannot be read.
        """
        try:
            with os.scandir(folder) as entries:
                names = sorted(each.name for each in entries if each.is_file())
        except OSError as error:
            raise InputError(f"{folder}: cannot be read ({error.strerror})") from error
        return Listing(folder, tuple(names[:MAX_NAMES]), precision)

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The names that a regular expression fits as a whole."""
        return tuple(name for name in self.names if re.fullmatch(pattern, name))

    def one(self, what: str, pattern: str, looked_for: str) -> str:
        """The file of a role, of the precision that is wanted where there are both.

        Args:
            what: the role, for messages.
            looked_for: the pattern as a person writes it.

        Raises:
            CardError: there is none, or there are several networks.
        """
        found = self.matching(pattern)
        if not found:
            raise CardError(f"{what}: expected {looked_for} in the folder, found {self.shown()}")
        kinds = sorted({_INT8.sub("", name) for name in found})
        if len(kinds) > 1:
            raise CardError(
                f"{what}: expected one {looked_for}, found {', '.join(found[:SHOWN])}. Keep one of them in the folder"
            )
        small = [name for name in found if _INT8.search(name)]
        large = [name for name in found if name not in small]
        small.sort(key=lambda name: [name.find(each) < 0 for each in _ORDER])
        first, second = (small, large) if self.precision == "int8" else (large, small)
        chosen, *others = [*first, *second]
        if others:
            self.said.append(
                f"{what}: {chosen} was taken, {', '.join(others)} is there too (precision {self.precision!r})"
            )
        return chosen

    def text(self, name: str) -> bytes:
        """The content of a small file.

        Raises:
            CardError: it is too large, or cannot be read.
        """
        try:
            with open(self.folder / name, "rb") as file:
                content = file.read(MAX_TEXT_BYTES + 1)
        except OSError as error:
            raise CardError(f"{name}: cannot be read ({error.strerror})") from error
        if len(content) > MAX_TEXT_BYTES:
            raise CardError(f"{name}: expected at most {MAX_TEXT_BYTES} bytes, found more")
        return content

    def outside(self, name: str) -> tuple[OnnxFile, dict[str, str]]:
        """Inputs, outputs and metadata_props of an .onnx file, weights passed over.

        Raises:
            ArtifactError: it is no .onnx file, or cannot be read.
        """
        try:
            payload = (self.folder / name).read_bytes()
        except OSError as error:
            raise CardError(
                f"{name}: expected an .onnx model, found a file that cannot be read ({error})"
            ) from error
        try:
            return read_onnx(payload), read_properties(payload)
        except ArtifactError as error:
            raise type(error)(f"{name}: {error}") from error

    def shown(self) -> str:
        """The first names, for messages."""
        more = ", ..." if len(self.names) > SHOWN else ""
        return ", ".join(self.names[:SHOWN]) + more if self.names else "an empty folder"


def listed(values: Iterable[str]) -> str:
    """For messages: the first of them."""
    found: Sequence[str] = list(values)
    return ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "") if found else "none"
