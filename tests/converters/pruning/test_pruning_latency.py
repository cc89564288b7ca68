"""Targets in milliseconds: which runtime is timed, and what a busy moment does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemm import data
from edgemm.converters import prune_file
from edgemm.converters.latency import Latency
from edgemm.converters.pruning.milliseconds import within
from edgemm.converters.pruning.poor import slower
from edgemm.converters.pruning.turns import in_turns
from edgemm.errors import InputError, LatencyMissed
from edgemm.quantize.prune.target import Target

SOURCE, PICTURES = data.path("models/digits.onnx"), data.path("digits")
TARGET = Target("ms", 1.0)


def ms(value: float) -> Latency:
    return Latency(value, value, value, 1)


def in_order(*pairs: tuple[float, float]) -> Iterator[tuple[Latency, Latency]]:
    return iter([(ms(before), ms(after)) for before, after in pairs])


def test_a_busy_moment_is_measured_again() -> None:
    later = in_order((2.0, 1.4), (2.0, 1.05))
    found = within(TARGET, (ms(3.0), ms(1.5)), lambda: next(later))
    assert [each.median_ms for each in found] == [2.0, 1.05]


def test_what_is_within_a_tenth_is_not_measured_again() -> None:
    found = within(TARGET, (ms(2.0), ms(1.09)), lambda: pytest.fail("measured again"))
    assert found[1].median_ms == 1.09


def test_what_is_always_too_slow_is_refused_with_the_nearest() -> None:
    later = in_order((2.0, 1.2), (2.0, 1.3))
    with pytest.raises(LatencyMissed, match=r"Try ms=1\.2,"):
        within(TARGET, (ms(3.0), ms(1.5)), lambda: next(later))


@pytest.mark.parametrize("runtime", ["onnx", "tflite"])
def test_the_runtime_that_is_asked_for_is_timed(
    runtime: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is the size of the file."""
    timed = list[str]()

    def by_size(files: Sequence[Any], sample: Any) -> list[Latency]:
        timed.extend(each.format for each in files)
        return [ms(len(each.payload) / 1e6) for each in files]

    monkeypatch.setattr("edgemm.converters.pruning.file.in_turns", by_size)
    monkeypatch.setattr("edgemm.converters.pruning.graphs.in_turns", by_size)
    monkeypatch.setattr("edgemm.converters.pruning.turns.in_turns", by_size)
    done = prune_file(
        SOURCE, output=tmp_path / "a.onnx", target="ms=0.5", calibrate=PICTURES, runtime=runtime
    )
    assert set(timed[:-4]) == {runtime}  # the last are both runtimes, for the report
    assert done.report.after["ms"] <= 0.5
    assert done.report.after["ms"] == done.latencies[runtime][1].median_ms


def test_a_pruned_file_that_is_slower_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock says that the second of two files takes longer as .tflite, and as long as before in ONNX Runtime."""

    def backwards(files: Sequence[Any], sample: Any) -> list[Latency]:
        return [ms(2.0 + place * (each.format == "tflite")) for place, each in enumerate(files)]

    monkeypatch.setattr("edgemm.converters.pruning.turns.in_turns", backwards)
    done = prune_file(SOURCE, output=tmp_path / "a.onnx", target="macs=0.7", calibrate=PICTURES, limit=16)
    (said,) = (each for each in done.notes if "slower" in each)
    assert said.startswith("it is slower than the source in LiteRT here: 3 ms, and the source 2 ms")


@pytest.mark.parametrize(("after", "count"), [(0.9, 0), (1.04, 0), (1.06, 1), (2.0, 1)])
def test_what_a_clock_cannot_tell_apart_is_not_slower(after: float, count: int) -> None:
    assert len(slower({"onnx": (ms(1.0), ms(after))})) == count


def test_another_runtime_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="runtime"):
        prune_file(SOURCE, output=tmp_path / "a.onnx", target="ms=1", calibrate=PICTURES, runtime="tvm")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_inferences_of_a_turn_follow_each_other() -> None:
    """A small network is timed many times in each turn, a file against itself: the same time, but for noise."""
    from edgemm.converters.prepare import prepare
    from edgemm.converters.pruning.turns import written_float

    prepared = prepare(SOURCE)
    sample = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in prepared.inputs}
    one, other = in_turns([written_float(prepared.model)] * 2, sample)
    assert one.runs > 30
    assert other.runs > 30
