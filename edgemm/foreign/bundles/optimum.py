"""Folders that optimum exports sequence to sequence models to: encoder_model.onnx, decoder_model_merged.onnx,
tokenizer.json, config.json, generation_config.json. The networks may stand in a folder `onnx` of it, as in repositories
that transformers.js reads.

The merged decoder has two ways, of which `use_cache_branch` picks one: the first step makes keys and values of the
encoder's answer (`present.N.encoder.*`), which are kept; each step lengthens `present.N.decoder.*`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgemm.card.bundle_card import BUNDLE_SCHEMA, BundleCard
from edgemm.errors import CardError
from edgemm.foreign.bundles.listing import Listing, Precision, listed
from edgemm.foreign.onnx_file import OnnxFile
from edgemm.strict_json import parse

_ENCODER, _DECODER = r"encoder_model{0}\.onnx", r"decoder_model_merged{0}\.onnx"
_SMALL = r"([._](quantized|int8|uint8))?"
_PAST = re.compile(r"past_key_values\.(\d+)\.(decoder|encoder)\.(key|value)")
_HEARS = ("whisper", "moonshine", "speech_to_text", "speecht5", "speech-encoder-decoder")
"""`model_type` of models that take sound."""
_READS = ("input_ids", "attention_mask")
_MAX_BYTES = 4 << 20
_LONGEST = 512
"""Tokens of a text and of what is written, where the settings say more, or nothing."""


@dataclass(frozen=True, slots=True)
class Export:
    """What such a folder holds."""

    kind: object
    """`model_type` of its configuration."""
    config: Mapping[str, Any]
    """config.json, and generation_config.json where that says otherwise."""
    encoder_file: str
    decoder_file: str
    tokenizer: str
    encoder: OnnxFile
    decoder: OnnxFile
    said: list[str]


def find_export(folder: Path, precision: Precision) -> Export | None:
    """The networks and settings of a folder; None where it has none of these.

    Raises:
        CardError: a file is missing, or is not what its name says.
    """
    top = Listing.of(folder, precision)
    where = "" if top.matching(r"(en|de)coder_model.*\.onnx") else "onnx/"
    networks = top
    if where:
        if not (folder / "onnx").is_dir():
            return None
        networks = replace(Listing.of(folder / "onnx", precision), said=top.said)
    if not networks.matching(r"(en|de)coder_model.*\.onnx") or "config.json" not in top.names:
        return None
    config = _json(top, "config.json") | (
        _json(top, "generation_config.json") if "generation_config.json" in top.names else {}
    )
    encoder_file = networks.one("encoder", _ENCODER.format(_SMALL), "encoder_model.onnx")
    decoder_file = _decoder_file(networks)
    tokenizer = top.one("tokenizer", r"tokenizer\.json", "tokenizer.json")
    encoder, decoder = networks.outside(encoder_file)[0], networks.outside(decoder_file)[0]
    return Export(
        config.get("model_type"), config, where + encoder_file, where + decoder_file, tokenizer, encoder, decoder,
        top.said,
    )  # fmt: skip


def read(folder: Path, precision: Precision = "int8") -> BundleCard | None:
    """The card of such a folder; None where it is another.

    Raises:
        CardError: what is there does not hold together, or is a model of another kind.
    """
    export = find_export(folder, precision)
    if export is None:
        return None
    if export.kind in _HEARS:
        raise CardError(
            f"config.json: model_type {export.kind!r} takes sound in a way that is not known here: expected whisper, "
            "moonshine, or a model that reads a text and writes one, such as marian or t5"
        )
    names = _names(export.encoder, export.decoder, export.encoder_file, export.decoder_file)
    content: dict[str, Any] = {
        "schema": BUNDLE_SCHEMA,
        "name": folder.resolve().name[:100] or "sequence",
        "driver": "sequence",
        "sequence": {**names, **_settings(export.config)},
        "parts": {
            "encoder": {"file": export.encoder_file},
            "decoder": {
                "file": export.decoder_file,
                "card": {"states": states_of(export.decoder, export.decoder_file)},
            },
        },
        "assets": {"tokenizer": {"file": export.tokenizer}},
        "x-said": export.said,
    }
    return BundleCard.from_json(json.dumps(content))


def _decoder_file(networks: Listing) -> str:
    if not networks.matching(_DECODER.format(_SMALL)) and networks.matching(
        r"decoder_(with_past_)?model.*\.onnx"
    ):
        found = listed(networks.matching(r"decoder_.*\.onnx"))
        raise CardError(
            f"decoder: expected decoder_model_merged.onnx, which has the first step and the others in one file; found "
            f"{found}. Export the model again, without --no-post-process"
        )
    return networks.one("decoder", _DECODER.format(_SMALL), "decoder_model_merged.onnx")


def _names(encoder: OnnxFile, decoder: OnnxFile, encoder_file: str, decoder_file: str) -> dict[str, Any]:
    """Of the tensors, held to the files."""
    reads = [spec.name for spec in encoder.inputs]
    gives = [spec.name for spec in encoder.outputs]
    takes = [spec.name for spec in decoder.inputs if not _PAST.fullmatch(spec.name)]
    if "input_ids" not in reads or not set(reads) <= set(_READS) or gives[:1] != ["last_hidden_state"]:
        raise CardError(
            f"{encoder_file}: expected the inputs input_ids, attention_mask and the output last_hidden_state, found "
            f"{listed(reads)} and {listed(gives)}"
        )
    known = ["input_ids", "encoder_hidden_states", "encoder_attention_mask", "use_cache_branch"]
    missing = [
        name for name in ("input_ids", "encoder_hidden_states", "use_cache_branch") if name not in takes
    ]
    if missing or not set(takes) <= set(known):
        raise CardError(
            f"{decoder_file}: expected the inputs {', '.join(known)} beside past_key_values, found {listed(takes)}"
        )
    return {
        "ids": "input_ids",
        "mask": "attention_mask",
        "decoder_ids": "input_ids",
        "memory_mask": "encoder_attention_mask",
        "cached": "use_cache_branch",
        "scores": "logits",
        "memory": {"last_hidden_state": "encoder_hidden_states"},
    }


def states_of(decoder: OnnxFile, file: str) -> list[dict[str, Any]]:
    """The caches: those of the decoder grow, those of the encoder's answer are given once."""
    gives = {spec.name for spec in decoder.outputs}
    found = []
    for spec in decoder.inputs:
        past = _PAST.fullmatch(spec.name)
        if past is None:
            continue
        layer, side, what = past.groups()
        output = f"present.{layer}.{side}.{what}"
        if output not in gives:
            raise CardError(f"{file}: expected an output {output!r} for the input {spec.name!r}, found none")
        found.append(
            {"output": output, "input": spec.name, "kind": "grow" if side == "decoder" else "first-run"}
        )
    if not found:
        raise CardError(
            f"{file}: expected caches, past_key_values.0.decoder.key and so on, found "
            f"{listed(spec.name for spec in decoder.inputs)}. Export the model again, with its cache"
        )
    return found


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """How it writes: config.json, and generation_config.json where that says otherwise."""
    most = whole_of(config, ("max_length", "max_new_tokens"), _LONGEST)
    reads = whole_of(config, ("max_position_embeddings", "n_positions", "max_source_positions"), _LONGEST)
    forced = ids_of(config, "forced_bos_token_id")
    found: dict[str, Any] = {
        "source": {
            "tokenizer": "json",
            "vocabulary": "tokenizer",
            "length": min(reads, _LONGEST),
            "pad": (ids_of(config, "pad_token_id") or [0])[0],
        },
        "begin": ids_of(config, "decoder_start_token_id") or ids_of(config, "bos_token_id"),
        "end": ids_of(config, "eos_token_id"),
        "forced": forced,
        "suppressed": sorted({*_single_words(config), *ids_of(config, "suppress_tokens")}),
        "most_tokens": max(min(most, _LONGEST), len(forced), 1),
        "beams": min(whole_of(config, ("num_beams",), 1), 64),
        "no_repeat": min(whole_of(config, ("no_repeat_ngram_size",), 0), 64),
    }
    penalty = config.get("length_penalty", 1.0)
    if isinstance(penalty, int | float) and 0 <= penalty <= 10:
        found["length_penalty"] = penalty
    for key, what in (("begin", "decoder_start_token_id"), ("end", "eos_token_id")):
        if not found[key]:
            raise CardError(f"config.json: {what}: expected the id of a token, found none")
    return found


