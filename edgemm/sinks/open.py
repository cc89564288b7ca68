"""The sinks that `--save` and `--show`, or an app file, ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgemm.choices import hint
from edgemm.errors import EdgemmError, InputError
from edgemm.sinks.directory import DirectorySink
from edgemm.sinks.film import CODECS
from edgemm.sinks.several import Sinks
from edgemm.sinks.sink import Sink
from edgemm.sinks.speaker_name import is_speaker, open_speaker
from edgemm.sinks.video import DRAWN, Existing, VideoSink, require_pictures
from edgemm.sinks.wav import SUFFIX, SoundFolder, WavSink
from edgemm.sinks.window import WindowSink

if TYPE_CHECKING:
    from edgemm.capture.source import Source
    from edgemm.sinks.speaker import SpeakerSink


def open_sinks(
    save: str | Sequence[str] = (),
    show: bool = False,
    *,
    source: Source | None = None,
    existing: Existing = "refuse",
    wait: bool = False,
    on_closed: Callable[[], object] = lambda: None,
) -> Sinks:
    """One sink for each place to save to, and a window where it is asked for.

    A microphone does not hear what a speaker says, see `keep_apart`.

    Args:
        save: one place or several, see `saver`.
        show: opens a window.
        source: what the stream reads.
        existing: what is done where a film is there already, see `VideoSink`.
        wait: True where a speaker need not be there yet, unless its name says so itself.
        on_closed: called when the user closes the window, from a thread of its own, such as the stream's `stop`.

    Raises:
        EdgemmError: see the sinks; those that were opened are closed.
    """
    sinks: list[Sink] = []
    paths = [save] if isinstance(save, str) else list(save)
    places = [os.path.realpath(path) for path in paths if path]
    for path, place in zip(paths, places, strict=False):
        if places.count(place) > 1:
            raise InputError(f"--save {path}: expected each place once, found it twice")
        if source is not None and _is_source(place, source):
            raise InputError(f"--save {path}: expected another file than the source, which it would replace")
    try:
        for path in paths:
            sinks.append(saver(path, source=source, existing=existing, wait=wait))  # noqa: PERF401 - what was opened is closed below
        if show:
            require_pictures(source, "--show")
            sinks.append(WindowSink(on_closed=on_closed))
        if source is not None and any(map(is_speaker, paths)):
            from edgemm.sinks.beside_microphone import keep_apart

            keep_apart([source], sinks)
    except BaseException:
        with suppress(EdgemmError):  # the error on its way says more
            Sinks(sinks).close()
        raise
    return Sinks(sinks)


def _is_source(place: str, source: Source) -> bool:
    read = source.uri.removeprefix("file:").partition("?")[0]
    try:
        return os.path.isfile(place) and os.path.samefile(place, read)
    except OSError:
        return False


def saver(
    path: str, *, source: Source | None = None, existing: Existing = "refuse", wait: bool = False
) -> VideoSink | DirectorySink | WavSink | SoundFolder | SpeakerSink:
    """A film where the path ends like one, such as out.mp4; sound where it ends in .wav; a folder where it has no
    suffix, ends in "/", or is a folder already: of pictures, or, where the source is sound or text, of WAV files; a
    speaker where it begins with "speaker:".

    Raises:
        InputError: any other suffix; a film of a source that is sound; or `existing` is "refuse" and the file is
            there.
        EdgemmError: the speaker cannot be opened.
    """
    if is_speaker(path):
        return open_speaker(path, source=source, wait=wait)
    suffix = Path(path).suffix.lower()
    if path.endswith(os.sep) or os.path.isdir(path) or not suffix:
        if not path:
            raise InputError(f"--save: {_EXPECTED}, found nothing")
        if source is not None and source.modality not in DRAWN:
            return SoundFolder(path)
        return DirectorySink(path)
    if suffix == SUFFIX:
        return WavSink(path, existing=existing)
    if suffix in CODECS:
        return VideoSink(path, source=source, existing=existing)
    raise InputError(
        f"--save {path}: {_EXPECTED}, found the suffix {suffix!r}{hint(suffix, (*CODECS, SUFFIX), _INSTEAD)}"
    )


_EXPECTED = f"expected a film ({', '.join(CODECS)}), sound ({SUFFIX}), a folder or speaker:"
_PICTURES = "For a picture of each result name a folder"
_FILM = "For a film say .mp4"
_SOUND = "For sound say .wav"
_INSTEAD = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"), _PICTURES),
    **dict.fromkeys((".mov", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".h264"), _FILM),
    **dict.fromkeys((".mp3", ".flac", ".ogg", ".m4a", ".aac", ".opus", ".wave", ".aiff"), _SOUND),
    **dict.fromkeys((".json", ".jsonl", ".csv", ".txt"), "For lines of JSON say --record FILE"),
}
"""What people write -> what they need."""
