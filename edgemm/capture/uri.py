"""What a source is called: a path, a pattern or a scheme, with options behind a question mark.

digits/            walk.mp4?fps=10            words/*.wav?block_ms=10&loop=1
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from edgemm.errors import InputError, SourceNotFound

WORKS = (
    "a picture, a folder or pattern (*.png) of pictures, a video file, a WAV file or a folder of WAV files"
)

_QUERY = re.compile(r"\?((?:[a-z_]+=[^?&/]*)(?:&[a-z_]+=[^?&/]*)*)$")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+):", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_DEVICES = frozenset({"microphone", "mic", "camera", "webcam"})
_DEVICE_FILES = ("/dev/video", "/dev/snd")
_FPS_LIMITS = (0.1, 1000.0)
_BLOCK_MS_LIMITS = (1.0, 1000.0)
_PAUSE_MS_LIMITS = (0.0, 60_000.0)
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class SourceUri:
    """A source's name, taken apart."""

    text: str
    """As it was given, without credentials."""
    path: str
    """Path or pattern in the file system."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What stood behind the question mark."""

    def only(self, *known: str) -> None:
        """Refuses options that this kind of source does not have.

        Raises:
            InputError: one of them is not in `known`.
        """
        for name in self.options:
            if name not in known:
                raise InputError(
                    f"{self.text!r} does not have the option {name!r}: it has {', '.join(known)}"
                )

    @property
    def fps(self) -> float | None:
        """Pictures per second, 0.1 to 1000; None when not given."""
        return self._number("fps", *_FPS_LIMITS)

    @property
    def block_ms(self) -> float | None:
        """Milliseconds of sound in one block, 1 to 1000; None when not given."""
        return self._number("block_ms", *_BLOCK_MS_LIMITS)

    @property
    def pause_ms(self) -> float | None:
        """Milliseconds of silence after each recording, 0 to 60000; None when not given."""
        return self._number("pause_ms", *_PAUSE_MS_LIMITS)

    @property
    def loop(self) -> bool:
        """True to begin again at the end, for ever."""
        value = self.options.get("loop", "0").lower()
        if value not in _SWITCH:
            raise InputError(f"loop={value} in {self.text!r}: expected 1 or 0")
        return _SWITCH[value]

    def _number(self, name: str, low: float, high: float) -> float | None:
        if name not in self.options:
            return None
        try:
            value = float(self.options[name])
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            found = self.options[name]
            raise InputError(f"{name}={found} in {self.text!r}: expected a number from {low:g} to {high:g}")
        return value


def parse_uri(uri: str | os.PathLike[str]) -> SourceUri:
    """Takes a source's name apart. A file that bears the whole name, question mark and all, is that file.

    Raises:
        SourceNotFound: a camera, a microphone or a network stream, which this version does not read.
        InputError: the name is empty.
    """
    given = os.fspath(uri)
    if not given or "\0" in given:
        raise InputError(f"a source needs a name, not {given!r}: {WORKS}")
    text = _CREDENTIALS.sub("", given)
    if os.path.lexists(given) and not given.startswith(_DEVICE_FILES):
        return SourceUri(text, given)
    query = _QUERY.search(given)
    path = given[: query.start()] if query else given
    options = dict(parse_qsl(query.group(1), keep_blank_values=True)) if query else {}
    return SourceUri(text, os.path.expanduser(_file_path(path, text)), options)


def _file_path(path: str, text: str) -> str:
    """The path itself, or that of a `file:` address; refuses what is no file."""
    scheme = _SCHEME.match(path)
    if scheme and scheme.group(1).lower() == "file":
        return unquote(urlsplit(path).path)
    if path.lower() in _DEVICES or path.startswith(_DEVICE_FILES) or (scheme and not os.path.lexists(path)):
        raise SourceNotFound(
            f"{text!r} is a live device or a network stream, which this version of edgemm does not read. "
            f"What it reads: {WORKS}. With pace='live' a file plays as a device would"
        )
    return path
