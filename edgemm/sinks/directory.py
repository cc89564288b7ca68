"""A folder of numbered pictures, one for each result."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from edgemm.choices import choice
from edgemm.errors import EdgemmError
from edgemm.opencv import opencv
from edgemm.sinks.drawn import DrawnItem, slots
from edgemm.sinks.numbered import LIMIT, NumberedFolder
from edgemm.sinks.outbox import CAPACITY, Outbox

JPEG_QUALITY = 90


class DirectorySink(NumberedFolder):
    """Writes each result, drawn on its picture, into a file of its own; see `NumberedFolder`."""

    _WHAT: ClassVar[str] = "pictures"

    def __init__(
        self,
        path: str | Path,
        *,
        format: Literal["auto", "jpg", "png"] = "auto",
        limit: int = LIMIT,
        capacity: int = CAPACITY,
    ) -> None:
        """Args:
            path: the folder; made where there is none, with those above it.
            format: "jpg", or "png" without loss, which takes longer and more space. "auto": png where the result is a
                picture itself, else jpg.
            limit: pictures that are kept.
            capacity: pictures that may wait for the disk.

        Raises:
            InputError: it is no folder, or cannot be written to.
            MissingDependency: OpenCV is not installed.
        """
        self._cv2: Any = opencv()
        self._auto = choice("format", format, ("auto", "jpg", "png")) == "auto"
        super().__init__(path, "jpg" if self._auto else format, limit)
        self._outbox = Outbox(f"folder {path}", slots(), self._write, self._finish, capacity=capacity)

    def _suffix_of(self, slot: DrawnItem) -> str:
        return "png" if self._auto and slot.made else self._suffix

    def _coded(self, slot: DrawnItem) -> memoryview:
        suffix = self._suffix_of(slot)
        settings = [self._cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == "jpg" else []
        good, coded = self._cv2.imencode(f".{suffix}", slot.drawn(), settings)
        if not good:
            raise EdgemmError(f"{self.path}: OpenCV cannot encode the picture")
        found: memoryview = coded.data
        return found
