"""Files that can be read and contradict themselves: the error is theirs where their own runtime refuses them too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from tflite_operators import Given, Model, Step, constant

from edgemm.converters import convert
from edgemm.converters.source_refused import telling_damage
from edgemm.errors import DamagedArtifact, InputError, UnsupportedOperator


def written(path: Path, body: str) -> Path:
    text = f'<ir_version: 8, opset_import: ["": 17]> g (float[1,4] x) => (float[1,4] y) {{ {body} }}'
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    return path


def test_what_the_runtime_refuses_too_is_damage_with_its_reason(tmp_path: Path) -> None:
    source = written(tmp_path / "twice.onnx", "y = Relu(nobody)")
    with (
        pytest.raises(DamagedArtifact, match=r"twice\.onnx: not a valid model: .*nobody") as told,
        telling_damage(source),
    ):
        raise KeyError("a")
    assert isinstance(told.value.__cause__, KeyError)


def test_a_fault_of_ours_stays_one(tmp_path: Path) -> None:
    source = written(tmp_path / "sound.onnx", "y = Relu(x)")
    for given in (source, object(), tmp_path / "missing.onnx", tmp_path / "other.pt2"):
        with pytest.raises((KeyError, FileNotFoundError)), telling_damage(given):
            raise KeyError("a")


def test_errors_that_are_told_already_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="as it is"), telling_damage(tmp_path / "a.onnx"):
        raise InputError("as it is")


def test_an_output_that_is_a_constant_is_answered_with(tmp_path: Path) -> None:
    content = np.arange(3, dtype=np.float32)
    tensors = [Given((1, 3)), Given((1, 3)), constant(content)]
    source = tmp_path / "constant.tflite"
    source.write_bytes(Model(tensors, [Step("ABS", [0], [1])], [0], [1, 2]).payload())
    for suffix in ("onnx", "tflite"):
        done = convert(source, output=tmp_path / f"out.{suffix}", scheme="float")
        assert len(done.fidelity.outputs) == 2
        assert done.fidelity.outputs[1].max_abs_error == 0


def test_an_input_larger_than_any_memory_is_refused_before_it_is_made(tmp_path: Path) -> None:
    proto = onnx.load(written(tmp_path / "large.onnx", "y = Relu(x)"))
    for port in (*proto.graph.input, *proto.graph.output):
        port.type.tensor_type.shape.dim[1].dim_value = 2**27
    onnx.save(proto, tmp_path / "large.onnx")
    with pytest.raises(UnsupportedOperator, match=r"'x' has 134217728 elements .* at most"):
        convert(tmp_path / "large.onnx", output=tmp_path / "out.onnx", scheme="float")


def test_a_value_larger_than_any_memory_is_refused_before_it_is_made(tmp_path: Path) -> None:
    proto = onnx.load(written(tmp_path / "large.onnx", 'y = Pad<mode = "edge">(x, pads)'))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0, 0, 0, 2**56]), "pads"))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(proto, tmp_path / "large.onnx")
    for suffix in ("onnx", "tflite"):
        with pytest.raises(UnsupportedOperator, match=r"elements .* at most"):
            convert(tmp_path / "large.onnx", output=tmp_path / f"out.{suffix}", scheme="float")
