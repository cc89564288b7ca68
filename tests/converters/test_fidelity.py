"""The comparison of outputs, and the gate on it."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.converters.fidelity import Gate, compare, evaluation_part, snr_db, stack, top1_agreement
from edgemm.converters.samples import Samples
from edgemm.errors import FidelityMissed

SCORES = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 0.0, 4.0], [2.0, 0.0, 0.0]], np.float32)
LABELS = np.array([0, 1, 2, 0])


def test_snr_of_noise_a_tenth_as_large_is_20_db() -> None:
    assert snr_db(SCORES, SCORES * np.float32(1.1)) == pytest.approx(20.0, abs=1e-3)


def test_equal_outputs_have_a_finite_snr() -> None:
    assert snr_db(SCORES, SCORES) == 200.0


def test_agreement_counts_rows_with_the_same_best_class() -> None:
    assert top1_agreement(SCORES, SCORES[[0, 1, 2, 1]]) == 0.75


def test_a_near_tie_counts_as_the_same_class() -> None:
    tied = np.array([[1.0, 0.99, -1.0]])
    assert top1_agreement(tied, np.array([[0.0, 1.0, 0.0]])) == 1.0
    assert top1_agreement(tied, np.array([[0.0, 0.0, 1.0]])) == 0.0


def test_known_answers_decide_for_a_classifier() -> None:
    wrong = SCORES[[1, 1, 2, 3]]
    found = compare({"y": SCORES}, {"y": wrong}, classifier=True, labels=LABELS)
    assert found.outputs[0].accuracy_float == 1.0
    assert found.outputs[0].accuracy == 0.75
    with pytest.raises(FidelityMissed, match=r"75\.0%.*100\.0%"):
        found.require()


def test_without_answers_agreement_decides() -> None:
    found = compare({"y": SCORES}, {"y": SCORES[[1, 1, 2, 3]]}, classifier=True)
    with pytest.raises(FidelityMissed, match="same best class"):
        found.require()


def test_a_classifier_may_be_noisy_and_right() -> None:
    compare({"y": SCORES}, {"y": SCORES * 1.5}, classifier=True).require()


def test_all_else_is_gated_by_snr() -> None:
    found = compare({"y": SCORES}, {"y": SCORES * 1.5}, classifier=False)
    with pytest.raises(FidelityMissed, match=r"6\.0 dB"):
        found.require()


def test_the_gate_can_be_moved() -> None:
    compare({"y": SCORES}, {"y": SCORES * 1.5}, classifier=False, gate=Gate(min_snr_db=5)).require()


def test_stacking_and_parts_keep_samples_and_labels_together() -> None:
    runs = [{"y": row} for row in SCORES]
    assert np.array_equal(stack(runs)["y"], SCORES)
    samples = Samples(tuple({"x": np.full(1, i)} for i in range(10)), np.arange(10))
    part = evaluation_part(samples, 4)
    assert part.labels is not None
    assert [int(sample["x"][0]) for sample in part.inputs] == list(part.labels)
