"""Workers that die, stall or end are seen, and do not stop the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential import pool, worker
from tests.differential.obedient import doing_as_told
from tests.differential.points import GraphKey, Point
from tests.differential.report import MAX_REFUSED, holds, tables
from tests.differential.worker import Result


def point(name: str) -> Point:
    return Point(GraphKey(name, 0), "onnx", "float")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_crash_is_one_result_and_the_rest_goes_on(jobs: int) -> None:
    names = ["fine", "aborts", "well", "good"]
    found = {
        each.point.graph.family: each for each in pool.results([point(n) for n in names], jobs, doing_as_told)
    }
    assert {name: found[name].outcome for name in names} == {
        "fine": "right", "aborts": "crash", "well": "right", "good": "right",
    }  # fmt: skip
    assert found["aborts"].reason == "so this is the end"
    assert found["aborts"].kind == "exit -6"


def test_a_point_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "TIMEOUT_S", 3.0)
    found = list(pool.results([point("stalls"), point("fine")], 1, doing_as_told))
    assert [each.outcome for each in found] == ["time-out", "right"]


def test_what_is_no_refusal_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgemm.errors import DelegateFailed, FidelityMissed, UnsupportedOperator

    def outcome(error: Exception, mode: str = "bare") -> str:
        def raising(*_: object) -> None:
            raise error

        monkeypatch.setattr(worker, "converted", raising)
        tried = Point(GraphKey("perceptron", 0), "onnx", "float", mode)  # type: ignore[arg-type]
        return worker.attempt(tried, tmp_path).outcome

    assert outcome(UnsupportedOperator("no form for Foo")) == "refused"
    assert outcome(UnsupportedOperator("This is a fault in the converter")) == "wrong"
    assert outcome(DelegateFailed("no runtime takes it")) == "error"
    assert outcome(KeyError("x")) == "error"
    assert outcome(FidelityMissed("3 dB"), "default") == "gate missed"
    assert outcome(FidelityMissed("3 dB")) == "error", "there is no gate"


def test_a_real_point_is_right_and_a_changed_file_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Point(GraphKey("perceptron", 1), "onnx", "float")
    assert worker.attempt(tried, tmp_path).outcome == "right"
    honest = worker.converted

    def changed(tried: Point, source: object, path: Path) -> object:
        import onnx

        done = honest(tried, source, path)  # type: ignore[arg-type]
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            array = onnx.numpy_helper.to_array(tensor)
            if array.dtype.kind == "f":
                tensor.CopyFrom(onnx.numpy_helper.from_array((array * 1.01).astype(array.dtype), tensor.name))
        onnx.save(model, path)
        return done

    monkeypatch.setattr(worker, "converted", changed)
    found = worker.attempt(tried, tmp_path)
    assert (found.outcome, found.kind) == ("wrong", "float error, reported")


def test_refusing_everything_does_not_hold() -> None:
    right, refused = Result(point("a"), "right"), Result(point("a"), "refused", "no form")
    few = int(20 * MAX_REFUSED)
    assert holds([right] * (20 - few) + [refused] * few)
    assert not holds([right] * 10 + [refused] * 10)
    assert not holds([right] * 100 + [Result(point("a"), "wrong", "shape")])
    assert "no form" in tables([refused])
