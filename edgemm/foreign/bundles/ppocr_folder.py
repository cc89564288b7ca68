"""Folders with PP-OCR's networks as ONNX files: one that finds lines, one that reads them, and perhaps one that says
which stand upside down.

The names are those of PaddleOCR's models, `..._det_infer`, `..._rec_infer`, `..._cls_infer`, and shorter ones. The
alphabet stands in the recogniser's metadata, or in a text beside it, as PaddleOCR has it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgemm.card.bundle_card import BUNDLE_SCHEMA, BundleCard
from edgemm.errors import CardError
from edgemm.foreign import ppocr
from edgemm.foreign.bundles.listing import Listing, Precision

_NAME = r"(?i)(.*[._-])?{}([._-].*)?\.onnx"
_ALPHABETS = r"(?i).*(dict|keys|alphabet).*\.txt"


def read(folder: Path, precision: Precision = "int8") -> BundleCard | None:
    """The card of such a folder; None where it is another.

    Raises:
        CardError: a network is there twice or of another kind, or there is no alphabet, or several.
    """
    listing = Listing.of(folder, precision)
    if not all(listing.matching(_NAME.format(each)) for each in ("det", "rec")):
        return None
    files = {
        "detector": listing.one("detector", _NAME.format("det"), "*det*.onnx"),
        "recognizer": listing.one("recognizer", _NAME.format("rec"), "*rec*.onnx"),
    }
    if listing.matching(_NAME.format("cls")):
        files["angle"] = listing.one("angle", _NAME.format("cls"), "*cls*.onnx")
    for role, file in files.items():
        _require_pictures(listing, role, file)
    content: dict[str, Any] = {
        "schema": BUNDLE_SCHEMA,
        "name": folder.resolve().name[:100] or "ocr",
        "driver": "ocr",
        "parts": {role: {"file": file} for role, file in files.items()},
        "x-said": listing.said,
    }
    if alphabet := _alphabet(listing, files["recognizer"]):
        content["assets"] = {"alphabet": {"file": alphabet}}
    return BundleCard.from_json(json.dumps(content))


def _require_pictures(listing: Listing, role: str, file: str) -> None:
    inputs = listing.outside(file)[0].inputs
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise CardError(
            f"{role}: expected a network with one input, pictures [N, 3, height, width], found {file} with "
            f"{', '.join(f'{each.name} {list(each.shape)}' for each in inputs) or 'none'}"
        )


def _alphabet(listing: Listing, recognizer: str) -> str:
    """The file of the alphabet; "" where the recogniser has it itself."""
    if ppocr.from_properties(listing.outside(recognizer)[1]):
        return ""
    found = listing.matching(_ALPHABETS)
    if len(found) != 1:
        raise CardError(
            f"alphabet: expected `character` in the metadata of {recognizer}, or one list of characters in the folder "
            f"(*dict*.txt, *keys*.txt), found {', '.join(found) or 'neither'}"
        )
    return found[0]
