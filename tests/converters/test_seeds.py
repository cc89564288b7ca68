"""Generators are calibrated on what their cards say is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_generator import generator_card, write_generator

import edgemm
from edgemm.card import ModelCard
from edgemm.converters import convert
from edgemm.errors import InputError


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
@pytest.mark.parametrize("label", ["one-hot", "index"])
def test_int8_makes_what_the_source_makes(tmp_path: Path, suffix: str, label: str) -> None:
    source, card = write_generator(tmp_path / "g.onnx", label), generator_card(label)
    done = convert(
        source, output=tmp_path / f"out{suffix}", card=card, calibrate="seed:0..63", scheme="static"
    )
    assert "16 of 64 samples" in " ".join(done.notes)
    with edgemm.load(source, card=card) as first, edgemm.load(tmp_path / f"out{suffix}") as second:
        for asked in (0, "middle", "2"):
            made: list[Any] = [each.generate(100, label=asked)[0] for each in (first, second)]
            assert np.abs(made[0].pixels.astype(int) - made[1].pixels).max() <= 1


def test_no_more_than_the_limit_are_drawn(tmp_path: Path) -> None:
    done = convert(
        write_generator(tmp_path / "g.onnx"), output=tmp_path / "out.tflite", card=generator_card(),
        calibrate="seed:0..999999999", limit=32, scheme="static",
    )  # fmt: skip
    assert "8 of 32 samples" in " ".join(done.notes)


def test_seeds_are_for_generators(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--calibrate seed:0\.\.9: seeds serve a generator"):
        convert(
            write_generator(tmp_path / "g.onnx"), output=tmp_path / "out.tflite", card=ModelCard(),
            calibrate="seed:0..9",
        )  # fmt: skip


def test_seeds_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected seed:NUMBER, or seed:FIRST\.\.LAST"):
        convert(
            write_generator(tmp_path / "g.onnx"), output=tmp_path / "out.tflite", card=generator_card(),
            calibrate="seed:x",
        )  # fmt: skip
