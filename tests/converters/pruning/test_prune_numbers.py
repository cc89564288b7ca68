"""Weights and data that are no numbers are refused by name, before anything is written."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from edgemm.cli import main

NETWORK = """<ir_version: 8, opset_import: ["": 17]>
g (float[1,4,8,8] x) => (float[1,3,8,8] y) {
    a = Conv<pads=[1,1,1,1]>(x, first, first_bias)
    b = Relu(a)
    c = Conv<pads=[1,1,1,1]>(b, second, second_bias)
    d = Relu(c)
    y = Conv(d, third)
}"""
SHAPES = {
    "first": (16, 4, 3, 3),
    "first_bias": (16,),
    "second": (16, 16, 3, 3),
    "second_bias": (16,),
    "third": (3, 16, 1, 1),
}


def model(folder: Path, **spoiled: float) -> Path:
    """A network of three layers, one number of some of its weights spoiled."""
    rng = np.random.default_rng(0)
    proto = parser.parse_model(NETWORK)
    for name, shape in SHAPES.items():
        array = rng.normal(0, 0.2, shape).astype(np.float32)
        array.reshape(-1)[7 % array.size] = spoiled.get(name, 0.1)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    path = folder / "network.onnx"
    onnx.save(proto, path)
    return path


def data(folder: Path, scale: float = 1.0) -> Path:
    """Random samples."""
    path = folder / "data.npz"
    np.savez(path, x=scale * np.random.default_rng(1).normal(0, 1, (40, 4, 8, 8)).astype(np.float32))
    return path


@pytest.mark.parametrize("command", ["prune", "sensitivity"])
@pytest.mark.parametrize(
    ("weight", "value", "said"),
    [
        ("second", np.nan, "NaN"),
        ("second", np.inf, "infinite"),
        ("first_bias", np.nan, "NaN"),
        ("third", -np.inf, "infinite"),
        ("second", 1e30, "1e+30"),
    ],
)
def test_a_weight_that_is_no_number_is_named(
    command: str, weight: str, value: float, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = model(tmp_path, **{weight: value}), tmp_path / "out.onnx"
    words = ["prune", str(source), "--calibrate", str(data(tmp_path))]
    words += ["-o", str(out), "--target", "macs=0.7"] if command == "prune" else []
    words += ["--sensitivity", str(tmp_path / "page.html")] if command == "sensitivity" else []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(words) == 2
    told = capsys.readouterr().err
    assert repr(weight) in told
    assert said in told
    assert not out.exists()
    assert not (tmp_path / "page.html").exists()


def test_data_too_large_to_be_squared_are_refused_by_the_tensor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = model(tmp_path), tmp_path / "out.onnx"
    given = data(tmp_path, 1e20)
    words = ["prune", str(source), "-o", str(out), "--target", "macs=0.7", "--calibrate", str(given)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(words) == 2
    told = capsys.readouterr().err
    assert "the tensor 'x' reaches" in told
    assert "sample 0" in told
    assert not out.exists()


def test_the_same_network_with_numbers_is_pruned(tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    words = ["prune", str(model(tmp_path)), "-o", str(out), "--target", "macs=0.7"]
    assert main([*words, "--calibrate", str(data(tmp_path))]) == 0
    assert out.exists()
