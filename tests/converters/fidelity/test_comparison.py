"""The comparison of outputs, and the gate on it."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.converters.fidelity import Gate, Role, compare, snr_db, stack
from edgemm.errors import ConversionError, FidelityMissed, InputError

CLASSES = Role(class_axis=-1)
SCORES = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 0.0, 4.0], [2.0, 0.0, 0.0]], np.float32)
WRONG = SCORES[[1, 1, 2, 3]]
LABELS = np.array([0, 1, 2, 0])


def test_snr_of_noise_a_tenth_as_large_is_20_db() -> None:
    assert snr_db(SCORES, SCORES * np.float32(1.1)) == pytest.approx(20.0, abs=1e-3)


def test_equal_outputs_have_a_finite_snr() -> None:
    assert snr_db(SCORES, SCORES) == 200.0


def test_numbers_whose_squares_overflow_have_an_snr() -> None:
    assert snr_db(np.float64(1e300) * SCORES.astype(float), 1.1e300 * SCORES.astype(float)) == pytest.approx(
        20.0, abs=1e-3
    )


def test_known_answers_decide_for_classes() -> None:
    found = compare({"y": SCORES}, {"y": WRONG}, roles={"y": CLASSES}, labels=LABELS)
    assert (found.outputs[0].accuracy_float, found.outputs[0].accuracy) == (1.0, 0.75)
    with pytest.raises(FidelityMissed, match=r"75\.0%.*100\.0%"):
        found.require()


def test_labels_that_no_output_has_a_score_for_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"^labels: expected .* 0 to 2, .* output 'y' .* found 1 to 3\. Count"
    ):
        compare({"y": SCORES}, {"y": SCORES}, roles={"y": CLASSES}, labels=np.array([1, 2, 3, 1]))


def test_labels_judge_the_output_that_has_such_classes() -> None:
    few = SCORES[:, :2]
    roles = {"y": CLASSES, "few": CLASSES}
    found = compare({"few": few, "y": SCORES}, {"few": few, "y": WRONG}, roles=roles, labels=LABELS)
    assert [each.accuracy for each in found.outputs] == [None, 0.75]


@pytest.mark.parametrize(("lost", "holds"), [(1, True), (2, True), (3, False)])
def test_a_hundredth_of_the_accuracy_may_be_lost(lost: int, holds: bool) -> None:
    labels = np.arange(200) % 4
    source = np.eye(4)[labels]
    file = source.copy()
    file[:lost] = source[1 : lost + 1]
    found = compare({"y": source}, {"y": file}, roles={"y": CLASSES}, labels=labels)
    assert (found.missed == ()) == holds


def test_answers_that_the_source_does_not_know_do_not_decide() -> None:
    """Labels of other classes: source and file are both nearly always wrong, which shows nothing lost."""
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(200, 10))
    labels = draw.integers(0, 10, 200)
    found = compare({"y": scores}, {"y": draw.normal(size=(200, 10))}, roles={"y": CLASSES}, labels=labels)
    assert "same best class" in found.missed[0]


def test_without_answers_agreement_decides() -> None:
    found = compare({"y": SCORES}, {"y": WRONG}, roles={"y": CLASSES})
    with pytest.raises(FidelityMissed, match=r"75\.0% of 4"):
        found.require()


def test_answers_for_whole_samples_do_not_judge_sequences() -> None:
    steps = np.stack([SCORES, SCORES])
    found = compare({"y": steps}, {"y": steps}, roles={"y": CLASSES}, labels=np.array([0, 1]))
    assert found.outputs[0].accuracy is None
    assert found.outputs[0].rows == 8


def test_classes_may_be_noisy_and_right() -> None:
    compare({"y": SCORES}, {"y": SCORES * 1.5}, roles={"y": CLASSES}).require()


def test_numbers_are_gated_by_snr() -> None:
    found = compare({"y": SCORES}, {"y": SCORES * 1.5})
    with pytest.raises(FidelityMissed, match=r"6\.0 dB"):
        found.require()


def test_the_gate_can_be_moved() -> None:
    compare({"y": SCORES}, {"y": SCORES * 1.5}, gate=Gate(min_snr_db=5)).require()


def test_numbers_of_classes_are_equal_or_wrong() -> None:
    """SNR would call 900 for 901 right: 59 dB."""
    truth = np.arange(800, 1000)[:, None]
    found = compare({"y": truth}, {"y": truth + (truth % 2)}, roles={"y": Role(class_numbers=True)})
    assert found.outputs[0].top1_agreement == 0.5
    assert found.missed


def test_a_source_of_one_class_says_nothing_of_the_others() -> None:
    truth = np.zeros((4, 50), np.int64)
    answer = truth.copy()
    answer[0, :2] = 16
    found = compare({"y": truth}, {"y": answer}, roles={"y": Role(class_numbers=True)})
    assert found.outputs[0].agreement == 0.99
    assert not found.missed
    assert "output 'y': the source answers one value everywhere" in found.notes[0]
    assert found.to_json()["outputs"][0]["constant"] is True


@pytest.mark.parametrize("truth", [SCORES, np.zeros((1, 1))])
def test_what_varies_or_is_one_number_needs_no_such_note(truth: npt.NDArray[Any]) -> None:
    assert compare({"y": truth}, {"y": truth}).notes == ()


@pytest.mark.parametrize("limit", [math.nan, math.inf, -1.0, 1000.0, "20", True])
@pytest.mark.parametrize("name", ["min_snr_db", "min_agreement", "max_accuracy_loss"])
def test_a_limit_that_nothing_can_miss_or_hold_is_refused(name: str, limit: Any) -> None:
    with pytest.raises(InputError, match=f"{name}: expected a number from 0"):
        Gate(**{name: limit})


BAD = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("role", [Role(), CLASSES, Role(bounded=True)])
@pytest.mark.parametrize("bad", BAD)
def test_what_is_not_finite_in_the_file_alone_misses_every_gate(bad: float, role: Role) -> None:
    broken = SCORES.copy()
    broken[2, 1] = bad
    loose = Gate(min_agreement=0.0, max_accuracy_loss=1.0, min_snr_db=0.0)
    found = compare({"y": SCORES}, {"y": broken}, roles={"y": role}, labels=LABELS, gate=loose)
    assert (
        "1 of 12 values are NaN or infinite where the source is finite (first in sample 2 at [1])"
        in found.missed[0]
    )


@pytest.mark.parametrize("bad", BAD)
def test_what_is_finite_in_the_file_alone_misses_too(bad: float) -> None:
    source = SCORES.copy()
    source[0, 0] = bad
    assert "finite where the source is NaN" in compare({"y": source}, {"y": SCORES}).missed[0]


@pytest.mark.parametrize(
    ("one", "other"), [(math.inf, -math.inf), (math.inf, math.nan), (math.nan, -math.inf)]
)
def test_another_infinity_is_not_the_same(one: float, other: float) -> None:
    source, file = SCORES.copy(), SCORES.copy()
    source[0, 0], file[0, 0] = one, other
    assert "another infinity" in compare({"y": source}, {"y": file}).missed[0]


@pytest.mark.parametrize("bad", BAD)
def test_the_same_infinity_in_both_is_equal_and_reported(bad: float) -> None:
    source, file = SCORES.copy(), SCORES * np.float32(1.1)
    source[0, 2] = file[0, 2] = bad
    found = compare({"y": source}, {"y": file}, gate=Gate(min_snr_db=19))
    assert found.missed == ()
    assert found.outputs[0].snr_db == pytest.approx(20.0, abs=1e-3)
    assert found.notes == ("output 'y' has 1 infinite or NaN values, which are the same in the source",)


def test_classes_that_are_infinite_by_nature_are_compared() -> None:
    """Logarithms of probabilities, with classes that a mask takes out."""
    source = SCORES.copy()
    source[:, 2] = -math.inf
    found = compare({"y": source}, {"y": source * 2}, roles={"y": CLASSES})
    assert found.outputs[0].top1_agreement == 1.0
    assert found.missed == ()


@pytest.mark.parametrize("role", [Role(), CLASSES])
@pytest.mark.parametrize("bad", BAD)
def test_the_account_is_strict_json(bad: float, role: Role) -> None:
    broken = np.full_like(SCORES, bad)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pair in ((SCORES, broken), (broken, SCORES), (broken, broken)):
            found = compare({"y": pair[0]}, {"y": pair[1]}, roles={"y": role})
            json.dumps(found.to_json(), allow_nan=False)


def test_integers_truth_values_and_empty_outputs_are_compared() -> None:
    outputs: dict[str, npt.NDArray[Any]] = {
        "count": np.array([[3], [4]]),
        "flag": np.array([[True], [False]]),
        "none": np.zeros((2, 0), np.float32),
    }
    assert compare(outputs, outputs).missed == ()


def test_an_output_of_another_shape_is_a_fault() -> None:
    with pytest.raises(ConversionError, match=r"expected \[4, 3\].*found \[4, 1, 3\]"):
        compare({"y": SCORES}, {"y": SCORES[:, None]})
    with pytest.raises(ConversionError, match="'y' is missing"):
        compare({"y": SCORES}, {})


def test_nothing_measured_holds_no_gate() -> None:
    with pytest.raises(InputError, match="at least one sample"):
        compare({"y": SCORES[:0]}, {"y": SCORES[:0]})


def test_runs_are_stacked_by_name() -> None:
    assert np.array_equal(stack([{"y": row} for row in SCORES])["y"], SCORES)


@pytest.mark.parametrize("role", [Role(), CLASSES], ids=["numbers", "classes"])
def test_an_output_of_which_nothing_is_finite_was_not_measured(role: Role) -> None:
    nothing = np.full((4, 3), np.nan, np.float32)
    found = compare({"y": nothing}, {"y": nothing}, roles={"y": role})
    assert "all 12 values that the source itself answers are NaN" in found.missed[0]
    assert found.beyond_repair
    told = found.outputs[0].to_json()
    assert told == {
        "name": "y", "snr_db": None, "max_abs_error": None, "range": None, "infinite": 12, "not_measured": "source",
    }  # fmt: skip
    assert "nothing was measured" in found.notes[0]


@pytest.mark.parametrize("role", [Role(), CLASSES], ids=["numbers", "classes"])
def test_a_file_that_answers_only_nan_was_not_measured_and_may_be_repaired(role: Role) -> None:
    found = compare({"y": SCORES}, {"y": np.full_like(SCORES, np.nan)}, roles={"y": role})
    assert found.missed
    assert (found.outputs[0].not_measured, found.beyond_repair) == ("file", False)
    assert found.outputs[0].to_json()["snr_db"] is None


def test_truth_values_are_equal_or_wrong_and_never_in_decibels() -> None:
    truth = np.zeros((4, 100), np.bool_)
    truth[:, :50] = True
    found = truth.copy()
    found[0, 0] = False  # 1 of 400: 23 dB as numbers, 99.75 % as truth values
    assert compare({"y": truth}, {"y": found}).outputs[0].top1_agreement == pytest.approx(0.9975)
    assert compare({"y": truth}, {"y": found}, gate=Gate(min_snr_db=100.0)).missed == ()
    assert "same" in compare({"y": truth}, {"y": ~truth}).missed[0]
