"""Damaged .tflite sources: each is imported, or refused with one of our errors, in bounded memory."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from needs import package

from edgemm import data
from edgemm.errors import ArtifactError, ConversionError, InputError

Rounds = Callable[[int, int], int]
GROWTH_KB = 1 << 20
"""Of this process: 1 GB."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The bundled models, in float and in int8."""
    package("onnx_ir")
    package("ai_edge_litert.interpreter")
    from edgemm.converters import convert

    folder, found = tmp_path_factory.mktemp("sources"), []
    for name, samples in (("digits", "digits"), ("keywords", "calibration_words")):
        model, real, small = (
            data.path(f"models/{name}.onnx"),
            folder / f"{name}.tflite",
            folder / f"{name}.int8.tflite",
        )
        convert(model, output=real, scheme="float")
        convert(model, output=small, calibrate=data.path(samples), limit=8, gate="off")
        found += [real.read_bytes(), small.read_bytes()]
    return found


def mutant(payload: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, most of them where the tables are; or cut off."""
    changed = bytearray(payload)
    tail = min(len(payload), 20_000)
    for _ in range(int(rng.integers(1, 12))):
        last = len(payload) if rng.integers(3) == 0 else tail
        at = int(rng.integers(0, last))
        changed[at] = int(rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))]))
    return bytes(changed if rng.integers(4) else changed[: int(rng.integers(8, len(changed)))])


def test_damaged_sources_are_imported_or_refused(sources: list[bytes], rounds: Rounds) -> None:
    from edgemm.converters.importers.tflite_graph import import_tflite

    rng, ends = np.random.default_rng(11), Counter[str]()
    count = rounds(5000, 60)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        try:
            import_tflite(mutant(sources[number % len(sources)], rng), "mutant.tflite")
            ends["imported"] += 1
        except (ArtifactError, ConversionError, InputError) as error:
            ends[type(error).__name__] += 1
    assert ends.total() == count
    assert ends["imported"] > 0
    assert ends["DamagedArtifact"] > 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KB
