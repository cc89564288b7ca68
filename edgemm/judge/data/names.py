"""Class names beside labels: `names` in a data.yaml, or a list with a name in each line."""

from __future__ import annotations

import re
from pathlib import Path

from edgemm.errors import InputError
from edgemm.judge.data.pictures import read_bounded

MAX_BYTES = 1 << 20
MAX_CLASSES = 65_536
LISTS = ("classes.txt", "labels.txt", "obj.names")
_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*\""""
_ITEM = re.compile(rf"\s*(?:(\d+)\s*:\s*)?({_QUOTED}|[^,'\"\[\]{{}}]+?)\s*(?:,|$)")


def names_beside(folder: Path) -> tuple[str, ...]:
    """Of the data in a folder: from its only .yaml with `names`, else a list; () where there is neither.

    Raises:
        InputError: one is there and cannot be understood; names file and line.
    """
    for file in (*sorted(folder.glob("*.yaml")), *sorted(folder.glob("*.yml"))):
        found = yaml_names(file)
        if found:
            return found
    for name in LISTS:
        if (folder / name).is_file():
            lines = _text(folder / name).splitlines()
            return tuple(line.strip() for line in lines if line.strip())
    return ()


def yaml_names(file: Path) -> tuple[str, ...]:
    """The `names` of a data.yaml: a list or numbers with names, in one line or in several; () where it has none."""
    lines = [_bare(line) for line in _text(file).splitlines()]
    start = next((at for at, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if start is None:
        return ()
    inline = lines[start].split(":", 1)[1].strip()
    if inline:
        return _inline(file, lines, start, inline)
    return _block(file, lines, start)


def _inline(file: Path, lines: list[str], start: int, text: str) -> tuple[str, ...]:
    closing = {"[": "]", "{": "}"}.get(text[0])
    at = start
    while closing and not text.endswith(closing) and at + 1 < len(lines):
        at += 1
        text += " " + lines[at].strip()
    if not closing or not text.endswith(closing):
        raise InputError(
            f"{file}, line {start + 1}: expected names as [a, b] or {{0: a, 1: b}}, found {text[:60]!r}"
        )
    pairs: list[tuple[int | None, str]] = []
    inner, place = text[1:-1].strip().rstrip(","), 0
    while place < len(inner):
        found = _ITEM.match(inner, place)
        if found is None:
            raise InputError(
                f"{file}, line {start + 1}: expected a name, found {inner[place : place + 40]!r}"
            )
        pairs.append((None if found[1] is None else int(found[1]), _unquoted(found[2])))
        place = found.end()
    return _numbered(file, start, pairs)


def _block(file: Path, lines: list[str], start: int) -> tuple[str, ...]:
    pairs: list[tuple[int | None, str]] = []
    for at, line in enumerate(lines[start + 1 :], start + 2):
        if not line.strip():
            continue
        found = re.fullmatch(r"\s*(?:-\s+|(\d+)\s*:\s+)(.+)", line)
        if found is None:
            if line[0].isspace() or line.startswith("-"):
                raise InputError(
                    f"{file}, line {at}: expected '- name' or '0: name', found {line.strip()[:60]!r}"
                )
            break
        pairs.append((None if found[1] is None else int(found[1]), _unquoted(found[2].strip())))
    return _numbered(file, start, pairs)


def _numbered(file: Path, start: int, pairs: list[tuple[int | None, str]]) -> tuple[str, ...]:
    numbers = [at if number is None else number for at, (number, _) in enumerate(pairs)]
    if len(set(numbers)) != len(numbers) or max(numbers, default=0) >= MAX_CLASSES:
        raise InputError(
            f"{file}, line {start + 1}: expected class numbers below {MAX_CLASSES}, each once, found {numbers[:20]}"
        )
    names = [""] * (max(numbers, default=-1) + 1)
    for number, (_, name) in zip(numbers, pairs, strict=True):
        names[number] = name
    return tuple(names)


def _bare(line: str) -> str:
    """Without a comment and without spaces at the end."""
    return re.sub(r"(^|\s)#.*$", "", line).rstrip()


def _unquoted(text: str) -> str:
    if text[:1] == "'" == text[-1:] and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text[:1] == '"' == text[-1:] and len(text) > 1:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _text(file: Path) -> str:
    try:
        return read_bounded(file, MAX_BYTES, "a list of class names").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: expected text in UTF-8 ({error}). Save it as UTF-8") from error