def _single_words(config: Mapping[str, Any]) -> list[int]:
    """`bad_words_ids` of one token, such as the padding that Marian's models must not write."""
    words = config.get("bad_words_ids") or []
    if not isinstance(words, list):
        raise CardError(f"generation_config.json: bad_words_ids: expected a list, found {str(words)[:80]!r}")
    return [each[0] for each in words if isinstance(each, list) and len(each) == 1 and type(each[0]) is int]


def ids_of(config: Mapping[str, Any], key: str) -> list[int]:
    """The ids of a key, which has one or a list of them, or none.

    Raises:
        CardError: it has something else.
    """
    found = config.get(key)
    ids = found if isinstance(found, list) else [] if found is None else [found]
    if not all(type(each) is int and 0 <= each < 1 << 24 for each in ids):
        raise CardError(f"config.json: {key}: expected ids from 0 on, found {str(found)[:80]!r}")
    return ids


def whole_of(config: Mapping[str, Any], keys: tuple[str, ...], usual: int) -> int:
    """The first of these that is there.

    Raises:
        CardError: it is no whole number.
    """
    found = next((config[key] for key in keys if config.get(key) is not None), usual)
    if type(found) is not int or not 0 <= found < 1 << 31:
        raise CardError(f"config.json: {keys[0]}: expected a whole number, found {str(found)[:80]!r}")
    return found


def _json(listing: Listing, name: str) -> dict[str, Any]:
    try:
        found = parse(listing.text(name), _MAX_BYTES)
    except ValueError as error:
        raise CardError(f"{name}: expected JSON: {error}") from error
    if not isinstance(found, dict):
        raise CardError(f"{name}: expected an object, found {str(found)[:80]!r}")
    return {key: item for key, item in found.items() if item is not None}
