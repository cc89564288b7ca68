"""From a path to a bundle: a ZIP, a folder with `bundle.json`, or a folder in another project's layout."""

from __future__ import annotations

import os
from pathlib import Path

from edgemm.artifact.bundle import CARD_NAME, Bundle, bundle_of, has_card, read_bundle
from edgemm.errors import ArtifactError, InputError
from edgemm.foreign.bundles import LAYOUT_KEY, foreign_bundle, looked_for

SHOWN = 8
"""Names of files that an error lists."""


def find_bundle(path: str | Path) -> Bundle:
    """The bundle that is meant; close it.

    Raises:
        InputError: a folder that is no bundle; says what was looked for.
        InputError, ArtifactError, MissingDependency, MachineShortage: see `read_bundle`.
    """
    where = Path(path)
    if not where.is_dir() or has_card(where):
        return read_bundle(where)
    try:
        card = foreign_bundle(where)
    except ArtifactError as error:
        said = str(error)
        raise type(error)(said if said.startswith(str(where)) else f"{where}: {said}") from error
    if card is not None:
        return bundle_of(where, card, str(card.extra.get(LAYOUT_KEY, "another project's layout")))
    raise InputError(_no_bundle(where))


def _no_bundle(folder: Path) -> str:
    wanted = " or ".join((CARD_NAME, *looked_for()))
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from error
    more = ", ..." if len(names) > SHOWN else ""
    found = ", ".join(names[:SHOWN]) + more if names else "an empty folder"
    models = [name for name in names if name.endswith((".tflite", ".onnx"))]
    advice = f". For one model, give its file: {folder / models[0]}" if models else ""
    return f"{folder}: expected a bundle, a folder with {wanted}; found {found}{advice}"
