"""Folders of sherpa-onnx with Whisper: NAME-encoder.onnx, NAME-decoder.onnx, NAME-tokens.txt.

The names of tensors and metadata are those that its export script writes: `mel`; `n_layer_cross_k`, `n_layer_cross_v`;
`tokens`, `offset`, caches of fixed length that are given back with `out_` instead of `in_`; `sot_sequence`, `eot`,
`no_timestamps`, `all_language_tokens` and so on in the encoder's metadata.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemm.card.bundle_card import BUNDLE_SCHEMA, BundleCard
from edgemm.card.model_card import section_to_dict
from edgemm.card.presets import WHISPER_MEL
from edgemm.errors import CardError
from edgemm.foreign.bundles.listing import Listing, Precision, listed
from edgemm.foreign.onnx_file import OnnxFile
from edgemm.tensors import TensorSpec

_CROSS = ("n_layer_cross_k", "n_layer_cross_v")
_SELF = ("n_layer_self_k_cache", "n_layer_self_v_cache")
_NUMBERS = ("n_mels", "n_vocab", "n_text_ctx", "n_text_state", "n_text_layer", "eot", "no_timestamps")


def read(folder: Path, precision: Precision = "int8") -> BundleCard | None:
    """The card of such a folder; None where it is another.

    Raises:
        CardError: a file is missing, there twice, or of another kind.
    """
    listing = Listing.of(folder, precision)
    if not listing.matching(r".+-encoder([-.].*)?\.onnx") or not listing.matching(r".+-tokens\.txt"):
        return None
    encoder_file = listing.one("encoder", r".+-encoder([-.].*)?\.onnx", "NAME-encoder.onnx")
    decoder_file = listing.one("decoder", r".+-decoder([-.].*)?\.onnx", "NAME-decoder.onnx")
    tokens = listing.one("tokens", r".+-tokens\.txt", "NAME-tokens.txt")
    encoder, said = listing.outside(encoder_file)
    decoder, _ = listing.outside(decoder_file)
    if not said.get("model_type", "").startswith("whisper"):
        raise CardError(
            f"{encoder_file}: expected model_type whisper-... in its metadata, found "
            f"{said.get('model_type', 'none')[:80]!r}"
        )
    size = {key: _number(said, key, encoder_file) for key in _NUMBERS}
    _require(encoder, decoder, encoder_file, decoder_file)
    content: dict[str, Any] = {
        "schema": BUNDLE_SCHEMA,
        "name": said["model_type"][:100],
        "task": "transcription",
        "driver": "attention",
        "attention": {
            "audio": section_to_dict(replace(WHISPER_MEL, n_mels=size["n_mels"])),
            "encoder_input": "mel",
            "memory": {name: name for name in _CROSS},
            "decoder_tokens": "tokens",
            "decoder_position": "offset",
            "logits": "logits",
            "prompt": [*_list(said, "sot_sequence", encoder_file), size["no_timestamps"]],
            "languages": _languages(said, encoder_file),
            "end": size["eot"],
            "suppressed": [
                each for each in _list(said, "non_speech_tokens", encoder_file) if each < size["eot"]
            ],
            "suppressed_first": [size["eot"], *_list(said, "blank_id", encoder_file)],
            "written_below": size["eot"],
            "longest_text": size["n_text_ctx"],
            "vocabulary": "base64",
        },
        "parts": {
            "encoder": {"file": encoder_file, "card": _card(encoder, size)},
            "decoder": {"file": decoder_file, "card": _card(decoder, size) | {"states": _states()}},
        },
        "assets": {"tokens": {"file": tokens}},
        "x-said": listing.said,
    }
    return BundleCard.from_json(json.dumps(content))


def _require(encoder: OnnxFile, decoder: OnnxFile, encoder_file: str, decoder_file: str) -> None:
    for file, found, wanted in (
        (encoder_file, encoder.inputs, ("mel",)),
        (encoder_file, encoder.outputs, _CROSS),
        (decoder_file, decoder.inputs, ("tokens", *(f"in_{name}" for name in _SELF), *_CROSS, "offset")),
        (decoder_file, decoder.outputs, ("logits", *(f"out_{name}" for name in _SELF))),
    ):
        names = [spec.name for spec in found]
        if sorted(names) != sorted(wanted):
            raise CardError(f"{file}: expected {', '.join(wanted)}, found {listed(names)}")


def _states() -> list[dict[str, str]]:
    return [{"output": f"out_{name}", "input": f"in_{name}"} for name in _SELF]


def _card(outside: OnnxFile, size: dict[str, int]) -> dict[str, Any]:
    """With one recording and one token at a time: what its files leave open."""
    last = {"logits": size["n_vocab"], "mel": 3000}

    def entry(spec: TensorSpec) -> dict[str, Any]:
        shape = [1 if each < 1 else each for each in spec.shape]
        if spec.name in last and spec.shape and spec.shape[-1] < 1:
            shape[-1] = last[spec.name]
        if any(name in spec.name for name in _SELF):
            shape = [size["n_text_layer"], 1, size["n_text_ctx"], size["n_text_state"]]
        return {"name": spec.name, "shape": shape}

    return {
        "inputs": [{"modality": "tensor", **entry(spec)} for spec in outside.inputs],
        "outputs": [entry(spec) for spec in outside.outputs],
    }


def _languages(said: dict[str, str], file: str) -> dict[str, int]:
    if said.get("is_multilingual", "0") != "1":
        return {}
    names = said.get("all_language_codes", "").split(",")
    tokens = _list(said, "all_language_tokens", file)
    if len(names) != len(tokens):
        raise CardError(
            f"{file}: expected as many all_language_codes as all_language_tokens, found {len(names)} and {len(tokens)}"
        )
    return dict(zip(names, tokens, strict=True))


def _list(said: dict[str, str], key: str, file: str) -> list[int]:
    parts = [each.strip() for each in said.get(key, "").split(",") if each.strip()]
    if not all(each.isascii() and each.isdigit() for each in parts):
        raise CardError(f"{file}: metadata {key}: expected numbers, found {said.get(key, '')[:80]!r}")
    return [int(each) for each in parts]


def _number(said: dict[str, str], key: str, file: str) -> int:
    found = _list(said, key, file)
    if len(found) != 1 or not 0 <= found[0] < 1 << 24:
        raise CardError(f"{file}: metadata {key}: expected a number, found {said.get(key, 'none')[:80]!r}")
    return found[0]
