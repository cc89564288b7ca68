"""Tokens to text."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from functools import cache

from edgemm.errors import CardError
from edgemm.tasks.attention.recipe import AttentionRecipe

_SPACE = "▁".encode()
_BYTE = re.compile(rb"<0x([0-9A-Fa-f]{2})>")


class Vocabulary:
    """The tokens of a decoder as bytes of UTF-8.

    Raises:
        CardError: the file is not of the form that the recipe says.
    """

    def __init__(self, content: bytes, recipe: AttentionRecipe) -> None:
        """Args:
        content: of the file.
        recipe: its form, how it spells, and which tokens write nothing.
        """
        tokens = _READ[recipe.vocabulary](content)
        if not tokens:
            raise CardError(
                f"tokens: expected a vocabulary in the form {recipe.vocabulary!r}, found none in it"
            )
        write = _byte_level if recipe.spelling == "bytes" else _sentence_piece
        self._texts = [write(each) for each in tokens]
        self._below = recipe.written_below or len(tokens)
        self._silent = {recipe.end, *recipe.prompt}

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, tokens: Sequence[int]) -> str:
        """What the tokens write, single spaces between words."""
        return " ".join(self.raw(tokens).split())

    def raw(self, tokens: Sequence[int]) -> str:
        """What the tokens write, spaces as they write them."""
        written = b"".join(
            self._texts[each] for each in tokens if each < self._below and each not in self._silent
        )
        return written.decode("utf-8", errors="ignore")


def _sentence_piece(token: bytes) -> bytes:
    byte = _BYTE.fullmatch(token)
    return bytes([int(byte[1], 16)]) if byte else token.replace(_SPACE, b" ")


def _byte_level(token: bytes) -> bytes:
    """Of GPT-2's alphabet; what is none of it, such as a token with a meaning of its own, as it is."""
    table = _alphabet()
    letters = token.decode("utf-8", errors="replace")
    if all(each in table for each in letters):
        return bytes(table[each] for each in letters)
    return token


@cache
def _alphabet() -> dict[str, int]:
    """Character -> byte: those that can be seen stand for themselves, the others for 256 on."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [each for each in range(256) if each not in seen]
    return {chr(each): each for each in seen} | {chr(256 + at): each for at, each in enumerate(others)}


def _lines(content: bytes) -> list[bytes]:
    """A token in each line; where each line ends with its number, in the order of these."""
    lines = content.removesuffix(b"\n").split(b"\n")
    rows = [line.removesuffix(b"\r").rpartition(b" ") for line in lines]
    if all(number.isdigit() for _, _, number in rows) and len({int(row[2]) for row in rows}) == len(rows):
        return _ordered({int(number): token for token, _, number in rows})
    return [line.removesuffix(b"\r") for line in lines] if content else []


def _base64(content: bytes) -> list[bytes]:
    try:
        return [base64.b64decode(each, validate=True) for each in _lines(content)]
    except binascii.Error as error:
        raise CardError(f"tokens: expected base64 in each line, found {error}") from error


def _lengths(content: bytes) -> list[bytes]:
    tokens: list[bytes] = []
    at = 0
    while at < len(content):
        length, at = content[at], at + 1
        if length >= 128 and at < len(content):
            length, at = (length & 127) + content[at] * 128, at + 1
        if at + length > len(content):
            raise CardError(
                f"tokens: expected {length} bytes of token {len(tokens)}, found {len(content) - at}: "
                "the file ends in it"
            )
        tokens.append(content[at : at + length])
        at += length
    return tokens


def _json(content: bytes) -> list[bytes]:
    try:
        found = json.loads(content.decode("utf-8-sig"))
        model = found["model"]["vocab"]
        places = (
            model.items() if isinstance(model, dict) else ((each[0], at) for at, each in enumerate(model))
        )
        table = {int(at): str(token).encode() for token, at in places}
        table |= {int(each["id"]): str(each["content"]).encode() for each in found.get("added_tokens", ())}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise CardError(f"tokens: expected a tokenizer.json with model.vocab, found {error!r}") from error
    return _ordered(table)


def _ordered(table: dict[int, bytes]) -> list[bytes]:
    """By number; a number that no token has writes nothing."""
    if not table or min(table) < 0 or max(table) >= 2 * len(table) + 4096:
        raise CardError(
            f"tokens: expected numbers from 0 on, found {len(table)} up to {max(table, default=-1)}"
        )
    return [table.get(at, b"") for at in range(max(table) + 1)]


_READ = {"lines": _lines, "base64": _base64, "lengths": _lengths, "json": _json}
