"""The rows of trained networks: their measures, what is named in the table, and a small network measured whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.zoo.trained import measures, rows
from benchmarks.zoo.trained.files import compared, measure
from benchmarks.zoo.trained.network import MOST_DB, Data, Network, Unit, lost
from benchmarks.zoo.trained.table import table

Array = npt.NDArray[Any]


def network(unit: Unit = "share", against_source: bool = False, side: float = 1.0) -> Network:
    return Network("one", ("one.onnx",), (), "a measure", lambda root: data(), unit, against_source, side)


def data() -> Data:
    """8 x 8 pictures whose bright half is their class."""
    random = np.random.default_rng(0)
    samples, labels = [], []
    for at in range(48):
        picture = random.uniform(0, 0.3, (1, 1, 8, 8)).astype(np.float32)
        picture[..., 4 * (at % 2) : 4 * (at % 2) + 4] += np.float32(0.7)
        samples.append({"x": picture})
        labels.append(at % 2)
    return Data((samples[:24],), (samples[24:],), measures.accuracy(samples[24:], labels[24:]))


def write(path: Path) -> None:
    """A convolution, a relu, and the mean of each half as the score of its class."""
    random = np.random.default_rng(1)
    halves = np.zeros((2, 4, 8, 8), np.float32)
    halves[0, ..., :4] = halves[1, ..., 4:] = 1 / 128
    kernel = random.uniform(0.1, 1, (4, 1, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["seen"]),
        helper.make_node("Relu", ["seen"], ["lit"]),
        helper.make_node("Conv", ["lit", "halves"], ["scores"]),
        helper.make_node("Flatten", ["scores"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "halves",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(halves, "halves")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_a_network_is_written_and_judged_in_both_formats(tmp_path: Path) -> None:
    write(tmp_path / "one.onnx")
    row = measure(network(), tmp_path, tmp_path)
    assert row["source"] == 1.0
    for suffix in ("tflite", "onnx"):
        exact, small = row[f"{suffix} float"], row[f"{suffix} auto"]
        assert exact["dB"] > 120
        assert exact["value"] == 1.0
        assert 20 < small["dB"] < 70
        assert small["value"] == 1.0
        assert small["scheme"] in ("static", "dynamic")
        assert not small["missed"]
    assert f"| {row['tflite auto']['kB']} |" in table([row])


@pytest.mark.parametrize(
    ("of", "value", "source", "expected"),
    [
        (network(), 0.9, 1.0, 0.1),
        (network("dB"), 27.0, 30.0, 0.1),
        (network("dB", against_source=True), 20.0, MOST_DB, 0.1),
        (network("dB", against_source=True), MOST_DB, MOST_DB, 0.0),
        (network("pixels", against_source=True, side=192.0), 19.2, 0.0, 0.1),
        (network(), float("nan"), 1.0, 1.0),
    ],
)
def test_loss_is_a_share_of_the_measure(of: Network, value: float, source: float, expected: float) -> None:
    assert lost(of, value, source) == pytest.approx(expected)


def test_boxes_of_a_file_are_matched_with_those_of_the_source() -> None:
    true = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], float)
    found = np.array([[0, 0, 10, 9], [26, 0, 36, 10]], float)  # 0.9 and 0.25 of a box
    judge = measures.same_boxes([{}], lambda outputs: outputs[0])
    assert judge([lambda feeds: [found]], [lambda feeds: [true]]) == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [("kitten", "sitting", 1 - 3 / 7), ("", "abc", 0.0), ("abc", "abc", 1.0), ("abcd", "abc", 2 / 3)],
)
def test_letters_right_is_one_less_the_edits_per_letter(found: str, true: str, expected: float) -> None:
    assert measures.letters_right([found], [true]) == pytest.approx(expected)


def test_decibels_are_of_the_worst_output_and_the_error_a_share_of_its_range() -> None:
    true = [[np.array([0.0, 10.0]), np.array([0.0, 1.0])]]
    found = [[np.array([0.0, 10.0]), np.array([0.1, 1.0])]]
    assert compared([found], [true]) == {"dB": 20.0, "worst": 0.1}


def row(**changes: object) -> dict[str, Any]:
    form = {
        "seconds": 1.0, "repair_seconds": 0.0, "kB": 5, "scheme": "static", "missed": [], "repairs": 0,
        "float_layers": 0, "dB": 40.0, "worst": 0.01, "value": 0.9, "lost": 0.0,
    }  # fmt: skip
    whole = {"name": "one", "measure": "a measure", "unit": "share", "source_kB": 9, "source": 0.9}
    forms = [f"{suffix} {scheme}" for suffix in ("tflite", "onnx") for scheme in ("float", "auto")]
    return whole | {each: dict(form) for each in forms} | {"onnx auto": form | changes}


def named(of: Sequence[dict[str, Any]]) -> list[str]:
    return [line for line in table(of).splitlines() if line.startswith("- one, ")]


def test_a_file_that_loses_more_than_a_hundredth_is_named_with_its_layer() -> None:
    assert named([row(lost=0.0099)]) == []
    (line,) = named([row(lost=0.0101, layer="conv_3 (Conv, 12.0 dB alone)")])
    assert ".onnx, int8" in line
    assert "conv_3" in line


def test_a_gate_that_is_missed_stands_in_the_table() -> None:
    found = table([row(missed=["y: 12 dB"])])
    assert "| missed |" in found
    assert "gate: y: 12 dB" in found
    assert "| missed |" not in table([row()])


def test_a_network_without_a_row_is_named() -> None:
    assert "Not measured in this run: two." in table([row()], absent=["two"])


def test_rows_without_the_shared_folder_are_skipped_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEMM_SHARED", str(tmp_path / "none"))
    monkeypatch.setattr("sys.argv", ["trained", "--out", str(tmp_path), "--table", str(tmp_path / "kept.md")])
    (tmp_path / "kept.md").write_text("figures")
    assert rows.main() == 0
    assert capsys.readouterr().out.count("skipped") == len(rows.NETWORKS)
    assert (tmp_path / "kept.md").read_text() == "figures"
