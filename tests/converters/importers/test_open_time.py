"""An open first dimension that is time is asked for; one that is a batch becomes 1, and a note says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters.importers import read_onnx
from edgemm.converters.importers.open_time import named_time
from edgemm.converters.prepare import prepare
from edgemm.errors import InputError

Nodes = Sequence[onnx.NodeProto]
ASKED = r"input 'x': dimension 0.* is time, it feeds {}, .*--shape x={}"


def write(
    path: Path,
    nodes: Nodes,
    shape: Sequence[int | str],
    constants: dict[str, Any] | None = None,
    rank: int = 3,
) -> Path:
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def zeros(*shape: int) -> np.ndarray[Any, Any]:
    return np.zeros(shape, np.float32)


def recurrent(kind: str, **more: Any) -> tuple[Nodes, dict[str, Any]]:
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    node = helper.make_node(kind, ["x", "w", "r"], ["y"], name="cells", hidden_size=2, **more)
    return [node], {"w": zeros(1, gates * 2, 4), "r": zeros(1, gates * 2, 2)}


def scan(axis: int) -> tuple[Nodes, dict[str, Any]]:
    step = helper.make_graph(
        [helper.make_node("Add", ["s", "e"], ["after"]), helper.make_node("Identity", ["after"], ["out"])],
        "step",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in ("s", "e")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in ("after", "out")],
    )
    node = helper.make_node(
        "Scan", ["s0", "x"], ["last", "y"], name="run", body=step, num_scan_inputs=1, scan_input_axes=[axis]
    )
    return [node], {"s0": zeros(4, 4)}


def loop() -> tuple[Nodes, dict[str, Any]]:
    """for t in range(len(x)): s = s + x[t]"""
    inside = [
        helper.make_node("Gather", ["x", "t"], ["e"], axis=0),
        helper.make_node("Add", ["s", "e"], ["after"]),
        helper.make_node("Identity", ["go"], ["on"]),
    ]
    step = helper.make_graph(
        inside,
        "step",
        [
            helper.make_tensor_value_info("t", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("s", TensorProto.FLOAT, [4, 4]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [4, 4]),
        ],
    )
    nodes = [
        helper.make_node("Shape", ["x"], ["sizes"]),
        helper.make_node("Gather", ["sizes", "zero"], ["count"], axis=0),
        helper.make_node("Loop", ["count", "yes", "s0"], ["y"], name="rounds", body=step),
    ]
    return nodes, {"zero": np.array(0), "yes": np.array(True), "s0": zeros(4, 4)}


def along() -> tuple[Nodes, dict[str, Any]]:
    """[T, 4, 4] -> [T, 16] -> [1, 16, T], and a convolution along T."""
    nodes = [
        helper.make_node("Reshape", ["x", "flat"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[1, 0]),
        helper.make_node("Unsqueeze", ["b", "zero"], ["c"]),
        helper.make_node("Conv", ["c", "k"], ["y"], name="over time", kernel_shape=[1]),
    ]
    return nodes, {"flat": np.array([-1, 16]), "zero": np.array([0]), "k": zeros(3, 16, 1)}


def attention() -> tuple[Nodes, dict[str, Any]]:
    """[T, 4, 4]: each step looks at all."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["q"], perm=[1, 0, 2]),
        helper.make_node("Transpose", ["x"], ["k"], perm=[1, 2, 0]),
        helper.make_node("MatMul", ["q", "k"], ["y"], name="scores"),
    ]
    return nodes, {}


def turned() -> tuple[Nodes, dict[str, Any]]:
    """Time first behind a transpose: the first dimension is the batch."""
    nodes, constants = recurrent("LSTM")
    first = helper.make_node("Transpose", ["x"], ["z"], perm=[1, 0, 2])
    nodes[0].input[0] = "z"
    return [first, *nodes], constants


RUN_ALONG: dict[str, tuple[Callable[[], tuple[Nodes, dict[str, Any]]], str]] = {
    "LSTM": (lambda: recurrent("LSTM"), "the first axis of LSTM 'cells'"),
    "GRU": (lambda: recurrent("GRU"), "the first axis of GRU 'cells'"),
    "RNN": (lambda: recurrent("RNN"), "the first axis of RNN 'cells'"),
    "Scan": (lambda: scan(0), "the axis that Scan 'run' runs along"),
    "Loop": (loop, "the number of rounds of Loop 'rounds'"),
    "Conv": (along, "an axis that Conv 'over time' moves along"),
    "MatMul": (attention, "both sides of MatMul 'scores'"),
}


