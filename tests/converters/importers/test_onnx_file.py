"""Files that are no models, too large, too new, or in pieces; and one that is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from edgemm.converters.importers import onnx_file, read_onnx
from edgemm.errors import ConversionError, DamagedArtifact, InputError


def write(path: Path, *, opset: int = 17, ir_version: int = 8) -> Path:
    header = f'<ir_version: {ir_version}, opset_import: ["": {opset}]>'
    proto = onnx.parser.parse_model(header + "g (float[n,4] x) => (float[n,4] y) { y = Add(x, w) }")
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(4, np.float32), "w"))
    path.write_bytes(proto.SerializeToString())
    return path


def test_a_model_is_read_with_a_batch_of_one(tmp_path: Path) -> None:
    model = read_onnx(write(tmp_path / "a.onnx"))
    assert model.graph.inputs[0].shape is not None
    assert model.graph.inputs[0].shape.numpy() == (1, 4)


def test_an_output_without_a_shape_gets_the_inferred_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx")
    proto = onnx.load(path)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(proto, path)
    shape = read_onnx(path).graph.outputs[0].shape
    assert shape is not None
    assert shape.numpy() == (1, 4)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_onnx(tmp_path / "missing.onnx")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "0 bytes"),
        (b"hello, I am no model" * 10, "no ONNX model"),
        (b"PK\x03\x04" + bytes(100), "ZIP archive"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(100), "TensorFlow Lite"),
    ],
)
def test_other_bytes_are_refused_with_what_they_are(tmp_path: Path, payload: bytes, reason: str) -> None:
    path = tmp_path / "b.onnx"
    path.write_bytes(payload)
    with pytest.raises(DamagedArtifact, match=reason):
        read_onnx(path)


@pytest.mark.parametrize("cut", [10, 40, 70])
def test_a_truncated_model_is_refused(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "c.onnx")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DamagedArtifact):
        read_onnx(path)


def test_a_model_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "d.onnx"
    with path.open("wb") as file:
        file.truncate(onnx_file.LIMIT_BYTES + 1)  # a sparse file: no bytes are written
    with pytest.raises(ConversionError, match="limit is 2 GB"):
        read_onnx(path)


@pytest.mark.parametrize(("opset", "reason"), [(8, "expected 9 or newer"), (999, "pip install -U onnx")])
def test_an_opset_out_of_range_is_refused_with_a_remedy(tmp_path: Path, opset: int, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason):
        read_onnx(write(tmp_path / "e.onnx", opset=opset))


@pytest.fixture
def in_pieces(tmp_path: Path) -> Path:
    """A model whose weights are in a file of their own."""
    proto = onnx.load(write(tmp_path / "whole.onnx"))
    path = tmp_path / "parts.onnx"
    onnx.save_model(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def test_tensors_in_other_files_are_read(in_pieces: Path) -> None:
    tensor = read_onnx(in_pieces).graph.initializers["w"].const_value
    assert tensor is not None
    np.testing.assert_array_equal(tensor.numpy(), np.ones(4))


def test_a_file_of_tensors_that_is_missing_is_named(in_pieces: Path) -> None:
    (in_pieces.parent / "weights.bin").unlink()
    with pytest.raises(ConversionError, match=r"weights\.bin"):
        read_onnx(in_pieces)


def test_a_file_of_tensors_over_the_limit_is_refused(in_pieces: Path) -> None:
    with (in_pieces.parent / "weights.bin").open("r+b") as file:
        file.truncate(onnx_file.LIMIT_BYTES)
    with pytest.raises(ConversionError, match="limit is 2 GB"):
        read_onnx(in_pieces)


def test_tensors_outside_the_folder_are_not_read(in_pieces: Path, tmp_path: Path) -> None:
    proto = onnx.load(in_pieces, load_external_data=False)
    for entry in proto.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../weights.bin"
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ConversionError, match="external data"):
        read_onnx(folder / "m.onnx")


def test_weights_among_the_inputs_do_not_hinder_a_given_shape(tmp_path: Path) -> None:
    value = [onnx.helper.make_tensor_value_info(n, 1, s) for n, s in (("x", ["?", "?"]), ("w", [8, 4]))]
    out = [onnx.helper.make_tensor_value_info("y", 1, None)]
    weight = onnx.numpy_helper.from_array(np.ones((8, 4), np.float32), "w")
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    made = onnx.helper.make_model(onnx.helper.make_graph([node], "g", value, out, [weight]), ir_version=8)
    made.opset_import[0].version = 17
    onnx.save(made, tmp_path / "m.onnx")
    found = read_onnx(tmp_path / "m.onnx", {"x": (1, 8)})
    assert next(each.shape for each in found.graph.inputs if each.name == "x") == (1, 8)


@pytest.mark.parametrize("dims", [[5], [2, 4], [], [-4]])
def test_a_constant_whose_bytes_are_not_what_its_shape_says_is_damage(
    tmp_path: Path, dims: list[int]
) -> None:
    proto = onnx.load(write(tmp_path / "e.onnx"))
    del proto.graph.initializer[0].dims[:]
    proto.graph.initializer[0].dims.extend(dims)
    onnx.save(proto, tmp_path / "e.onnx")
    with pytest.raises(DamagedArtifact, match=r"'w'|not a valid"):
        read_onnx(tmp_path / "e.onnx")


def test_a_name_that_is_no_text_is_damage(tmp_path: Path) -> None:
    proto = onnx.load(write(tmp_path / "f.onnx"))
    proto.graph.node[0].op_type = "Nobody"  # the checker's message has the name in it
    proto.graph.node[0].name = "beginning"
    path = tmp_path / "f.onnx"
    path.write_bytes(proto.SerializeToString().replace(b"beginning", b"begin\xa0\xffng"))
    with pytest.raises(DamagedArtifact, match="not UTF-8"):
        read_onnx(path)


@pytest.mark.parametrize(("key", "value"), [("offset", "-1"), ("offset", "x"), ("length", "1e3")])
def test_external_data_that_lies_nowhere_is_damage(tmp_path: Path, key: str, value: str) -> None:
    proto = onnx.load(write(tmp_path / "g.onnx"))
    constant = proto.graph.initializer[0]
    constant.ClearField("raw_data")
    constant.data_location = onnx.TensorProto.EXTERNAL
    constant.external_data.add(key="location", value="weights.bin")
    constant.external_data.add(key=key, value=value)
    (tmp_path / "g.onnx").write_bytes(proto.SerializeToString())
    (tmp_path / "weights.bin").write_bytes(bytes(16))
    with pytest.raises(DamagedArtifact, match="external data"):
        read_onnx(tmp_path / "g.onnx")
