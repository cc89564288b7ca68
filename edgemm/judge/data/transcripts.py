"""Recordings and what is said in them: a text beside each, or a list of them.

NAME.wav and NAME.txt                   the text alone
*.trans.txt, transcripts.txt            NAME TEXT in each line, as LibriSpeech has them
transcription, *.transcription          TEXT (NAME) in each line, as Sphinx has them
manifest.json, manifest.jsonl           {"audio_filepath": ..., "text": ...} in each line, as NeMo has them
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgemm.errors import InputError
from edgemm.judge.data.pictures import read_bounded
from edgemm.log import LOG

MAX_BYTES = 64 << 20
MANIFESTS = ("manifest.json", "manifest.jsonl")
NAMED_FIRST = ("*.trans.txt", "transcripts.txt")
NAMED_LAST = ("transcription", "*.transcription")
EXPECTED = (
    "recordings (.wav) with a text (.txt) beside each, or with a list of texts (*.trans.txt, *.transcription, "
    "manifest.json)"
)


@dataclass(frozen=True, slots=True)
class Transcribed:
    """One recording."""

    recording: Path
    text: str
    """What is said in it; "" where nothing is."""


def has_transcripts(path: Path) -> bool:
    """Whether a folder, or a manifest, says what is said in recordings."""
    if path.is_file():
        return path.suffix.lower() in (".jsonl", ".json")
    return path.is_dir() and (bool(_lists(path)) or any(_beside(path)))


def read_transcripts(path: Path) -> tuple[Transcribed, ...]:
    """The recordings at a path, in their order of names, each with its text.

    Raises:
        InputError: there are none, a line cannot be understood, or a recording is missing; names file and line.
    """
    if path.is_file():
        found = list(_manifest(path))
    else:
        lists = _lists(path)
        found = [each for file in lists for each in _listed(file)] if lists else list(_beside(path))
    if not found:
        raise InputError(f"{path}: expected {EXPECTED}; found nothing of the kind")
    if path.is_dir():
        _tell_silent(path, {each.recording for each in found})
    return tuple(sorted(found, key=lambda each: each.recording))


def _tell_silent(folder: Path, told: Collection[Path]) -> None:
    """Recordings of which nobody says what is said in them."""
    silent = sorted(each for each in folder.rglob("*.wav") if each not in told)
    if silent:
        LOG.warning(
            "%s: %d of its %d recordings have no text and are left out, such as %s",
            folder, len(silent), len(silent) + len(told), silent[0].relative_to(folder),
        )  # fmt: skip


def _lists(folder: Path) -> list[Path]:
    patterns = (*MANIFESTS, *NAMED_FIRST, *NAMED_LAST)
    return sorted({file for pattern in patterns for file in folder.rglob(pattern) if file.is_file()})


def _beside(folder: Path) -> Iterator[Transcribed]:
    for file in sorted(folder.rglob("*.wav")):
        text = file.with_suffix(".txt")
        if text.is_file():
            yield Transcribed(file, " ".join(_text(text).split()))


def _listed(file: Path) -> Iterator[Transcribed]:
    if file.name in MANIFESTS:
        yield from _manifest(file)
        return
    first = any(file.match(pattern) for pattern in NAMED_FIRST)
    pattern = r"(?P<name>\S+)\s*(?P<text>.*)" if first else r"(?P<text>.*)\((?P<name>[^()\s]+)\)"
    form = "NAME TEXT" if first else "TEXT (NAME)"
    for number, line in enumerate(_text(file).splitlines(), 1):
        if not line.strip():
            continue
        found = re.fullmatch(pattern, line.strip())
        if found is None:
            raise InputError(f"{file}, line {number}: expected {form}, found {line.strip()[:60]!r}")
        text = re.sub(r"</?s>", " ", found["text"])
        yield Transcribed(_recording(file, number, found["name"]), " ".join(text.split()))


def _manifest(file: Path) -> Iterator[Transcribed]:
    for number, line in enumerate(_text(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        named = isinstance(entry, dict) and isinstance(entry.get("audio_filepath"), str)
        if not named or not isinstance(entry.get("text"), str):
            raise InputError(
                f'{file}, line {number}: expected {{"audio_filepath": ..., "text": ...}}, found {line.strip()[:60]!r}'
            )
        yield Transcribed(_recording(file, number, entry["audio_filepath"]), entry["text"])


def _recording(file: Path, number: int, name: str) -> Path:
    """The recording that a list names, in the list's folder or below it."""
    folder = file.parent
    for each in (folder / name, folder / f"{name}.wav"):
        if each.is_file():
            if not each.resolve().is_relative_to(folder.resolve()):
                raise InputError(
                    f"{file}, line {number}: expected a recording in {folder}, found {name[:60]!r}"
                )
            return each
    raise InputError(f"{file}, line {number}: there is no recording {name[:60]!r} (.wav) in {folder}")


def _text(file: Path) -> str:
    content = read_bounded(file, MAX_BYTES, "a list of texts")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: expected text in UTF-8 ({error}). Save it as UTF-8") from error
