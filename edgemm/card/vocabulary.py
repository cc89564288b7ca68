"""The files that a card names: vocabularies. Found beside its JSON, and held to the hash in the card."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgemm.card.model_card import ModelCard
from edgemm.errors import CardError, DamagedArtifact, InputError
from edgemm.frozen import replace
from edgemm.sha256 import sha256_hex

if TYPE_CHECKING:
    from pathlib import Path

MAX_VOCABULARY = 20 << 20
"""Bytes of one vocabulary (20 MiB): the largest of common models, of 250,000 tokens, has 17."""


def names(card: ModelCard) -> tuple[str, ...]:
    """Of the files that the card needs."""
    found = (each.text.vocabulary for each in card.inputs if each.text is not None)
    return tuple(dict.fromkeys(name for name in found if name))


def with_files_beside(card: ModelCard, path: Path) -> ModelCard:
    """The card with the vocabularies that stand in the folder of its JSON, `path`. One that is not there is left to the
    model file.

    Raises:
        InputError: a file cannot be read, or is larger than vocabularies may be.
        CardError: one is another than the card says.
    """
    found = {name: _read(path.parent / name) for name in names(card) if os.path.lexists(path.parent / name)}
    if not found:
        return card
    whole = card.with_(files={**found, **card.files})
    _require_card(whole)
    return whole


def _require_card(card: ModelCard) -> None:
    try:
        require_same(card)
    except DamagedArtifact as error:
        raise CardError(
            f"{error}. Take the file that the card was made with, or the hash out of the card"
        ) from error


def _read(path: Path) -> bytes:
    try:
        size = path.stat()
        if not stat.S_ISREG(size.st_mode):
            raise InputError(f"{path}: expected the file of a vocabulary, found a folder, a pipe or a device")
        with open(path, "rb") as file:
            content = file.read(MAX_VOCABULARY + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > MAX_VOCABULARY:
        raise InputError(f"{path}: a vocabulary may have {MAX_VOCABULARY} bytes, found {size.st_size}")
    return content


def sealed(card: ModelCard) -> ModelCard:
    """The card with the hashes of its vocabularies, and no file that it does not name.

    Raises:
        CardError: a vocabulary is missing, or is another one than the card says.
    """
    wanted = names(card)
    for name in wanted:
        if name not in card.files:
            raise CardError(
                f"the vocabulary {name!r} that the card names is missing. Put the file into the folder of the card's "
                'JSON; in Python: card.with_(files={"' + name + '": content})'
            )
        if len(card.files[name]) > MAX_VOCABULARY:
            raise CardError(
                f"the vocabulary {name!r}: expected at most {MAX_VOCABULARY} bytes, found {len(card.files[name])}"
            )
    _require_card(card)
    inputs = tuple(
        replace(each, text=replace(each.text, sha256=sha256_hex(card.files[each.text.vocabulary])))
        if each.text is not None and each.text.vocabulary
        else each
        for each in card.inputs
    )
    return card.with_(inputs=inputs, files={name: card.files[name] for name in wanted})


def require_same(card: ModelCard) -> None:
    """Returns where each vocabulary that is there has the hash that the card says.

    Raises:
        DamagedArtifact: one has another.
    """
    for each in card.inputs:
        text = each.text
        if text is None or not text.sha256 or text.vocabulary not in card.files:
            continue
        found = sha256_hex(card.files[text.vocabulary])
        if found != text.sha256:
            raise DamagedArtifact(
                f"the vocabulary {text.vocabulary!r} is not the card's: expected SHA-256 {text.sha256[:16]}..., found "
                f"{found[:16]}..."
            )


def with_kept_files(card: ModelCard, old: Mapping[str, bytes]) -> ModelCard:
    """The card with those of the files `old` that it names and does not bring itself."""
    kept = {name: old[name] for name in names(card) if name in old and name not in card.files}
    return card.with_(files={**kept, **card.files}) if kept else card
