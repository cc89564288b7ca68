"""Weights in files beside the model: counted in size and hash, read through links that stay at home."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters.importers import read_onnx
from edgemm.converters.importers.source_file import source_file
from edgemm.converters.prepare import prepare
from edgemm.errors import ConversionError

WEIGHT = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)


def save(folder: Path, data: str = "weights.bin") -> Path:
    ins, outs = ([helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64])] for name in "xy")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ins, outs,
        [numpy_helper.from_array(WEIGHT, "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "m.onnx", save_as_external_data=True, location=data, size_threshold=0)
    return folder / "m.onnx"


def weight(path: Path) -> npt.NDArray[np.float32]:
    tensor = read_onnx(path).graph.initializers["w"].const_value
    assert tensor is not None
    return tensor.numpy()


def test_size_and_hash_count_the_files_of_weights(tmp_path: Path) -> None:
    path = save(tmp_path)
    data = tmp_path / "weights.bin"
    found = source_file(path)
    assert found.size_bytes == path.stat().st_size + data.stat().st_size
    digest = found.sha256()
    assert digest == hashlib.sha256(path.read_bytes() + data.read_bytes()).hexdigest()
    data.write_bytes(bytes(data.stat().st_size))
    assert source_file(path).sha256() != digest


def test_a_card_tells_the_whole_source(tmp_path: Path) -> None:
    path = save(tmp_path)
    made = prepare(path)
    assert (made.size_bytes, made.sha256) == (source_file(path).size_bytes, source_file(path).sha256())


def test_a_model_in_one_file_has_its_own_hash(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x08\x08")
    found = source_file(tmp_path / "m.onnx")
    assert (found.size_bytes, found.sha256()) == (2, hashlib.sha256(b"\x08\x08").hexdigest())


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    path = save(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "weights.bin").rename(tmp_path / "real" / "w0")
    (tmp_path / "weights.bin").symlink_to("real/w0")
    assert np.array_equal(weight(path), WEIGHT)


def test_a_cache_of_links_is_read(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    save(blobs)
    for name, blob in (("m.onnx", "11"), ("weights.bin", "22")):
        (blobs / name).rename(blobs / blob)
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
    assert np.array_equal(weight(snapshot / "m.onnx"), WEIGHT)
    assert source_file(snapshot / "m.onnx").size_bytes > WEIGHT.nbytes


def test_weights_beside_what_the_model_is_a_link_to_are_read(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    save(tmp_path / "home")
    (tmp_path / "link.onnx").symlink_to("home/m.onnx")
    assert np.array_equal(weight(tmp_path / "link.onnx"), WEIGHT)


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = save(home)
    (home / "weights.bin").rename(tmp_path / "secret")
    (home / "weights.bin").symlink_to("../secret")
    with pytest.raises(ConversionError, match="outside the model's folder"):
        read_onnx(path)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", ""])
def test_a_place_elsewhere_is_refused(location: str, tmp_path: Path) -> None:
    path = save(tmp_path)
    proto = onnx.load(path, load_external_data=False)
    proto.graph.initializer[0].external_data[0].value = location
    path.write_bytes(proto.SerializeToString())
    for read in (read_onnx, source_file):
        with pytest.raises(ConversionError, match="expected a file in the model's own folder"):
            read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = save(tmp_path)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ConversionError, match=r"'weights\.bin', and there is no such file"):
        read_onnx(path)


def test_a_truncated_file_is_no_model(tmp_path: Path) -> None:
    path = save(tmp_path)
    (tmp_path / "weights.bin").write_bytes(WEIGHT.tobytes()[:100])
    with pytest.raises(ConversionError, match=r"'w'.*which has 100 bytes"):
        read_onnx(path)
