"""The gate by the task: the same detections, areas and points, or it says no."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from rows_task import RowsDecoder, RowsRecipe, RowsTask, write_network

from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard, StatePair
from edgemm.converters import convert
from edgemm.converters.fidelity import Gate, compare, evaluation_part
from edgemm.converters.fidelity.task_gate import TaskFidelity, against_truth, agreed, gate
from edgemm.converters.fidelity.task_judge import TaskJudge, task_judge
from edgemm.converters.measure import Judge
from edgemm.converters.sample_arrays import Samples
from edgemm.converters.written import Port, Settings, Written
from edgemm.errors import FidelityMissed, InputError
from edgemm.judge import TrueBoxes, TrueClasses, TruePoints
from edgemm.results import Detections, Landmarks, Segmentation
from edgemm.tasks.context import Context
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

FLOAT = TensorSpec("rows", (1, 20, 6), "float32")
INT8 = TensorSpec("rows", (1, 20, 6), "int8", 0.5, 0)


def rows(count: int, wrong: int = 0, extra: int = 0) -> Any:
    """`count` boxes apart from each other, the last `wrong` of them elsewhere, and `extra` more; padded to 20 rows."""
    table = np.zeros((1, 20, 6), np.float32)
    for at in range(count):
        left = 5.0 * at + (2.5 if at >= count - wrong else 0)
        table[0, at] = [left, 0, left + 4, 4, 1, 1]
    for at in range(extra):
        table[0, count + at] = [5.0 * at, 50, 5.0 * at + 4, 54, 1, 1]
    return table


def judged(expected: Sequence[Any], found: Sequence[Any]) -> TaskFidelity | None:
    decoders = RowsDecoder(FLOAT, RowsRecipe()), RowsDecoder(INT8, RowsRecipe())
    return gate(
        "detection",
        decoders,
        [Outputs.of([FLOAT], {"rows": each}) for each in expected],
        [Outputs.of([INT8], {"rows": INT8.quantize(each)}) for each in found],
        [Context()] * len(expected),
    )


def test_the_same_detections_hold() -> None:
    made = judged([rows(10), rows(10)], [rows(10), rows(10)])
    assert made is not None
    assert (made.measure, made.figure, made.limit, made.holds) == ("kept", 1.0, 0.95, True)


@pytest.mark.parametrize(("wrong", "holds"), [(1, True), (2, False)])
def test_95_of_100_must_be_kept(wrong: int, holds: bool) -> None:
    made = judged([rows(10), rows(10)], [rows(10, wrong), rows(10)])
    assert made is not None
    assert made.holds == holds
    assert made.figure == pytest.approx(1 - wrong / 20)
    assert f"{20 - wrong} of the source's 20 are kept" in made.sentence
    assert "at least 95%" in made.sentence


@pytest.mark.parametrize(("extra", "holds"), [(2, True), (3, False)])
def test_a_tenth_may_be_extra(extra: int, holds: bool) -> None:
    made = judged([rows(10), rows(10)], [rows(10, extra=extra), rows(10)])
    assert made is not None
    assert made.holds == holds
    assert f"{extra} are extra (at most 2)" in made.sentence


def test_one_extra_detection_alone_proves_nothing() -> None:
    made = judged([rows(3)], [rows(3, extra=1)])
    assert made is not None
    assert made.holds


def test_where_nothing_is_found_there_is_nothing_to_say() -> None:
    assert judged([rows(0)], [rows(0)]) is None
    assert judged([rows(0)], [rows(0, extra=1)]) is None


def test_many_found_where_the_source_finds_none_is_no() -> None:
    made = judged([rows(0)], [rows(0, extra=2)])
    assert made is not None
    assert not made.holds


def areas(shares: Sequence[float]) -> Segmentation:
    """1000 pixels, the classes one after the other in these shares."""
    counts = np.rint(np.array(shares) * 1000).astype(int)
    return Segmentation(np.repeat(np.arange(len(shares)), counts).astype(np.uint8).reshape(10, 100))


@pytest.mark.parametrize(
    ("found", "holds"),
    [([0.5, 0.5], True), ([0.52, 0.48], True), ([0.521, 0.479], False)],
)
def test_98_of_100_pixels_must_have_the_same_class(found: Any, holds: bool) -> None:
    made = agreed("segmentation", [(areas([0.5, 0.5]), areas(found))])
    assert made is not None
    assert made.holds == holds


def test_a_small_class_that_is_lost_is_seen_and_a_tiny_one_is_not() -> None:
    small = agreed("segmentation", [(areas([0.985, 0.015]), areas([1.0]))])
    tiny = agreed("segmentation", [(areas([0.995, 0.005]), areas([1.0]))])
    assert small is not None
    assert tiny is not None
    assert not small.holds
    assert tiny.holds


def face(shift: float, score: float = 1.0) -> Landmarks:
    points = np.array([[0, 0], [30, 40]], np.float32) + np.array([shift, 0], np.float32)
    return Landmarks(points, np.ones(2, np.float32), score)


@pytest.mark.parametrize(("shift", "holds"), [(0.99, True), (1.01, False)])
def test_points_may_be_two_hundredths_of_their_extent_away(shift: float, holds: bool) -> None:
    made = agreed("landmarks", [(face(0), face(shift))])
    assert made is not None
    assert made.holds == holds
    assert made.figure == pytest.approx(shift / 50)


def test_landmarks_of_nothing_are_not_compared() -> None:
    assert agreed("landmarks", [(face(0, 0.2), face(20))]) is None


@pytest.mark.parametrize(("missing", "holds"), [(1, True), (2, False), (20, False)])
def test_things_whose_points_are_not_found_any_more_count(missing: int, holds: bool) -> None:
    nothing = Landmarks(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), 0.3)
    made = agreed("landmarks", [(face(0), nothing)] * missing + [(face(0), face(0.1))] * (20 - missing))
    assert made is not None
    assert made.holds == holds
    assert np.isfinite(made.figure)


SQUARE: Any = np.array([[0, 0, 10, 10]], np.float32)


def one(score: float, boxes: Any = SQUARE) -> Detections:
    return Detections(boxes, np.full(len(boxes), score, np.float32), np.zeros(len(boxes), np.int64))


def test_a_point_of_map_may_be_lost_and_no_more() -> None:
    truth = TrueBoxes(SQUARE, np.zeros(1, np.int64))
    good, nothing = one(0.9), one(0.9, np.zeros((0, 4), np.float32))
    made = against_truth("detection", [(good, good)] * 100, [lambda: truth] * 100)
    assert made is not None
    assert (made.measure, made.figure, made.in_float, made.holds) == ("mAP50", 1.0, 1.0, True)
    one_lost = against_truth("detection", [(good, nothing)] + [(good, good)] * 100, [lambda: truth] * 101)
    assert one_lost is not None
    assert one_lost.holds
    two_lost = against_truth("detection", [(good, nothing)] * 2 + [(good, good)] * 99, [lambda: truth] * 101)
    assert two_lost is not None
    assert not two_lost.holds
    assert "at least 0.990" in two_lost.sentence


def test_a_file_that_is_better_than_its_source_holds() -> None:
    truth = TrueClasses(np.zeros((10, 100), np.uint8))
    made = against_truth("segmentation", [(areas([0.5, 0.5]), areas([1.0]))], [lambda: truth])
    assert made is not None
    assert made.holds


def test_an_error_may_grow_by_a_hundredth() -> None:
    truth = (TruePoints(np.array([[0, 0], [30, 40]])),)
    for shift, holds in ((0.4, True), (0.6, False)):
        made = against_truth("landmarks", [(face(0), face(shift))], [lambda: truth])
        assert made is not None
        assert made.holds == holds
        assert "at most 0.010" in made.sentence


def test_pictures_that_show_nothing_give_no_figure() -> None:
    assert against_truth("landmarks", [(face(0), face(9))], [lambda: ()]) is None
    empty = TrueBoxes(np.zeros((0, 4)), np.zeros(0, np.int64))
    assert against_truth("detection", [(one(0.9), one(0.9))], [lambda: empty]) is None


CARD = ModelCard(
    name="rows",
    inputs=(InputCard("picture", "image", (1, 3, 8, 8), "NCHW", ImageRecipe(color="rgb", resize="stretch")),),
    outputs=(OutputCard("rows", (1, 4, 6)),),
)


def test_outputs_of_the_task_are_only_judged_for_what_is_not_finite() -> None:
    truth = {"rows": np.random.default_rng(0).normal(size=(4, 20, 6)).astype(np.float32)}
    noisy = {"rows": truth["rows"] + 1}
    figure = TaskFidelity("kept", 1.0, 0.95, "all are kept", True)
    assert compare(truth, noisy).missed
    made = compare(truth, noisy, task=[figure])
    assert made.missed == ()
    assert "all are kept" in made.notes
    assert made.to_json()["task"] == [{"measure": "kept", "figure": 1.0, "limit": 0.95}]
    noisy["rows"][0, 0, 0] = np.nan
    assert len(compare(truth, noisy, task=[figure]).missed) == 1


def test_states_are_judged_as_numbers_whatever_the_task() -> None:
    truth = {"rows": np.ones((4, 2), np.float32), "state": np.arange(8, dtype=np.float32).reshape(4, 2)}
    found = {"rows": truth["rows"], "state": -truth["state"]}
    figure = TaskFidelity("kept", 1.0, 0.95, "all are kept", True)
    assert compare(truth, found, task=[figure]).missed == ()
    assert len(compare(truth, found, task=[figure], states=["state"]).missed) == 1


def test_what_the_task_misses_is_a_sentence_of_the_gate() -> None:
    truth = {"rows": np.ones((4, 2), np.float32)}
    figure = TaskFidelity("kept", 0.5, 0.95, "half are kept", False)
    assert compare(truth, truth, task=[figure]).missed == ("half are kept",)


def _judge(found: Any, port: Port, expected: Any = None, **known: Any) -> tuple[TaskFidelity, ...]:
    truth = rows(4)[:, :4] if expected is None else expected
    samples = Samples(({},), **known)
    return TaskJudge(RowsTask(), RowsRecipe()).judge(
        CARD, [port], [{"out": truth}], [{"out": found}], samples
    )


def test_outputs_are_decoded_in_the_layout_and_on_the_grid_of_the_file() -> None:
    turned = rows(4)[:, :4].transpose(0, 2, 1)  # the source has them columns first
    port = Port("out", TensorSpec("rows", (1, 4, 6), "int8", 0.5, -3), permutation=(0, 2, 1))
    (made,) = _judge(turned, port, turned)
    assert made.holds
    assert made.report["reference"] == 4


def test_a_source_that_cannot_be_decoded_says_nothing() -> None:
    port = Port("out", TensorSpec("rows", (1, 4, 6), "float32"))
    assert _judge(rows(4)[:, :4], port, np.full((1, 4, 6), np.nan, np.float32)) == ()


def test_a_file_that_cannot_be_decoded_misses_the_gate() -> None:
    port = Port("out", TensorSpec("rows", (1, 4, 6), "float32"))
    (made,) = _judge(np.full((1, 4, 6), np.nan, np.float32), port)
    assert not made.holds
    assert "the file's outputs cannot be decoded: NaN" in made.sentence


def test_a_card_that_does_not_fit_is_an_error() -> None:
    port = Port("out", TensorSpec("rows", (1, 6, 4), "float32"))
    with pytest.raises(InputError, match="the card does not fit the source: rows: expected 6"):
        _judge(rows(4)[:, :4].reshape(1, 6, 4), port, rows(4)[:, :4].reshape(1, 6, 4))


def test_against_the_truth_scores_count_from_low_on() -> None:
    """The recipe's threshold is a wish of the user's; precision is measured at every recall."""
    faint = rows(4)[:, :4]
    faint[..., 4] = 0.2
    port = Port("out", TensorSpec("rows", (1, 4, 6), "float32"))
    truth = TrueBoxes(faint[0, :, :4], np.ones(4, np.int64))
    (made,) = _judge(faint, port, faint, truths=(lambda: truth,))
    assert (made.measure, made.figure) == ("mAP50", 1.0)


def test_the_threshold_of_other_tasks_stays() -> None:
    """Of a mask it decides which pixels are right."""

    class MasksTask(RowsTask):
        name = "segmentation"
        seen: ClassVar[list[float]] = []

        def open(self, card: Any, recipe: RowsRecipe, outputs: Any) -> Any:
            self.seen.append(recipe.threshold)
            return self

        def whole(self, windows: Any, context: Context, stride_s: float) -> Any:
            return areas([0.5, 0.5])

    judge = TaskJudge(MasksTask(), RowsRecipe())
    port, run = Port("out", TensorSpec("rows", (1, 4, 6), "float32")), {"out": rows(4)[:, :4]}
    truth = TrueClasses(areas([0.5, 0.5]).classes)
    made = judge.judge(CARD, [port], [run], [run], Samples(({},), truths=(lambda: truth,)))
    assert [each.measure for each in made] == ["same pixels", "mIoU"]
    assert set(MasksTask.seen) == {0.5}


def test_places_are_those_of_the_picture_where_they_are_known() -> None:
    port = Port("out", TensorSpec("rows", (1, 4, 6), "float32"))
    half = Context(np.array([[2.0, 0, 7], [0, 3.0, 5]]), (100, 100), (50, 33))
    truth = TrueBoxes(rows(4)[0, :4, :4] * (2, 3, 2, 3) + (7, 5, 7, 5), np.ones(4, np.int64))
    _, made = _judge(rows(4)[:, :4], port, truths=(lambda: truth,), contexts=(half,))
    assert made.figure == 1.0


def test_tasks_that_are_not_decoded_or_not_judged_by_results_are_judged_by_outputs() -> None:
    assert task_judge(CARD) is None
    assert task_judge(ModelCard(name="x", task="classification")) is None


def test_a_card_without_a_recipe_has_all_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgemm.converters.fidelity.task_judge.find_task", lambda name: RowsTask())
    card = CARD.with_(task="detection")
    made, other = task_judge(card), task_judge(card.with_(recipe=RowsRecipe(0.9)))
    assert made is not None
    assert other is not None
    assert (made.recipe, other.recipe) == (RowsRecipe(), RowsRecipe(0.9))


DETECTOR = CARD.with_(
    task="detection", recipe=DetectionRecipe(head="end-to-end"), labels=("a", "b", "c", "d")
)


def _pictures(count: int) -> list[Any]:
    generator = np.random.default_rng(2)
    return [generator.uniform(0, 1, (1, 3, 8, 8)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_a_conversion_whose_detections_are_kept_passes(tmp_path: Path, format_: str) -> None:
    source = write_network(tmp_path / "rows.onnx", size=10)
    done = convert(
        source, output=tmp_path / f"out.{format_}", calibrate=_pictures(32), card=DETECTOR, scheme="static"
    )
    (kept,) = done.fidelity.task
    assert kept.measure == "kept"
    assert kept.figure >= 0.95
    assert done.to_json()["task"][0]["measure"] == "kept"
    assert any("of the source's" in note for note in done.notes)


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_a_conversion_that_loses_detections_is_refused(tmp_path: Path, format_: str) -> None:
    """Boxes of hundreds of pixels and scores of 0..1 on one grid: the scores are lost."""
    source = write_network(tmp_path / "rows.onnx", size=400)
    with pytest.raises(FidelityMissed, match=r"detections: .* of the source's") as caught:
        convert(
            source, output=tmp_path / f"out.{format_}", calibrate=_pictures(32), card=DETECTOR, scheme="static",
            repair="off",
        )  # fmt: skip
    assert caught.value.exit_code == 3
    assert not (tmp_path / f"out.{format_}").exists()


def test_noise_shows_no_detections_to_compare(tmp_path: Path) -> None:
    source = write_network(tmp_path / "rows.onnx", size=10)
    done = convert(source, output=tmp_path / "out.onnx", card=DETECTOR, scheme="dynamic", gate="off")
    assert done.fidelity.task == ()


def test_truths_of_nothing_are_told(caplog: pytest.LogCaptureFixture) -> None:
    port = Port("out", TensorSpec("rows", (1, 4, 6), "float32"))
    nothing = TrueBoxes(np.zeros((0, 4)), np.zeros(0, np.int64))
    _judge(rows(4)[:, :4], port, truths=(lambda: nothing,))
    assert "the truths show nothing that counts" in caplog.text


def test_a_source_that_finds_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    port = Port("out", TensorSpec("rows", (1, 4, 6), "float32"))
    nothing = np.zeros((1, 4, 6), np.float32)
    assert _judge(nothing, port, nothing) == ()
    assert "the source finds nothing in the samples that are measured on" in caplog.text


def test_a_part_of_the_samples_keeps_truths_and_places() -> None:
    truths = tuple((lambda at=at: at) for at in range(10))
    places = tuple(Context(begin_ns=at) for at in range(10))
    part = evaluation_part(Samples(tuple({} for _ in range(10)), truths=truths, contexts=places), 4)
    assert part.truths is not None
    assert part.contexts is not None
    assert [each() for each in part.truths] == [each.begin_ns for each in part.contexts] == [0, 3, 6, 9]


def test_states_of_the_card_are_told_to_the_comparison() -> None:
    table = rows(4)[:, :4]
    ports = tuple(Port(name, TensorSpec(name, (1, 4, 6), "float32")) for name in ("rows", "state"))
    card = DETECTOR.with_(
        outputs=(OutputCard("rows"), OutputCard("state")), states=(StatePair("state", "picture"),),
        recipe=DetectionRecipe(head="end-to-end", boxes_outputs=("rows",)),
    )  # fmt: skip
    run = {"rows": table, "state": table}
    judge = Judge(Samples(({},)), (run,), {}, Gate(), "onnx", Settings(), card=card)
    picture = Port("picture", TensorSpec("picture", (1, 3, 8, 8), "float32"))
    task, states = judge._by_task(Written("onnx", b"", (picture,), ports), (run,))
    assert states == ("state",)
    assert task[0].holds
