"""What a source is called: a path, a pattern or a scheme, with options behind a question mark.

digits/            walk.mp4?fps=10            words/*.wav?block_ms=10&loop=1
camera:0?fps=30    microphone:USB?rate=48000  rtsp://host/stream#timeout_s=3
text:-             text:reviews.txt?pair=1

A network address keeps its own query; options of edgemm stand behind a `#` there. A `gst:` pipeline has none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from edgemm.choices import hint
from edgemm.errors import InputError, UnknownSource
from edgemm.redaction import NETWORK, shown_address, shown_option, shown_value, without_secrets

__all__ = ["WORKS", "SourceUri", "parse_uri", "without_secrets"]

WORKS = (
    "a picture, a folder or pattern (*.png) of pictures, a video file, a WAV file or a folder of WAV files, "
    "camera:0, /dev/video0, picamera2:, gst:PIPELINE, microphone:, text:FILE, text:- (standard input), seed:0..9, or "
    "an rtsp, http or udp address"
)

_QUERY = re.compile(r"\?((?:[a-z_]+=[^?&/]*)(?:&[a-z_]+=[^?&/]*)*)$")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+):", re.IGNORECASE)
_DEVICES = {
    "camera": "camera",
    "webcam": "camera",
    "picamera2": "picamera2",
    "microphone": "microphone",
    "mic": "microphone",
    "gst": "gst",
    "text": "text",
    "seed": "seed",
}
_DEVICE_FILES = ("/dev/video", "/dev/v4l/")
_FPS_LIMITS = (0.1, 1000.0)
_BLOCK_MS_LIMITS = (1.0, 1000.0)
_PAUSE_MS_LIMITS = (0.0, 60_000.0)
_MAX_PIXELS_LIMITS = (1.0, float(1 << 30))
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class SourceUri:
    """A source's name, taken apart."""

    text: str
    """As it was given, without what must not be shown: see `edgemm.redaction`."""
    path: str
    """Path or pattern in the file system; what stands behind the scheme of a device; the whole address, with user
    and password, of a network stream: never shown."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What stood behind the question mark; behind the # of an address. May hold secrets: see `shown`."""
    scheme: str = ""
    """"camera", "picamera2", "microphone", "gst", "network", "text", "seed"; "" for files."""

    def only(self, *known: str) -> None:
        """Refuses options that this kind of source does not have.

        Raises:
            InputError: one of them is not in `known`.
        """
        for name, value in self.options.items():
            if name not in known:
                option = shown_option(name, value).partition("=")[0]
                raise InputError(
                    f"{self.text!r} does not have the option {option!r}: it has {', '.join(known)}"
                )

    def shown(self, name: str) -> str:
        """The value of an option as messages may repeat it."""
        return shown_value(name, self.options.get(name, ""))

    def __repr__(self) -> str:
        return f"SourceUri({self.text!r})"

    @property
    def fps(self) -> float | None:
        """Pictures per second, 0.1 to 1000; None when not given."""
        return self.number("fps", *_FPS_LIMITS)

    @property
    def block_ms(self) -> float | None:
        """Milliseconds of sound in one block, 1 to 1000; None when not given."""
        return self.number("block_ms", *_BLOCK_MS_LIMITS)

    @property
    def pause_ms(self) -> float | None:
        """Milliseconds of silence after each recording, 0 to 60000; None when not given."""
        return self.number("pause_ms", *_PAUSE_MS_LIMITS)

    @property
    def max_pixels(self) -> int | None:
        """Width times height of a picture that is decoded, 1 to 2^30, which is OpenCV's own limit; None when not
        given."""
        found = self.number("max_pixels", *_MAX_PIXELS_LIMITS)
        return None if found is None else int(found)

    @property
    def loop(self) -> bool:
        """True to begin again at the end, for ever."""
        return self.switch("loop", default=False)

    def switch(self, name: str, *, default: bool) -> bool:
        """An option that is on or off.

        Raises:
            InputError: it is something else.
        """
        value = self.options.get(name, "1" if default else "0").lower()
        if value not in _SWITCH:
            raise InputError(f"{name}={self.shown(name)} in {self.text!r}: expected 1 or 0")
        return _SWITCH[value]

    def number(self, name: str, low: float, high: float) -> float | None:
        """An option between two bounds; None when not given.

        Raises:
            InputError: it is no number, or outside the bounds.
        """
        if name not in self.options:
            return None
        try:
            value = float(self.options[name])
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise InputError(
                f"{name}={self.shown(name)} in {self.text!r}: expected a number from {low:g} to {high:g}"
            )
        return value


def parse_uri(uri: str | os.PathLike[str]) -> SourceUri:
    """Takes a source's name apart. A file that bears the whole name, question mark and all, is that file.

    Raises:
        UnknownSource: a scheme that is not known.
        InputError: the name is empty.
    """
    given = os.fspath(uri)
    if not given or "\0" in given:
        shown = shown_address(given.replace("\0", " "))
        raise InputError(f"a source needs a name without a null character, not {shown!r}: {WORKS}")
    if os.path.lexists(given) and not given.startswith(_DEVICE_FILES):
        return SourceUri(without_secrets(given), given)
    text = shown_address(given)
    scheme, rest = _split_scheme(given)
    if scheme in NETWORK:
        address, _, options = given.partition("#")
        return SourceUri(text, address, _options(options), "network")
    if scheme == "gst":
        return SourceUri(text, rest, {}, "gst")
    path, options_found = split_options(rest)
    if scheme in _DEVICES:
        return SourceUri(text, path, options_found, _DEVICES[scheme])
    if path.startswith(_DEVICE_FILES):
        return SourceUri(text, path, options_found, "camera")
    if scheme == "file":
        path = _file_path(path, text)
    elif scheme and not os.path.lexists(f"{scheme}:{path}"):
        known = text.lower().startswith(f"{scheme}:")
        kind, near = (repr(scheme), _meant(scheme)) if known else ("what stands before its colon", "")
        raise UnknownSource(f"{text!r}: {kind} is no kind of source that is known. Expected {WORKS}{near}")
    elif scheme:
        path = f"{scheme}:{path}"
    return SourceUri(text, os.path.expanduser(path), options_found)


def split_options(name: str) -> tuple[str, dict[str, str]]:
    """What stands before the question mark, and the options behind it."""
    query = _QUERY.search(name)
    return (name[: query.start()], _options(query.group(1))) if query else (name, {})


def _meant(scheme: str) -> str:
    return hint(scheme, sorted({*_DEVICES, *NETWORK, "file"}))


def _split_scheme(given: str) -> tuple[str, str]:
    """("camera", "0") of "camera:0" and ("camera", "") of a bare "camera"; ("", all of it) of a path."""
    found = _SCHEME.match(given)
    if found:
        scheme = found.group(1).lower()
        return scheme, given[found.end() :]
    bare = given.partition("?")[0].lower()
    return (bare, given[len(bare) :]) if bare in _DEVICES else ("", given)


def _file_path(rest: str, text: str) -> str:
    """The path of a file: address."""
    try:
        return unquote(urlsplit(f"file:{rest}").path)
    except ValueError:
        raise InputError(f"{text!r}: expected an address such as file:///folder/a.png") from None


def _options(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True))
