from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from edgemm.artifact import read_artifact
from edgemm.converters import convert


def write(path: Path, kind: int) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Abs", ["x"], ["y"]), helper.make_node("Shape", ["x"], ["z"])],
        "g",
        [
            helper.make_tensor_value_info("x", kind, [1, 3]),
            helper.make_tensor_value_info("k", TensorProto.BOOL, [1]),
        ],
        [
            helper.make_tensor_value_info("y", kind, [1, 3]),
            helper.make_tensor_value_info("z", TensorProto.INT64, [2]),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(("kind", "name"), [(TensorProto.FLOAT16, "float16"), (TensorProto.DOUBLE, "double")])
def test_a_note_names_what_becomes_float32(kind: int, name: str, tmp_path: Path) -> None:
    out = tmp_path / "o.onnx"
    done = convert(write(tmp_path / "m.onnx", kind), output=out, scheme="float")
    assert [each for each in done.notes if "precision" in each] == [
        f"the file has float32 where the source has another precision: inputs 'x' ({name}), outputs 'y' ({name}); "
        "convert the arrays that are fed"
    ]
    session = onnx.load_from_string(read_artifact(out).payload)
    assert session.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_float32_is_not_noted(tmp_path: Path) -> None:
    done = convert(write(tmp_path / "m.onnx", TensorProto.FLOAT), output=tmp_path / "o.onnx", scheme="float")
    assert not [each for each in done.notes if "precision" in each]
