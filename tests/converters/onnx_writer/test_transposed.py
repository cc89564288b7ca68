"""Transposed convolutions of integer ONNX files are convolutions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest

from edgemm.converters import convert
from edgemm.converters.onnx_writer.transposed import spread_transposed
from edgemm.converters.passes import canonicalize
from edgemm.quantize import Reference

Array = npt.NDArray[Any]


def parsed(text: str, **constants: Array) -> ir.Model:
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in constants.items()
    )
    model: ir.Model = ir.from_proto(proto)
    return model


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32) * np.float32(0.3)


@pytest.mark.parametrize("seed", range(24))
def test_every_form_computes_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    rank = 1 if seed % 4 == 3 else 2
    group = int(random.choice([1, 2]))
    kernel = random.integers(1, 6, rank).tolist()
    strides, dilations = random.integers(1, 4, rank).tolist(), random.integers(1, 3, rank).tolist()
    reach = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilations, strict=True)]
    pads = [int(random.integers(0, min(each, 3))) for each in (*reach, *reach)]
    more = [int(random.integers(0, stride)) for stride in strides]
    attributes = (
        f"group={group}, strides={strides}, dilations={dilations}, pads={pads}, output_padding={more}"
    )
    names, sizes = ("n,c,l", "1,4,7") if rank == 1 else ("n,c,h,w", "1,4,7,6")
    relu = seed % 2
    body = "r = ConvTranspose<{}>(x, w, b)  y = Relu(r)" if relu else "y = ConvTranspose<{}>(x, w, b)"
    text = f"g (float[{sizes}] x) => (float[{names}] y) {{ {body.format(attributes)} }}"
    model = parsed(text, w=normal(4, 3, *kernel, seed=seed), b=normal(3 * group))
    canonicalize(model)
    sample = {"x": normal(*map(int, sizes.split(",")), seed=seed)}
    expected = Reference(model, optimize=False).run(sample)["y"]
    assert spread_transposed(model) == 1
    canonicalize(model)
    assert "ConvTranspose" not in [node.op_type for node in model.graph]
    found = Reference(model, optimize=False).run(sample)["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_the_runtime_computes_it_on_integers(tmp_path: Path) -> None:
    text = """g (float[1,4,8,8] x) => (float[1,3,16,16] y) {
        a = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(x, v, c)  d = Relu(a)
        r = ConvTranspose<strides=[2,2], pads=[1,1,1,1]>(d, w, b)  e = Relu(r)
        y = Conv<kernel_shape=[1,1]>(e, u, b) }"""
    model = parsed(
        text, v=normal(6, 4, 3, 3), c=normal(6), w=normal(6, 3, 4, 4), b=normal(3), u=normal(3, 3, 1, 1)
    )
    samples = [normal(1, 4, 8, 8, seed=seed) for seed in range(16)]
    done = convert(model, output=tmp_path / "up.onnx", calibrate=samples, scheme="static", gate="off")
    assert min(each.snr_db for each in done.fidelity.outputs) > 30  # dB
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(str(tmp_path / "up.onnx"), options, providers=["CPUExecutionProvider"])
    found = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert "ConvTranspose" not in found
    assert sum(each in ("QLinearConv",) for each in found) == 3, found


def test_a_float_file_keeps_its_operator(tmp_path: Path) -> None:
    text = "g (float[1,2,4,4] x) => (float[1,2,8,8] y) { y = ConvTranspose<strides=[2,2]>(x, w, b) }"
    model = parsed(text, w=normal(2, 2, 2, 2), b=normal(2))
    convert(model, output=tmp_path / "up.onnx", scheme="float")
    assert [node.op_type for node in onnx.load(tmp_path / "up.onnx").graph.node] == ["ConvTranspose"]
