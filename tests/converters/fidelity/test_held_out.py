"""Which samples calibrate, and which judge."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.converters.fidelity import evaluation_part, held_out
from edgemm.converters.samples import Samples


def samples(count: int, labels: list[int] | None = None) -> Samples:
    inputs = tuple({"x": np.full(1, index)} for index in range(count))
    return Samples(inputs, None if labels is None else np.array(labels))


def numbers(part: Samples) -> list[int]:
    return [int(sample["x"][0]) for sample in part.inputs]


@pytest.mark.parametrize("count", [8, 9, 16, 100, 1000])
def test_the_parts_have_nothing_in_common_and_nothing_is_left(count: int) -> None:
    parts = held_out(samples(count), limit=1000)
    calibration, gate = numbers(parts.calibration), numbers(parts.gate)
    assert sorted(calibration + gate) == list(range(count))
    assert len(gate) == pytest.approx(count / 4, abs=1)
    assert parts.note == ""


def test_the_same_data_give_the_same_parts() -> None:
    assert numbers(held_out(samples(50)).gate) == numbers(held_out(samples(50)).gate)


def test_every_class_is_in_both_parts() -> None:
    labels = [0] * 4 + [1] * 40 + [2] * 4 + [3] * 12
    parts = held_out(samples(60, labels))
    assert parts.gate.labels is not None
    assert parts.calibration.labels is not None
    assert np.bincount(parts.gate.labels).tolist() == [1, 10, 1, 3]
    assert set(parts.calibration.labels.tolist()) == {0, 1, 2, 3}
    assert [labels[number] for number in numbers(parts.gate)] == parts.gate.labels.tolist()


def test_labels_that_take_turns_are_balanced_too() -> None:
    """Every fourth of four classes in turn would be one class alone."""
    parts = held_out(samples(80, [0, 1, 2, 3] * 20))
    assert parts.gate.labels is not None
    assert np.bincount(parts.gate.labels).tolist() == [5, 5, 5, 5]


def test_a_class_of_one_sample_calibrates() -> None:
    """Its place among the sorted labels is one of those that are held out."""
    parts = held_out(samples(41, [*([0] * 22), 1, *([2] * 18)]))
    assert 22 in numbers(parts.calibration)


def test_classes_of_one_sample_each_are_held_out_all_the_same() -> None:
    assert len(held_out(samples(12, list(range(12)))).gate) == 3


@pytest.mark.parametrize("count", [1, 7])
def test_too_few_samples_do_both_and_are_told(count: int) -> None:
    parts = held_out(samples(count))
    assert numbers(parts.calibration) == numbers(parts.gate) == list(range(count))
    assert f"{count} samples are too few" in parts.note


def test_no_more_is_held_out_than_is_measured() -> None:
    parts = held_out(samples(1000))
    assert (len(parts.gate), len(parts.calibration)) == (128, 872)
    assert numbers(parts.gate)[-1] > 980


def test_a_part_for_measuring_keeps_samples_and_labels_together() -> None:
    part = evaluation_part(samples(10, list(range(10))), 4)
    assert part.labels is not None
    assert numbers(part) == part.labels.tolist() == [0, 3, 6, 9]
