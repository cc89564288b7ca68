"""Embeddings of speakers, a folder for each, by the equal error rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from level_bundle import RATE, write_wav
from onnx import TensorProto, helper, numpy_helper

from edgemm.card import AudioRecipe, InputCard, ModelCard, OutputCard
from edgemm.converters import convert

SAMPLES = 400


def write_model(path: Path) -> None:
    """Sound -> how much of each of eight tones is in it."""
    times = np.arange(SAMPLES) / RATE
    tones = np.stack([np.sin(2 * np.pi * 400 * (1 + k) * times) for k in range(8)], axis=1).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "tones"], ["y"])],
        "tones",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, SAMPLES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [numpy_helper.from_array(tones, "tones")],
    )
    path.write_bytes(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        ).SerializeToString()
    )


def test_sub_folders_are_speakers(tmp_path: Path) -> None:
    write_model(tmp_path / "tones.onnx")
    draw, times = np.random.default_rng(0), np.arange(SAMPLES) / RATE
    for at, name in enumerate(("ann", "bob", "cyd")):
        (tmp_path / "people" / name).mkdir(parents=True)
        for number in range(4):
            voice = np.sin(2 * np.pi * 400 * (1 + at) * times) / 4 + draw.normal(0, 0.02, SAMPLES)
            write_wav(tmp_path / "people" / name / f"{number}.wav", np.asarray(voice, np.float32))
    audio = AudioRecipe(sample_rate=RATE, feature="waveform", samples=SAMPLES, stride=SAMPLES)
    card = ModelCard(
        name="tones", task="embedding", outputs=(OutputCard(name="y"),),
        inputs=(InputCard(name="x", modality="audio", audio=audio),),
    )  # fmt: skip
    done = convert(
        tmp_path / "tones.onnx", output=tmp_path / "x.tflite", card=card, evaluate=tmp_path / "people",
        scheme="dynamic",
    )  # fmt: skip
    (rate,) = [each for each in done.fidelity.task if each.measure == "EER"]
    assert (rate.figure, rate.in_float) == (0.0, 0.0)
    assert rate.limit == pytest.approx(0.01)
    assert (rate.report["samples"], rate.report["same"], rate.report["different"]) == (12, 18, 48)
