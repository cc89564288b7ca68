"""What a whole bundle is run on: texts, recordings or pictures, and what is right for them where the data say it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgemm.errors import InputError, SourceError
from edgemm.judge.data.pairs import TextPair, read_pairs
from edgemm.judge.data.pictures import pictures_in, read_bounded
from edgemm.judge.data.transcripts import has_transcripts, read_transcripts
from edgemm.media import AudioBlock, Frame
from edgemm.results import Audio
from edgemm.selection import spread

CLEAN, NOISY = "clean", "noisy"
"""Folders of recordings of the same names: what is to come out, and what goes in."""
MAX_TEXT = 1 << 20
"""Bytes of what stands in one picture."""
HELD_OUT = 4
"""One of so many is held out, where no other data are given to judge by."""
SOUND = (
    "a folder of recordings (.wav): alone, with their texts, in a folder for each speaker or class, or in the folders "
    f"{NOISY}/ and {CLEAN}/ with the same names"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the bundle answers to."""

    given: str | AudioBlock | Frame | Path
    """A text, sound, a picture, or the path of a recording or a picture."""
    truth: Any = None
    """What the metric of its task takes: a text, a name, clean samples; None where it is not known."""
    name: str = "an item"
    """For messages: which it is of the data."""

    def read(self) -> Any:
        """What the bundle is called with.

        Raises:
            InputError: the recording or the picture cannot be read.
        """
        if not isinstance(self.given, Path):
            return self.given
        sound = self.given.suffix.lower() == ".wav"
        return read_recording(self.given) if sound else read_picture(self.given)

    def right(self) -> Any:
        """The truth; a recording read, as an `Audio`."""
        if not isinstance(self.truth, Path):
            return self.truth
        block = read_recording(self.truth)
        return Audio(block.samples, block.sample_rate)


def load_items(data: Any, modality: str, limit: int, option: str) -> tuple[Item, ...]:
    """At most `limit` items, spread evenly over what is there.

    Args:
        data: a path, or a sequence of texts, `AudioBlock`s or `Frame`s, or of pairs of these and what is right.
        modality: of the bundle: "text", "audio" or "image".
        option: what the data was given as, for messages.

    Raises:
        InputError: there are none, or they are of another kind than the bundle takes.
    """
    if modality not in _READ:
        raise InputError(
            f"{option}: expected a bundle that takes text, sound or pictures, found one that takes {modality}"
        )
    if isinstance(data, str | Path):
        path = Path(data)
        try:
            found = _READ[modality](path)
        except InputError as error:
            raise InputError(f"{option}: {error}") from error
    else:
        found = _given(data, modality, option)
    named = [replace(each, name=_name(each, at, option)) for at, each in enumerate(found, 1)]
    return spread(named, limit)


def _name(item: Item, number: int, option: str) -> str:
    """The text itself is not shown: what was typed stands in no log."""
    return f"{option}, {item.given if isinstance(item.given, Path) else f'item {number}'}"


