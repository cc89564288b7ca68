"""Which class a sub-folder of pictures or recordings stands for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.log import LOG


def folder_classes(path: Path, files: Sequence[Path], classes: Sequence[str], option: str) -> dict[str, int]:
    """Sub-folder -> class number: by the card's labels, or in alphabetical order where the card has none.

    Where no sub-folder at all is one of the labels, they are not classes: that is logged, and none is returned.

    Args:
        files: all of them, not a selection: which classes there are must not depend on a limit.

    Raises:
        InputError: a sub-folder among others is not a label of the card.
    """
    names = sorted({file.parent.name for file in files if file.parent != path})
    if not classes:
        return {name: number for number, name in enumerate(names)}
    unknown = [name for name in names if name not in classes]
    if unknown and len(unknown) == len(names):
        LOG.warning(
            "%s %s: none of its %d sub-folders (%s) is one of the card's labels (%s), so they are not answers: "
            "name the folders as the labels",
            option, path, len(names), _few(names), _few(classes),
        )  # fmt: skip
        return {}
    if unknown:
        raise InputError(
            f"{option} {path}: sub-folder {unknown[0]!r} is not one of the card's labels ({_few(classes)})"
            + (hint(unknown[0], classes) or ". Name it as one, or take it away")
        )
    return {name: list(classes).index(name) for name in names}


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