@pytest.mark.parametrize("called", ["?", "T"])
@pytest.mark.parametrize("kind", RUN_ALONG)
def test_what_something_runs_along_is_asked_for(kind: str, called: str, tmp_path: Path) -> None:
    make, what = RUN_ALONG[kind]
    nodes, constants = make()
    path = write(tmp_path / "m.onnx", nodes, [called, 4, 4], constants, rank=2 if kind == "Loop" else 3)
    with pytest.raises(InputError, match=ASKED.format(what, "16,4,4")):
        read_onnx(path)


def test_one_that_is_given_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", recurrent("LSTM")[0], ["T", 1, 4], recurrent("LSTM")[1], rank=4)
    assert read_onnx(path, {"x": (5, 1, 4)}).graph.inputs[0].shape == [5, 1, 4]


def test_the_advice_takes_time_as_a_few_steps_and_the_batch_as_1(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", recurrent("GRU")[0], ["x0", "x1", 4], recurrent("GRU")[1], rank=4)
    with pytest.raises(InputError, match="--shape x=16,1,4"):
        read_onnx(path)


@pytest.mark.parametrize(
    "made", [recurrent("LSTM", layout=1), turned(), scan(1)], ids=["layout 1", "transposed", "another axis"]
)
def test_a_batch_before_time_is_1(made: tuple[Nodes, dict[str, Any]], tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.onnx", made[0], ["?", 4, 4], made[1], rank=4 if made[0][-1].op_type == "LSTM" else 3
    )
    assert read_onnx(path).graph.inputs[0].shape == [1, 4, 4]


@pytest.mark.parametrize("name", ["?", "N"])
def test_a_product_with_weights_is_no_comparison_of_steps(name: str, tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    assert read_onnx(write(tmp_path / "m.onnx", nodes, [name, 4, 4], {"w": zeros(4, 2)})).graph.inputs[
        0
    ].shape == [1, 4, 4]


def test_samples_that_are_compared_with_each_other_are_a_batch_by_its_name(tmp_path: Path) -> None:
    nodes, constants = attention()
    path = write(tmp_path / "m.onnx", nodes, ["batch", 4, 4], constants)
    assert read_onnx(path).graph.inputs[0].shape == [1, 4, 4]


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("T", True), ("time", True), ("seq_len", True), ("numFrames", True), ("sequence_length", True), ("N", False),
        ("batch", False), ("batch_steps", False), ("tokens_dynamic_axes_1", False), ("states", False), (None, False),
    ],
)  # fmt: skip
def test_a_name_says_time(name: str | None, time: bool) -> None:
    assert named_time(name) is time


def test_a_dimension_named_time_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], ["frames", 3], rank=2)
    with pytest.raises(InputError, match=r"'frames'.* is time by its name, .*--shape x=16,3"):
        read_onnx(path)


def test_a_batch_of_1_is_noted_once(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], ["N", 3], rank=2)
    said = [each for each in prepare(path).notes if "batch" in each]
    assert said == ["the open first dimension of 'x' was taken as a batch of 1; --shape gives another"]


@pytest.mark.parametrize("shape", [[1, 3], [4, 3]])
def test_a_batch_that_is_known_is_not_noted(shape: list[int], tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], shape, rank=2)
    assert not [each for each in prepare(path).notes if "open" in each]


def test_a_step_is_1_where_the_model_runs_step_by_step(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", recurrent("LSTM")[0], ["T", 1, 4], recurrent("LSTM")[1], rank=4)
    made = prepare(path, time_axis=0)
    assert made.inputs[0].shape == (1, 1, 4)
    assert "the open first dimension of 'x' was taken as one step; --shape gives another" in made.notes


def test_the_open_batch_of_a_graph_in_memory_is_1(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], ["N", 3], rank=2)
    made = prepare(ir.from_proto(onnx.load(path)))
    assert made.inputs[0].shape == (1, 3)
    assert any("a batch of 1" in each for each in made.notes)


def test_a_graph_in_memory_without_elements_is_no_batch_of_1(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], [0, 3], rank=2)
    assert prepare(ir.from_proto(onnx.load(path))).inputs[0].shape == (0, 3)
