"""Folders of sherpa-onnx with a streaming CTC network: model.onnx (or ctc-*.onnx) and tokens.txt.

The names of tensors and metadata are those that icefall's export script writes (`export-onnx-streaming-ctc.py`): `x`
and the caches, each given back as `new_` and its name; `log_probs`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgemm.card.bundle_card import BUNDLE_SCHEMA, BundleCard
from edgemm.errors import CardError
from edgemm.foreign.bundles.listing import Listing, Precision, listed
from edgemm.foreign.bundles.sherpa import streaming_encoder, tokens_of

_FILES = r"(model|ctc-.*)([-.].*)?\.onnx"
_VOICES = ("vits", "matcha-tts", "kokoro", "kitten-tts")
"""`model_type` of networks that speak."""


def read(folder: Path, precision: Precision = "int8") -> BundleCard | None:
    """The card of such a folder; None where it is another.

    Raises:
        CardError: the network or the tokens are there twice, or of another kind.
    """
    listing = Listing.of(folder, precision)
    if "tokens.txt" not in listing.names or not listing.matching(_FILES):
        return None
    file = listing.one("model", _FILES, "model.onnx or ctc-*.onnx")
    outside, said = listing.outside(file)
    if said.get("model_type", "") in _VOICES:
        return None
    model = streaming_encoder(listing, file, outside, said)
    tokens = tokens_of(listing)
    scores = [spec for spec in model.outputs if spec.name not in dict(model.states)]
    if len(scores) != 1 or len(scores[0].shape) != 3:
        raise CardError(
            f"{file}: expected one output [N, steps, tokens] beside its caches, found "
            f"{listed(f'{spec.name} {list(spec.shape)}' for spec in scores)}"
        )
    content: dict[str, Any] = {
        "schema": BUNDLE_SCHEMA,
        "name": folder.resolve().name[:100] or "ctc",
        "task": "transcription",
        "driver": "ctc",
        "ctc": {
            "audio": model.audio,
            "mirrored": True,
            "input": model.frames_input,
            "output": scores[0].name,
            "decode": "logits",
            **tokens.writing,
        },
        "parts": {"model": {"file": file, "card": model.card()}},
        "assets": {"tokens": {"file": tokens.file}},
        "x-said": listing.said,
    }
    return BundleCard.from_json(json.dumps(content))
