"""Lists of tokens as speech toolkits write them (`tokens.txt`): a symbol and its number on each line."""

from __future__ import annotations

from edgemm.errors import ArtifactError

MAX_BYTES = 16 << 20
MAX_TOKENS = 1 << 19


def read_tokens(content: bytes, name: str = "tokens.txt") -> tuple[str, ...]:
    """The symbols in the order of their numbers.

    Args:
        content: UTF-8; on each line a symbol, blanks, and its number. A line with a number alone stands for a space.
        name: of the file, for messages.

    Raises:
        ArtifactError: not such a list; a number that is missing or comes twice.
    """
    if len(content) > MAX_BYTES:
        raise ArtifactError(f"{name}: expected at most {MAX_BYTES} bytes, found {len(content)}")
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{name}: expected a list of tokens in UTF-8, found other bytes") from error
    found: dict[int, str] = {}
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        symbol, number = _parted(line)
        if not (number.isascii() and number.isdigit()) or int(number) >= MAX_TOKENS:
            raise ArtifactError(
                f"{name}: expected a token and its number in line {at}, such as 'the 12', found {line.strip()[:80]!r}"
            )
        if int(number) in found:
            raise ArtifactError(f"{name}: expected each number once, found {number} again in line {at}")
        found[int(number)] = symbol
    missing = next((each for each in range(len(found)) if each not in found), None)
    if missing is not None or not found:
        raise ArtifactError(
            f"{name}: expected the numbers from 0 on, each once, "
            + (f"found {len(found)} of them, and {missing} is missing" if found else "found none")
        )
    return tuple(found[each] for each in range(len(found)))


def _parted(line: str) -> tuple[str, str]:
    """Symbol and number: either may be white space of its own kind, so only blanks and tabs part them."""
    parts = line.rstrip(" \t\r").replace("\t", " ").rsplit(" ", 1)
    number = parts[-1]
    symbol = parts[0].strip(" ") if len(parts) > 1 else ""
    return symbol or " ", number


def without_marks(tokens: tuple[str, ...], scores: int) -> tuple[str, ...]:
    """The tokens that a network of so many scores has: the marks `#0`, `#1`, ... behind them, which are for composing
    graphs and which no network scores, left out."""
    behind = tokens[scores:] if scores > 0 else ()
    marks = all(each[:1] == "#" and each[1:].isdigit() for each in behind)
    return tokens[:scores] if behind and marks else tokens
