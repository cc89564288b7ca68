"""Folders of sherpa-onnx with a streaming transducer: encoder-*.onnx, decoder-*.onnx, joiner-*.onnx, tokens.txt.

The names of tensors and metadata are those that icefall's export scripts write (`export-onnx-streaming.py`): `x` and
the caches, each given back as `new_` and its name; `y` of `context_size` labels; `encoder_out`, `decoder_out`, `logit`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgemm.card.bundle_card import BUNDLE_SCHEMA, BundleCard
from edgemm.errors import CardError
from edgemm.foreign.bundles.listing import Listing, Precision, listed
from edgemm.foreign.bundles.sherpa import streaming_encoder, tokens_of
from edgemm.foreign.onnx_file import OnnxFile
from edgemm.tensors import TensorSpec

ROLES = ("encoder", "decoder", "joiner")


def read(folder: Path, precision: Precision = "int8") -> BundleCard | None:
    """The card of such a folder; None where it is another.

    Raises:
        CardError: a network or the tokens are missing, there twice, or of another kind.
    """
    listing = Listing.of(folder, precision)
    there = [role for role in ROLES if listing.matching(_pattern(role))]
    if len(there) < 2:
        return None
    files = {role: listing.one(role, _pattern(role), f"{role}-*.onnx") for role in ROLES}
    tokens = tokens_of(listing)
    outsides = {role: listing.outside(name) for role, name in files.items()}
    encoder = streaming_encoder(listing, files["encoder"], *outsides["encoder"])
    decoder, joiner = outsides["decoder"][0], outsides["joiner"][0]
    context = _context(files["decoder"], decoder)
    main = [spec for spec in encoder.outputs if spec.name not in dict(encoder.states)]
    if len(main) != 1:
        raise CardError(
            f"{files['encoder']}: expected one output beside its caches, found {listed(spec.name for spec in main)}"
        )
    heard, said = _rows(files["joiner"], joiner, main[0].name)
    content: dict[str, Any] = {
        "schema": BUNDLE_SCHEMA,
        "name": folder.resolve().name[:100] or "transducer",
        "task": "transcription",
        "driver": "transducer",
        "transducer": {
            "audio": encoder.audio,
            "mirrored": True,
            "encoder_input": encoder.frames_input,
            "encoder_output": main[0].name,
            "decoder_input": decoder.inputs[0].name,
            "decoder_output": decoder.outputs[0].name,
            "joiner_inputs": [heard, said],
            "joiner_output": joiner.outputs[0].name,
            "context": context,
            **tokens.writing,
        },
        "parts": {
            "encoder": {"file": files["encoder"], "card": encoder.card()},
            "decoder": {"file": files["decoder"], "card": _of_batch_one(decoder)},
            "joiner": {"file": files["joiner"], "card": _of_batch_one(joiner)},
        },
        "assets": {"tokens": {"file": tokens.file}},
        "x-said": listing.said,
    }
    return BundleCard.from_json(json.dumps(content))


def _pattern(role: str) -> str:
    return rf"{role}([-.].*)?\.onnx"


def _context(file: str, decoder: OnnxFile) -> int:
    """Labels that it sees.

    Raises:
        CardError: it remembers, or takes something else.
    """
    if len(decoder.inputs) != 1 or len(decoder.outputs) != 1 or len(decoder.inputs[0].shape) != 2:
        raise CardError(
            f"{file}: expected one input [N, context_size] and one output, found "
            f"{listed(f'{spec.name} {list(spec.shape)}' for spec in decoder.inputs)}: this kind of decoder is not "
            "known here"
        )
    (spec,) = decoder.inputs
    if not 0 < spec.shape[1] <= 64:
        raise CardError(f"{file}: expected 1 to 64 labels in input {spec.name!r}, found {list(spec.shape)}")
    return spec.shape[1]


def _rows(file: str, joiner: OnnxFile, encoded: str) -> tuple[str, str]:
    """Its inputs, that of the encoder first."""
    names = [spec.name for spec in joiner.inputs]
    if len(names) != 2 or len(joiner.outputs) != 1:
        raise CardError(f"{file}: expected two inputs and one output, found {listed(names)}")
    heard = encoded if encoded in names else names[0]
    return heard, next(name for name in names if name != heard)


def _of_batch_one(outside: OnnxFile) -> dict[str, Any]:
    def entry(spec: TensorSpec) -> dict[str, Any]:
        return {"name": spec.name, "shape": [1 if size < 1 else size for size in spec.shape]}

    return {
        "inputs": [{"modality": "tensor", **entry(spec)} for spec in outside.inputs],
        "outputs": [entry(spec) for spec in outside.outputs],
    }
