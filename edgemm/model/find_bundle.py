"""From a path to a bundle: a ZIP, a folder with `bundle.json`, or a folder in another project's layout."""

from __future__ import annotations

import os
from pathlib import Path

from edgemm.artifact.bundle import CARD_NAME, Bundle, bundle_of, has_card, read_bundle
from edgemm.choices import choice
from edgemm.errors import ArtifactError, InputError
from edgemm.foreign.bundles import LAYOUT_KEY, SAID_KEY, foreign_bundle, looked_for
from edgemm.foreign.bundles.listing import PRECISIONS
from edgemm.log import LOG

SHOWN = 8
"""Names of files that an error lists."""


def find_bundle(path: str | Path, precision: str | None = None) -> Bundle:
    """The bundle that is meant; close it.

    Args:
        precision: "int8" or "float", of a folder in another project's layout: which file is taken where a network is
            there with both kinds of weights. None: int8.

    Raises:
        InputError: a folder that is no bundle; says what was looked for. Or a precision that is none, or is not for
            this bundle.
        InputError, ArtifactError, MissingDependency, MachineShortage: see `read_bundle`.
    """
    where = Path(path)
    if not where.is_dir() or has_card(where):
        if precision is not None:
            raise InputError(
                f"{where}: precision: expected none, since its parts stand in {CARD_NAME}; found {precision!r:.80}"
            )
        return read_bundle(where)
    wanted = choice("precision", "int8" if precision is None else precision, PRECISIONS)
    try:
        card = foreign_bundle(where, wanted)
    except ArtifactError as error:
        said = str(error)
        raise type(error)(said if said.startswith(str(where)) else f"{where}: {said}") from error
    if card is not None:
        for each in card.extra.get(SAID_KEY, ()):
            LOG.info("%s: %s", where, each)
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
