"""A float .tflite as the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgemm
from edgemm import data
from edgemm.converters import convert
from edgemm.converters.importers.tflite import described, quantize_tflite, read_tflite
from edgemm.errors import FidelityMissed, InputError, UnsupportedOperator

pytest.importorskip("ai_edge_quantizer")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits network, in float."""
    path = tmp_path_factory.mktemp("tflite") / "digits.float.tflite"
    convert(data.path("models/digits.onnx"), output=path, scheme="float")
    return path


def test_static_keeps_the_answers_and_the_card(source: Path, tmp_path: Path) -> None:
    done = convert(source, output=tmp_path / "digits.tflite", calibrate=data.path("digits"))
    assert done.scheme == "static"
    assert done.size_bytes < 0.3 * done.source_size_bytes
    (output,) = done.fidelity.outputs
    assert output.top1_agreement is not None
    assert output.top1_agreement >= 0.99
    with edgemm.load(tmp_path / "digits.tflite") as model:
        assert model.inputs[0].dtype == "int8"
        assert model.card.labels == tuple("0123456789")
        assert all(outcome.ok for outcome in model.replay_goldens())


def test_dynamic_needs_no_data(source: Path, tmp_path: Path) -> None:
    done = convert(source, output=tmp_path / "digits.tflite")
    assert done.scheme == "dynamic"
    assert done.fidelity.outputs[0].snr_db > 30  # dB
    with edgemm.load(tmp_path / "digits.tflite") as model:
        assert model.inputs[0].dtype == "float32"


def test_equal_conversions_are_equal_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        convert(source, output=tmp_path / f"{name}.tflite", calibrate=data.path("digits"), limit=20)
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()


def test_ranges_are_the_true_extremes(source: Path) -> None:
    payload = read_tflite(source.read_bytes(), "digits")
    model = described(payload)
    name, shape = model.inputs[0].name, model.inputs[0].spec.shape
    samples = [{name: np.full(shape, level, np.float32)} for level in (0.0, 1.0, *[0.5] * 30)]
    stored = described(quantize_tflite(payload, "static", samples, model))
    scale = stored.inputs[0].spec.scale
    assert scale == pytest.approx(1 / 255, rel=0.01)  # a moving average would have forgotten the 1.0


def test_a_quantized_source_is_refused(source: Path, tmp_path: Path) -> None:
    convert(source, output=tmp_path / "int8.tflite", calibrate=data.path("digits"), limit=20)
    with pytest.raises(UnsupportedOperator, match="quantized already"):
        convert(tmp_path / "int8.tflite", output=tmp_path / "again.tflite")


def test_another_format_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOperator, match=r"converts to \.tflite only"):
        convert(source, output=tmp_path / "digits.onnx")
    assert not (tmp_path / "digits.onnx").exists()


def test_static_without_data_is_an_error(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="calibration"):
        convert(source, output=tmp_path / "digits.tflite", scheme="static")


def test_the_gate_leaves_no_file(source: Path, tmp_path: Path) -> None:
    tiny = [np.full((1, 28, 28, 1), level, np.float32) for level in np.linspace(0, 0.02, 16)]
    real = [np.float32(array / 255.0).reshape(1, 28, 28, 1) for array in data.calibration_digits()[0][:32]]
    with pytest.raises(FidelityMissed):
        convert(source, output=tmp_path / "digits.tflite", calibrate=tiny, evaluate=real)
    assert not (tmp_path / "digits.tflite").exists()
