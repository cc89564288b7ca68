"""Folders that optimum exports Whisper and Moonshine to: encoder_model.onnx, decoder_model_merged.onnx, tokenizer.json,
config.json, generation_config.json. See `edgemm.foreign.bundles.optimum` for the decoder's two ways.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemm.card.bundle_card import BUNDLE_SCHEMA, BundleCard
from edgemm.card.model_card import section_to_dict
from edgemm.card.presets import WHISPER_MEL
from edgemm.errors import CardError
from edgemm.foreign.bundles.listing import Precision, listed
from edgemm.foreign.bundles.optimum import Export, find_export, ids_of, states_of, whole_of
from edgemm.tensors import TensorSpec

KINDS = ("whisper", "moonshine")


def read(folder: Path, precision: Precision = "int8") -> BundleCard | None:
    """The card of such a folder; None where it is another.

    Raises:
        CardError: what is there does not hold together.
    """
    export = find_export(folder, precision)
    if export is None or export.kind not in KINDS:
        return None
    decoder = [spec.name for spec in export.decoder.inputs if not spec.name.startswith("past_key_values.")]
    content: dict[str, Any] = {
        "schema": BUNDLE_SCHEMA,
        "name": folder.resolve().name[:100] or str(export.kind),
        "task": "transcription",
        "driver": "attention",
        "attention": {
            "memory": {"last_hidden_state": "encoder_hidden_states"},
            "decoder_tokens": "input_ids",
            "decoder_cached": "use_cache_branch",
            "logits": "logits",
            "vocabulary": "json",
            **(_whisper(export, decoder) if export.kind == "whisper" else _moonshine(export, decoder)),
        },
        "parts": {
            "encoder": {"file": export.encoder_file},
            "decoder": {
                "file": export.decoder_file,
                "card": {"states": states_of(export.decoder, export.decoder_file)},
            },
        },
        "assets": {"tokens": {"file": export.tokenizer}},
        "x-said": export.said,
    }
    return BundleCard.from_json(json.dumps(content))


def _whisper(export: Export, decoder: list[str]) -> dict[str, Any]:
    spec = _encoder_input(export, "input_features", 3)
    _require(decoder, ("input_ids", "encoder_hidden_states", "use_cache_branch"), (), export.decoder_file)
    config = export.config
    bands = spec.shape[1] if spec.shape[1] > 0 else whole_of(config, ("num_mel_bins",), 80)
    end = _one(config, "eos_token_id")
    prompt, languages = _prompt(config)
    return {
        "audio": section_to_dict(replace(WHISPER_MEL, n_mels=bands)),
        "encoder_input": spec.name,
        "prompt": prompt,
        "languages": languages,
        "end": end,
        "suppressed": [each for each in ids_of(config, "suppress_tokens") if each != end],
        "suppressed_first": ids_of(config, "begin_suppress_tokens"),
        "written_below": end,
        "longest_text": min(whole_of(config, ("max_length",), 448), 448),
        "spelling": "bytes",
    }


def _prompt(config: Mapping[str, Any]) -> tuple[list[int], dict[str, int]]:
    """What the decoder is given first, and the languages that it may be told."""
    start = _one(config, "decoder_start_token_id")
    languages = {name.strip("<|>"): number for name, number in _table(config, "lang_to_id").items()}
    forced = config.get("forced_decoder_ids")
    rows = forced if isinstance(forced, list) else []
    if not all(isinstance(row, list) and len(row) == 2 and type(row[0]) is int for row in rows):
        raise CardError(
            f"generation_config.json: forced_decoder_ids: expected pairs, found {str(forced)[:80]!r}"
        )
    given = [row[1] for row in sorted(rows, key=lambda row: int(row[0]))]
    silent = config.get("no_timestamps_token_id")
    if not all(type(each) is int for each in given) or not given:  # the language is left to be found out
        tasks = _table(config, "task_to_id")
        given = [languages.get("en", next(iter(languages.values())))] if languages else []
        given += [tasks["transcribe"]] if "transcribe" in tasks else []
    if type(silent) is int and silent not in given:
        given.append(silent)
    return [start, *given], languages


def _moonshine(export: Export, decoder: list[str]) -> dict[str, Any]:
    spec = _encoder_input(export, "input_values", 2)
    masked = any(each.name == "attention_mask" for each in export.encoder.inputs)
    optional = ("encoder_attention_mask",)
    _require(
        decoder, ("input_ids", "encoder_hidden_states", "use_cache_branch"), optional, export.decoder_file
    )
    config = export.config
    return {
        "encoder_input": spec.name,
        "encoder_mask": "attention_mask" if masked else "",
        "decoder_mask": "encoder_attention_mask" if "encoder_attention_mask" in decoder else "",
        "mask_counts": "samples" if masked else "frames",
        "prompt": [_one(config, "decoder_start_token_id")],
        "end": _one(config, "eos_token_id"),
        "longest_text": max(2, min(whole_of(config, ("max_position_embeddings", "max_length"), 194), 448)),
        "tokens_per_s": 6.5,
        "most_repeats": 4,
        "spelling": "sentencepiece",
    }


def _encoder_input(export: Export, name: str, rank: int) -> TensorSpec:
    known = (name, "attention_mask")
    found = {spec.name: spec for spec in export.encoder.inputs}
    gives = [spec.name for spec in export.encoder.outputs]
    if name not in found or not set(found) <= set(known) or "last_hidden_state" not in gives:
        raise CardError(
            f"{export.encoder_file}: expected the input {name} and the output last_hidden_state, found "
            f"{listed(found)} and {listed(gives)}"
        )
    if len(found[name].shape) != rank:
        raise CardError(
            f"{export.encoder_file}: {name}: expected {rank} dimensions, found {list(found[name].shape)}"
        )
    return found[name]


def _require(found: list[str], needed: tuple[str, ...], optional: tuple[str, ...], file: str) -> None:
    if not set(needed) <= set(found) <= {*needed, *optional}:
        raise CardError(
            f"{file}: expected the inputs {', '.join(needed)} beside past_key_values, found {listed(found)}"
        )


def _one(config: Mapping[str, Any], key: str) -> int:
    found = ids_of(config, key)
    if not found:
        raise CardError(f"config.json: {key}: expected the id of a token, found none")
    return found[0]


def _table(config: Mapping[str, Any], key: str) -> dict[str, int]:
    found = config.get(key, {})
    if not isinstance(found, dict) or not all(type(each) is int and each >= 0 for each in found.values()):
        raise CardError(f"generation_config.json: {key}: expected ids by name, found {str(found)[:80]!r}")
    return found
