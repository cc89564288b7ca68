"""Voices of Piper: a .onnx file and, beside it, a .onnx.json.

Read are the keys that Piper's training writes: `audio.sample_rate`, `espeak.voice`, `phoneme_type`, `phoneme_id_map`,
`inference` (`noise_scale`, `length_scale`, `noise_w`), `num_speakers`. Its phonemes come from espeak-ng, which is no
part of edgemm and is called as a program where it is installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgemm.card.bundle_card import BUNDLE_SCHEMA, BundleCard
from edgemm.errors import CardError
from edgemm.foreign.bundles.listing import Listing, Precision, listed
from edgemm.strict_json import parse

_MARKS = {"begin": "^", "end": "$", "pad": "_"}
_INPUTS = ("input", "input_lengths", "scales")
MAX_BYTES = 4 << 20


def read(folder: Path, precision: Precision = "int8") -> BundleCard | None:
    """The card of such a folder; None where it is another.

    Raises:
        CardError: there are several voices, or its settings lack what a voice needs.
    """
    listing = Listing.of(folder, precision)
    settings = listing.matching(r".+\.onnx\.json")
    if not settings:
        return None
    if len(settings) > 1:
        raise CardError(
            f"voice: expected one .onnx.json file, found {listed(settings)}. Give each voice a folder of its own"
        )
    (beside,) = settings
    file = beside.removesuffix(".json")
    if file not in listing.names:
        raise CardError(f"voice: expected {file} beside {beside}, found {listing.shown()}")
    said = _settings(listing.text(beside), beside)
    outside, _ = listing.outside(file)
    names = [spec.name for spec in outside.inputs]
    speakers = _number(said, "num_speakers", beside, 1, 1, 1 << 20)
    wanted = [*_INPUTS, *(["sid"] if speakers > 1 else [])]
    if sorted(names) != sorted(wanted) or len(outside.outputs) != 1:
        raise CardError(
            f"{file}: expected the inputs {', '.join(wanted)} and one output, as {beside} says ({speakers} speakers), "
            f"found {listed(names)} and {listed(spec.name for spec in outside.outputs)}"
        )
    content: dict[str, Any] = {
        "schema": BUNDLE_SCHEMA,
        "name": file.removesuffix(".onnx")[:100],
        "driver": "voice",
        "voice": {
            **_phonemes(said, beside),
            **_ids(said, beside),
            **_sound(said, beside),
            "ids_input": "input",
            "lengths_input": "input_lengths",
            "scales_input": "scales",
            "speaker_input": "sid" if speakers > 1 else "",
            "output": outside.outputs[0].name,
        },
        "parts": {"acoustic": {"file": file}},
        "assets": {"symbols": {"file": beside}},
        "x-said": listing.said,
    }
    return BundleCard.from_json(json.dumps(content))


def _settings(content: bytes, name: str) -> dict[str, Any]:
    try:
        found = parse(content, MAX_BYTES)
    except ValueError as error:
        raise CardError(f"{name}: expected the settings of a Piper voice as JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("phoneme_id_map"), dict):
        raise CardError(f"{name}: expected the settings of a Piper voice, with phoneme_id_map, found none")
    return found


def _phonemes(said: dict[str, Any], name: str) -> dict[str, Any]:
    """Where its phonemes come from.

    Raises:
        CardError: from a program that is not known here.
    """
    kind = said.get("phoneme_type", "espeak")
    if kind == "text":
        return {"phonemes": "characters"}
    if kind != "espeak":
        raise CardError(f'{name}: phoneme_type: expected "espeak" or "text", found {str(kind)[:80]!r}')
    voice = _object(said, "espeak", name).get("voice")
    if not isinstance(voice, str):
        raise CardError(
            f"{name}: espeak.voice: expected the name of a voice, such as en-us, found {str(voice)[:80]!r}"
        )
    return {"phonemes": "program", "program": "espeak-ng", "program_voice": voice}


def _ids(said: dict[str, Any], name: str) -> dict[str, Any]:
    """A sentence is: begin, pad, then each phoneme and a pad behind it, end."""
    table = said["phoneme_id_map"]
    found = {}
    for what, mark in _MARKS.items():
        ids = table.get(mark)
        if not isinstance(ids, list) or not all(type(each) is int for each in ids) or not ids:
            raise CardError(f"{name}: phoneme_id_map: expected the ids of {mark!r}, found {str(ids)[:80]!r}")
        found[what] = ids
    return {
        "begin": [*found["begin"], *found["pad"]],
        "behind_each": found["pad"],
        "end": found["end"],
    }


def _sound(said: dict[str, Any], name: str) -> dict[str, Any]:
    inference = _object(said, "inference", name) if "inference" in said else {}
    rate = _number(_object(said, "audio", name), "sample_rate", f"{name}: audio", 22050, 4000, 192_000)
    return {
        "sample_rate": int(rate),
        "noise": _number(inference, "noise_scale", f"{name}: inference", 0.667, 0, 2),
        "length": _number(inference, "length_scale", f"{name}: inference", 1.0, 0.1, 10),
        "rhythm": _number(inference, "noise_w", f"{name}: inference", 0.8, 0, 2),
    }


def _object(said: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    found = said.get(key)
    if not isinstance(found, dict):
        raise CardError(f"{name}: {key}: expected an object, found {str(found)[:80]!r}")
    return found


def _number(said: dict[str, Any], key: str, name: str, usual: float, least: float, most: float) -> float:
    found = said.get(key, usual)
    if isinstance(found, bool) or not isinstance(found, int | float) or not least <= found <= most:
        raise CardError(
            f"{name}: {key}: expected a number from {least:g} to {most:g}, found {str(found)[:80]!r}"
        )
    return found