def divided(items: Sequence[Item]) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Those to calibrate on, and those held out to judge by; of fewer than two, the same twice."""
    if len(items) < 2:
        return tuple(items), tuple(items)
    step = min(HELD_OUT, len(items))
    held = tuple(items[step - 1 :: step])
    return tuple(each for at, each in enumerate(items, 1) if at % step), held


def _texts(path: Path) -> Sequence[Item]:
    return [Item(each.source, each.target) for each in read_pairs(path)]


def _recordings(path: Path) -> Sequence[Item]:
    if path.is_file() and path.suffix.lower() == ".wav":
        return [Item(path)]
    if path.is_dir() and (path / NOISY).is_dir() and (path / CLEAN).is_dir():
        return list(_noisy(path))
    if has_transcripts(path):
        return [Item(each.recording, each.text) for each in read_transcripts(path)]
    files = sorted(path.rglob("*.wav")) if path.is_dir() else []
    if not files:
        found = (
            "none" if path.is_dir() else "another kind of file" if path.exists() else "nothing of that name"
        )
        raise InputError(f"{path}: expected {SOUND}; found {found}")
    names = [each.relative_to(path).parts[0] if each.parent != path else None for each in files]
    classed = all(names) and len(set(names)) > 1
    return [Item(file, name if classed else None) for file, name in zip(files, names, strict=True)]


def _pictures(path: Path) -> Sequence[Item]:
    """Each with the text beside it that says what stands in it, where there is one."""
    if path.is_file():
        return [_picture(path)]
    if not path.is_dir():
        raise InputError(f"{path}: expected a picture, or a folder of pictures; found nothing of that name")
    return [_picture(each) for each in pictures_in(path)]


def _picture(path: Path) -> Item:
    text = path.with_suffix(".txt")
    if not text.is_file():
        return Item(path)
    try:
        return Item(path, read_bounded(text, MAX_TEXT, "what stands in a picture").decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{text}: expected text in UTF-8 ({error}). Save it as UTF-8") from error


def _noisy(path: Path) -> Sequence[Item]:
    noisy, clean = (
        {file.relative_to(path / kind): file for file in sorted((path / kind).rglob("*.wav"))}
        for kind in (NOISY, CLEAN)
    )
    missing = [str(name) for name in noisy if name not in clean]
    if missing or not noisy:
        raise InputError(
            f"{path}: expected a recording of the same name in {CLEAN}/ for each in {NOISY}/, "
            + (f"found none for {', '.join(missing[:4])}" if missing else f"found none in {NOISY}/")
        )
    return [Item(file, clean[name]) for name, file in noisy.items()]


def _given(data: Any, modality: str, option: str) -> Sequence[Item]:
    kind: type = _KINDS[modality]
    listed = isinstance(data, Sequence) and not isinstance(data, bytes)
    found = []
    for each in data if listed else ():
        if isinstance(each, TextPair):
            each = (each.source, each.target)
        pair = each if isinstance(each, tuple) and len(each) == 2 else (each, None)
        if not isinstance(pair[0], kind) or (isinstance(pair[0], str) and not pair[0].strip()):
            break
        found.append(Item(*pair))
    if not listed or not found or len(found) != len(data):
        raise InputError(
            f"{option}: expected a path, or a sequence of {kind.__name__}, or of pairs of it and what is right, found "
            f"{type(data).__name__ if not listed else 'something else, or nothing, in it'}"
        )
    return found


_READ = {"text": _texts, "audio": _recordings, "image": _pictures}
_KINDS: dict[str, type] = {"text": str, "audio": AudioBlock, "image": Frame}


def read_picture(path: Path) -> Frame:
    """A picture.

    Raises:
        InputError: it cannot be read.
    """
    from edgemm.capture import open_source

    try:
        with open_source(path.absolute().as_uri()) as source:
            frame = source.read()
    except SourceError as error:
        raise InputError(f"{path} cannot be read: {error}. Remove the file, or replace it") from error
    if not isinstance(frame, Frame):
        raise InputError(f"{path}: expected a picture, found something else. Remove the file, or replace it")
    return replace(frame, pixels=frame.pixels.copy())


def read_recording(path: Path) -> AudioBlock:
    """A whole recording as one block.

    Raises:
        InputError: it cannot be read, or holds no sound.
    """
    from edgemm.capture import open_source

    heard: list[Any] = []
    rate = 0
    try:
        with open_source(str(path)) as source:
            while isinstance(item := source.read(), AudioBlock):
                heard.append(np.array(item.samples))
                rate = item.sample_rate
    except SourceError as error:
        raise InputError(f"{path} cannot be read: {error}. Remove the file, or replace it") from error
    if not heard:
        raise InputError(f"{path} holds no sound. Remove the file, or replace it")
    return AudioBlock(np.concatenate(heard), rate, time.monotonic_ns(), 0, origin=path.name)
