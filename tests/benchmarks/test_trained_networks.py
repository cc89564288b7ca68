"""The rows of trained networks: their measures, what is named in the table, and a small network measured whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.zoo.trained import bundled, measures, rows
from benchmarks.zoo.trained.files import compared, measure
from benchmarks.zoo.trained.forms import best, weighed
from benchmarks.zoo.trained.network import MOST_DB, Data, Network, Unit, labelled, lost, points
from benchmarks.zoo.trained.table import table

Array = npt.NDArray[Any]
SIDE = 32


def network(unit: Unit = "share", against_source: bool = False, side: float = 1.0) -> Network:
    return Network("one", ("one.onnx",), (), "a measure", lambda root: data(), unit, against_source, side)


def data() -> Data:
    """Pictures whose bright half is their class, large enough for int8 weights to save room that counts."""
    random = np.random.default_rng(0)
    samples, labels = [], []
    for at in range(48):
        picture = random.uniform(0, 0.3, (1, 1, SIDE, SIDE)).astype(np.float32)
        half = SIDE // 2
        picture[..., half * (at % 2) : half * (at % 2) + half] += np.float32(0.7)
        samples.append({"x": picture})
        labels.append(at % 2)
    return Data((samples[:24],), (samples[24:],), measures.accuracy(samples[24:], labels[24:]))


def write(path: Path) -> None:
    """A convolution, a relu, and the mean of each half as the score of its class."""
    random = np.random.default_rng(1)
    halves = np.zeros((2, 4, SIDE, SIDE), np.float32)
    halves[0, ..., : SIDE // 2] = halves[1, ..., SIDE // 2 :] = 1 / (2 * SIDE * SIDE)
    halves *= random.uniform(0.5, 1.5, halves.shape).astype(np.float32)  # on no grid
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
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
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
        assert 20 < small["dB"] < 100
        assert small["value"] == 1.0
        assert small["scheme"] in ("static", "dynamic", "mixed")
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


def test_points_of_a_share_are_its_difference_and_of_a_distance_its_share() -> None:
    assert points(network(), 0.74, 0.75) == pytest.approx(1.0)
    assert points(network("pixels", against_source=True, side=192.0), 1.92, 0.0) == pytest.approx(1.0)


def test_what_was_weighed_is_written_judged_and_timed(tmp_path: Path) -> None:
    write(tmp_path / "one.onnx")
    row = measure(replace(network(), weighed=True), tmp_path, tmp_path)
    for suffix in ("tflite", "onnx"):
        small = row[f"{suffix} auto"]
        assert small["scheme"] in small["forms"]
        assert {"float", "static", "dynamic"} <= set(small["forms"])
        assert small["forms"][small["scheme"]]["held"]
        for form in small["forms"].values():
            assert form["us"] > 0
            assert form["predicted_us"] > 0
            assert form["value"] == 1.0
    assert "Predicted best is measured best: " in table([row])


def test_the_gate_is_judged_on_labels_that_are_given_for_it(tmp_path: Path) -> None:
    write(tmp_path / "one.onnx")
    known = data()
    path = labelled(known.held_out[0], [0, 1] * 12)(tmp_path / "one")
    with np.load(path) as stored:
        assert stored["x"].shape == (24, 1, SIDE, SIDE)
        assert stored["labels"].tolist() == [0, 1] * 12
    from edgemm.card import ModelCard, OutputCard
    from edgemm.converters import convert

    done = convert(
        tmp_path / "one.onnx", output=tmp_path / "one.tflite", calibrate=known.calibrate[0], evaluate=path,
        card=ModelCard(task="classification", outputs=(OutputCard("y", (1, 2), "logits"),)),
    )  # fmt: skip
    assert done.fidelity.outputs[0].accuracy == 1.0


def candidate(form: str, us: float, held: bool | None) -> SimpleNamespace:
    return SimpleNamespace(form=form, predicted_us=us, held=held)


def test_forms_of_several_files_are_those_that_all_have_and_their_times_add_up() -> None:
    one = SimpleNamespace(candidates=[candidate("static", 2, True), candidate("mixed", 1, None)])
    other = SimpleNamespace(candidates=[candidate("static", 3, False)])
    assert weighed([one, other]) == {"static": {"predicted_us": 5, "held": False}}


def test_the_predicted_best_and_the_measured_best_are_held_against_each_other() -> None:
    forms: dict[str, dict[str, Any]] = {
        "float": {"predicted_us": 3.0, "us": 3.0},
        "static": {"predicted_us": 1.0, "us": 2.0},
        "dynamic": {"predicted_us": 2.0, "us": 1.0},
        "mixed": {"predicted_us": 0.5, "error": "refused"},
    }
    assert best(forms) == ("static", "dynamic", 2.0)
    assert best({"float": forms["float"], "mixed": forms["mixed"]}) is None


def test_ranked_boxes_need_not_reach_a_threshold_but_come_before_those_that_are_wrong() -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], float)
    wrong = np.array([[50, 0, 60, 10]], float)

    def judged(found: Array, scores: list[float]) -> float:
        judge = measures.precision([{}], lambda outputs: (outputs[0], outputs[1]), 0.7)
        return judge([lambda feeds: [found, np.array(scores)]], [lambda feeds: [boxes, np.array([0.9, 0.8])]])

    assert judged(boxes, [0.9, 0.6]) == pytest.approx(1.0)
    assert judged(np.concatenate([boxes, wrong]), [0.9, 0.6, 0.5]) == pytest.approx(1.0)
    assert judged(np.concatenate([boxes, wrong]), [0.9, 0.6, 0.8]) < 0.9
    assert judged(boxes[:1], [0.9]) < 0.6


def test_boxes_that_the_source_is_not_sure_of_are_not_what_is_right() -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], float)
    judge = measures.precision([{}], lambda outputs: (outputs[0], outputs[1]), 0.7)
    found = [boxes[:1], np.array([0.9])]
    assert judge([lambda feeds: found], [lambda feeds: [boxes, np.array([0.9, 0.6])]]) == pytest.approx(1.0)


@pytest.mark.parametrize("frames", [30, 200, 201, 300, 457])
def test_windows_of_a_string_hold_each_frame_once(frames: int) -> None:
    """A frame of the second half of a window, or of the first window, has all before it that it hangs on."""
    sound = np.arange(frames * 24, dtype=np.float32).reshape(frames, 24)
    windows = [each["sound"][0] for each in bundled._windows(sound, 200)]
    assert {each.shape for each in windows} == {(200, 24)}
    joined = np.concatenate([windows[0], *(each[100:] for each in windows[1:])])
    np.testing.assert_array_equal(joined[:frames], sound)
    assert (joined[frames:] == sound[0]).all()  # the quietest


def scores_of(labels: Sequence[int], at: int) -> Array:
    """float32[200, 12] of one window: these labels from a frame on, else blank."""
    scores = np.full((200, 12), -9.0, np.float32)
    scores[:, 0] = 9.0
    for frame, label in enumerate(labels, at):
        scores[frame] = -9.0
        scores[frame, label] = 9.0
    return scores


def test_a_string_is_written_as_the_scores_say() -> None:
    """Blank, the mark before a word, "three" is label 5."""
    twice = [1, 5, 0, 0, 1, 5, 0]
    assert bundled._written([scores_of(twice, 10)]) == "three three"
    assert bundled._written([scores_of([], 0)]) == ""


def test_what_two_windows_have_heard_is_written_once() -> None:
    first, second = scores_of([1, 5], 150), scores_of([1, 5], 50)
    assert bundled._written([first, second]) == "three"
    assert bundled._written([first, scores_of([1, 6], 150)]) == "three four"


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
        "float_layers": 0, "dB": 40.0, "worst": 0.01, "value": 0.9, "lost": 0.0, "points": 0.0,
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


def test_a_choice_stands_in_the_table_with_what_was_predicted_and_measured() -> None:
    forms = {
        "static": {"predicted_us": 30.0, "us": 40.0, "held": True, "value": 0.9, "points": 0.0},
        "mixed": {"predicted_us": 25.0, "us": 50.0, "held": None, "value": 0.8, "points": 10.0},
        "dynamic": {"predicted_us": 99.0, "held": None, "error": "refused"},
        "float": {"predicted_us": 100.0, "us": 80.0, "held": None, "value": 0.9, "points": 0.0},
    }
    found = table([row(forms=forms)])
    assert (
        "| 80 us (100) | 0.50 (0.30), 0.0, held | refused | 0.62 (0.25), 10.0 | mixed, not static: 1.25 times |"
        in found
    )
    assert "Predicted best is measured best: 0 of 1; the dearest miss takes 1.25 times the best." in found
    assert "weighed" not in table([row()])
    alone = table([row(forms={"float": forms["float"]})])
    assert "| not measured |" in alone
    assert "measured best: 0 of 0" in alone


def test_other_measures_stand_below_the_table() -> None:
    assert "- one: F1: 0.98 .onnx." in table([row(besides={"F1": 0.98})])


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
