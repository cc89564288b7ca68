"""hibari's network speaks phonemes, and Moonshine understands them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from benchmarks.voice import (
    ACOUSTIC,
    DECODER,
    ENCODER,
    HEARD_RATE,
    RATE,
    RECIPE,
    SYMBOLS,
    TOKENIZER,
    Moonshine,
)
from edgemm.preprocess.resample import resample
from tests.by_hand.shared_files import shared

for each in ("onnxruntime", "soxr"):
    package(each)
pytestmark = pytest.mark.shared


def test_a_sentence_is_understood(tmp_path: Path) -> None:
    card = {
        "schema": "edgemm.bundle/1", "name": "hibari", "task": "audio", "driver": "voice",
        "voice": {**RECIPE, "language": "", "phonemes": "characters"},
        "parts": {"acoustic": {"file": "acoustic.onnx", "card": {"task": "tensors"}}},
        "assets": {"symbols": {"file": "symbols.json"}},
    }  # fmt: skip
    (tmp_path / "acoustic.onnx").write_bytes(shared(ACOUSTIC).read_bytes())
    (tmp_path / "symbols.json").write_bytes(shared(SYMBOLS).read_bytes())
    (tmp_path / "bundle.json").write_text(json.dumps(card))
    for name in (ENCODER, DECODER, TOKENIZER):
        shared(name)
    with edgemm.load(tmp_path) as opened:
        voice: Any = opened
        sound = voice("ðə tɹˈAn lˈivz æt sˈɛvən θˈɜɹTi.")
    assert sound.sample_rate == RATE
    assert 1.5 < len(sound.samples) / RATE < 4
    assert 0.1 < np.abs(sound.samples).max() <= 1
    folder = shared(ACOUSTIC).parents[2]
    heard = Moonshine(folder, tmp_path)(np.asarray(resample(sound.samples, RATE, HEARD_RATE)))
    words = heard.lower().replace("seven thirty", "7:30").strip(" .")
    assert words == "the train leaves at 7:30"
