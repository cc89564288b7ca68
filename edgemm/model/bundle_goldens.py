"""Goldens of a bundle: an input as its user gives it, and the result, compared as JSON within a tolerance."""

from __future__ import annotations

import io
import math
import time
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgemm.artifact.bundle import Bundle
from edgemm.card.bundle_card import BundleAsset, BundleCard, BundleGolden
from edgemm.errors import CardError, InputError, SourceError
from edgemm.media import AudioBlock, Frame
from edgemm.model.replay import GoldenOutcome
from edgemm.results import Audio, Result

MAX_SECONDS = 600
"""Of a recording that is an input."""


class AnswersItems(Protocol):
    """What goldens are run by. Exists so that this module needs no loaded bundle."""

    @property
    def modality(self) -> str:
        """What it takes."""

    def __call__(self, x: Any) -> Result:
        """The result of one item."""


def replay_bundle(model: AnswersItems, bundle: Bundle) -> Iterator[GoldenOutcome]:
    """Runs each golden of the bundle; one outcome for each key of the result that is compared.

    A text, or a list of another length, is either the same or infinitely far away.

    Raises:
        CardError: an input is not of the kind that the bundle takes, or a key is not in the result.
    """
    for number, golden in enumerate(bundle.card.goldens, 1):
        path = f"{bundle.path}: bundle.goldens[{number - 1}]"
        found = model(golden_input(golden, bundle, model.modality)).to_json()
        for key, expected in golden.expected.items():
            if key not in found:
                raise CardError(
                    f"{path}.expected: expected keys of the result ({', '.join(found)}), found {key!r}"
                )
            name = golden.expected_assets().get(key)
            error = difference(found[key], expected if name is None else _wav(name, bundle).samples.tolist())
            yield GoldenOutcome(f"golden {number}: {key}", error, golden.tolerance, error <= golden.tolerance)


def golden_input(golden: BundleGolden, bundle: Bundle, modality: str) -> Any:
    """What the bundle is called with.

    Raises:
        CardError: a text where it takes sound, or the other way round; or the asset is no recording.
        DamagedArtifact: the asset is missing or changed.
    """
    if (modality == "text") != bool(golden.text):
        given = "a text" if golden.text else f"the asset {golden.asset!r}"
        raise CardError(f"{bundle.path}: bundle.goldens: the bundle takes {modality}, found {given}")
    if golden.text:
        return golden.text
    return _picture(golden.asset, bundle) if modality == "image" else _wav(golden.asset, bundle)


def _picture(name: str, bundle: Bundle) -> Frame:
    with _asset(name, bundle) as path:
        return _read_picture(path)


def _wav(name: str, bundle: Bundle) -> AudioBlock:
    with _asset(name, bundle) as path:
        return _read_wav(path)


def _read_picture(path: Path) -> Frame:
    from edgemm.capture import open_source

    with open_source(path.absolute().as_uri()) as source:
        frame = source.read()
        if not isinstance(frame, Frame):
            raise CardError(f"{path}: expected a picture, found something else")
        return replace(frame, pixels=frame.pixels.copy())


def _read_wav(path: Path) -> AudioBlock:
    """The whole recording as one block."""
    from edgemm.capture.files.wav import Recording

    with Recording(str(path)) as recording:
        rate = recording.format.sample_rate
        return AudioBlock(recording.read(rate * MAX_SECONDS), rate, time.monotonic_ns(), 0, origin=path.name)


@contextmanager
def _asset(name: str, bundle: Bundle) -> Iterator[Path]:
    """Its path, its hash checked; what cannot be read of it is said with its name."""
    bundle.asset(name)
    try:
        yield bundle.folder / bundle.card.assets[name].file
    except SourceError as error:
        raise CardError(f"{bundle.path}: bundle.assets.{name}: {error}") from error


def make_golden(
    model: AnswersItems, card: BundleCard, given: str, tolerance: float
) -> tuple[BundleCard, dict[str, bytes]]:
    """The card with one golden more: what the bundle answers now, and the files that belong to it.

    Args:
        given: the text, or the path of a recording or a picture.
        tolerance: of every number in the result.

    Raises:
        InputError: the file cannot be read.
        CardError: it is not what the bundle takes.
    """
    name = _free_name("golden", card)
    files: dict[str, bytes] = {}
    if model.modality != "text":
        path = Path(given)
        try:
            files[f"goldens/{name}{path.suffix.lower()}"] = path.read_bytes()
        except OSError as error:
            raise InputError(f"golden {given}: cannot be read ({error.strerror})") from error
    item = given if model.modality == "text" else _item_of(given, model.modality)
    result = model(item)
    expected = result.to_json()
    if isinstance(result, Audio):
        files[f"goldens/{name}.answer.wav"] = _packed(result)
        expected["samples"] = {"asset": f"{name}.answer"}
    golden = BundleGolden(
        text=given if model.modality == "text" else "",
        asset="" if model.modality == "text" else name,
        expected=expected,
        tolerance=max(tolerance, 2 / 32768 if isinstance(result, Audio) else 0.0),
    )
    assets = {(f"{name}.answer" if ".answer." in file else name): BundleAsset(file) for file in files}
    return card.with_(assets={**card.assets, **assets}, goldens=(*card.goldens, golden)), files


def _item_of(given: str, modality: str) -> AudioBlock | Frame:
    try:
        return read_item(Path(given), modality)
    except SourceError as error:
        raise CardError(f"golden {given}: the bundle takes {modality}: {error}") from error


def read_item(path: Path, modality: str) -> AudioBlock | Frame:
    """A picture, or a whole recording as one block.

    Args:
        modality: "image" or "audio".

    Raises:
        SourceError: it cannot be read.
    """
    return _read_picture(path) if modality == "image" else _read_wav(path)


def _free_name(start: str, card: BundleCard) -> str:
    return next(name for number in count(1) if (name := f"{start}{number}") not in card.assets)


def _packed(sound: Audio) -> bytes:
    """As a WAV file of 16 bits."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.sample_rate)
        file.writeframes(np.clip(np.rint(sound.samples * 32768.0), -32768, 32767).astype("<i2").tobytes())
    return out.getvalue()


def difference(found: Any, expected: Any) -> float:
    """The largest difference of two JSON values' numbers; infinity where anything else is not the same."""
    if isinstance(expected, bool) or isinstance(found, bool) or expected is None or found is None:
        return 0.0 if found is expected else math.inf
    if isinstance(expected, int | float) and isinstance(found, int | float):
        apart = abs(found - expected)
        return math.inf if math.isnan(apart) else apart
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        if not expected.keys() <= found.keys():
            return math.inf
        return max((difference(found[key], each) for key, each in expected.items()), default=0.0)
    if isinstance(expected, list) and isinstance(found, list | tuple):
        if len(expected) != len(found):
            return math.inf
        return max((difference(*pair) for pair in zip(found, expected, strict=True)), default=0.0)
    return 0.0 if found == expected else math.inf
