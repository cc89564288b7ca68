"""From a source's name to the source."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import islice
from typing import Literal, get_args

from edgemm.capture.files import pictures, recordings, video
from edgemm.capture.files.paced import PacedSource
from edgemm.capture.source import Source
from edgemm.capture.uri import WORKS, SourceUri, parse_uri
from edgemm.choices import choice
from edgemm.errors import InputError, UnknownSource
from edgemm.redaction import shown_address

Pace = Literal["file", "live"]
_MAX_FILES = 100_000
"""More than that in one folder is refused: a name for each is kept."""
_MAX_LISTED = 2000


def open_source(uri: str | os.PathLike[str], *, pace: Pace = "file", wait: bool = False) -> Source:
    """Opens a camera, a microphone, network video, pictures, a video, recordings, text or seeds by name.

        open_source("digits/")                a folder and those in it: pictures, or WAV files, 2.png before 10.png
        open_source("digits/7*.png?fps=10")   a pattern; options stand behind a question mark
        open_source("walk.mp4?loop=1")        a video file
        open_source("words.wav?block_ms=10")  a WAV file, in blocks of 10 ms
        open_source("camera:0?size=1280x720") a camera; also camera:NAME, /dev/video0, picamera2:, microphone:
        open_source("rtsp://host/1#timeout_s=3")  network video; options of edgemm stand behind a #
        open_source("gst:v4l2src ! jpegdec")  a GStreamer pipeline, which has no options
        open_source("text:-")                 lines of text from standard input; or text:FILE
        open_source("seed:0..9?label=3")      seeds for a generator, and the class that it makes

    Args:
        uri: path or pattern, and options: `fps` (pictures and video: pictures per second at live pace),
            `block_ms` (WAV: milliseconds of sound in one block), `pause_ms` (WAV: silence after each
            recording, so that a short word fills the model's window), `loop=1` (begin again at the end),
            `max_pixels` (pictures: width times height of a picture that is decoded; 50 million).
            Cameras and network video: `timeout_s` (without a frame for so long it has stalled; 5),
            `reconnect=0` (a fault is the end), `attempts` (to connect again, in a row; without end), `frozen_s`
            (the same picture for so long is a stall; never), `wait=1` (it need not be there yet); cameras:
            `size`, `fps`, `fourcc`; RTSP: `transport`. Microphones: see `edgemm.capture.sound.microphone`.
        pace: "file": every item waits until it is read, and is captured when it is read. "live": it
            plays in real time and drops as a device would; `source.live` is then True.
        wait: what `wait` is where the name does not say. True: a device or an address that is not there is no
            error but is logged, counted in `source.faults` as "open-failed", and tried until it comes (or for
            `attempts`); `source.awaited` is True until then. Files are never waited for.

    Raises:
        UnknownSource: no such file, folder or pattern, or no kind of source that is known.
        SourceNotFound: no such camera, microphone or address.
        SourceLost: the file is there and cannot be read.
        InputError: an option or the kind of file is not known.
        MissingDependency: OpenCV (pictures and video), or what the device needs, is not installed.
    """
    choice("pace", pace, get_args(Pace))
    named = parse_uri(uri)
    if named.scheme in _UNPACED:
        return _open_unpaced(named, pace)
    if named.scheme:
        return _open_live(_waiting(named) if wait else named)
    paths = _find(named)
    source = _OPENERS[_kind_of(paths, named)](named, paths)
    return PacedSource(source) if pace == "live" else source


_LIVE = {
    "camera": ("edgemm.capture.live.camera", "open_camera"),
    "picamera2": ("edgemm.capture.live.picamera", "open_picamera"),
    "gst": ("edgemm.capture.live.gstreamer", "open_pipeline"),
    "network": ("edgemm.capture.live.network", "open_network"),
    "microphone": ("edgemm.capture.sound.microphone", "open_microphone"),
    "text": ("edgemm.capture.text", "open_text"),
    "seed": ("edgemm.capture.seeds", "open_seeds"),
}
"""Scheme -> module and function that opens it, imported when it is asked for: the packages behind it are heavy."""


def _waiting(named: SourceUri) -> SourceUri:
    """The name with `wait=1`, unless it says itself whether to wait, or that a fault is the end."""
    if "wait" in named.options or not named.switch("reconnect", default=True):
        return named
    return replace(named, options={**named.options, "wait": "1"})


def _open_live(named: SourceUri) -> Source:
    module, function = _LIVE[named.scheme]
    source: Source = getattr(import_module(module), function)(named)
    return source


_UNPACED = {
    "text": "a text has no pace of its own that it could be played at",
    "seed": "seeds have no pace of their own that they could be played at",
}
"""What cannot be played in real time."""


def _open_unpaced(named: SourceUri, pace: Pace) -> Source:
    if pace == "live":
        raise InputError(f"{named.text!r}: {_UNPACED[named.scheme]}. Leave --live out")
    return _open_live(named)


def _open_pictures(named: SourceUri, paths: Sequence[str]) -> Source:
    named.only("fps", "loop", "max_pixels")
    return pictures.PictureSource(
        named.text, paths, fps=named.fps, loop=named.loop, max_pixels=named.max_pixels
    )


def _open_video(named: SourceUri, paths: Sequence[str]) -> Source:
    named.only("fps", "loop")
    if len(paths) > 1:
        raise InputError(f"{named.text!r} names {len(paths)} videos: open them one at a time")
    return video.VideoSource(named.text, paths[0], fps=named.fps, loop=named.loop)


def _open_recordings(named: SourceUri, paths: Sequence[str]) -> Source:
    named.only("block_ms", "pause_ms", "loop")
    return recordings.RecordingSource(
        named.text, paths, block_ms=named.block_ms, pause_ms=named.pause_ms, loop=named.loop
    )


_OPENERS: dict[str, Callable[[SourceUri, Sequence[str]], Source]] = {
    "pictures": _open_pictures,
    "video": _open_video,
    "recordings": _open_recordings,
}
_KINDS: dict[str, str] = {
    **dict.fromkeys(pictures.SUFFIXES, "pictures"),
    **dict.fromkeys(video.SUFFIXES, "video"),
    **dict.fromkeys(recordings.SUFFIXES, "recordings"),
}


def _find(named: SourceUri) -> list[str]:
    """The files that are meant, in natural order; one file that is named outright may be of any kind."""
    path = named.path
    if os.path.isfile(path):
        return [path]
    found = _listed(_walk(path) if os.path.isdir(path) else glob.iglob(path, recursive=True), named)
    known = sorted((name for name in found if _suffix(name) in _KINDS), key=natural_order)
    if not known:
        raise UnknownSource(_what_is_missing(named, len(found)))
    return known


def _walk(folder: str) -> Iterator[str]:
    """Files in a folder and the folders in it; names that begin with a dot are left out."""
    for inside, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(inside, name) for name in names if not name.startswith("."))


def _listed(paths: Iterator[str], named: SourceUri) -> list[str]:
    files = list(islice((path for path in paths if os.path.isfile(path)), _MAX_FILES + 1))
    if len(files) > _MAX_FILES:
        raise InputError(
            f"{named.text!r} holds more than {_MAX_FILES} files: name a smaller folder or a pattern"
        )
    return files


def _kind_of(paths: Sequence[str], named: SourceUri) -> str:
    """The one kind that all files are of."""
    kinds = {_KINDS.get(_suffix(path), "") for path in paths}
    if kinds == {""}:
        raise InputError(
            f"{named.text!r}: files that end in {_suffix(paths[0])!r} are not known. Expected {WORKS}"
        )
    if len(kinds) > 1:
        raise InputError(f"{named.text!r} holds {' and '.join(sorted(kinds))}: "
                         "name one kind by a pattern, such as *.png")  # fmt: skip
    return kinds.pop()


def _what_is_missing(named: SourceUri, others: int) -> str:
    path = named.path
    if os.path.isdir(path) or others:
        return f"{named.text!r}: no picture, video or WAV file among its {others} files. Expected {WORKS}"
    if os.path.lexists(path):
        return f"{named.text!r} is neither a file nor a folder, or leads nowhere. Expected {WORKS}"
    folder = os.path.dirname(path) or "."
    where = shown_address(os.path.abspath(folder))
    if glob.has_magic(path):
        return f"nothing matches the pattern {named.text!r}. Looked in {where}"
    if not os.path.isdir(folder):
        return f"there is no {named.text!r}: the folder {where} does not exist"
    near = _near(os.path.basename(path), folder)
    hint = f"; near to it: {', '.join(near)}" if near else ""
    return f"there is no {named.text!r} in {where}{hint}"


def _near(name: str, folder: str) -> list[str]:
    """Names in the folder that are like the one that is not there."""
    import difflib

    with os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, _MAX_LISTED)]
    return difflib.get_close_matches(name, names, n=3)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def natural_order(path: str) -> tuple[list[str | int], str]:
    """A key that sorts 2.png before 10.png."""
    parts = re.split(r"([0-9]+)", path.lower())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path
