"""The same best class: what is a tie, and what a common class hides."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.converters.fidelity import Role, compare, top1_agreement
from edgemm.converters.fidelity.agreement import agreement
from edgemm.converters.fidelity.gate import allowance

Array = npt.NDArray[Any]


def logits(rows: int = 2000, classes: int = 10, seed: int = 0) -> Array:
    """Confident mostly: one class stands 4 above noise of 1."""
    draw = np.random.default_rng(seed)
    scores = draw.normal(size=(rows, classes))
    scores[np.arange(rows), draw.integers(0, classes, rows)] += 4.0
    return scores


def softmax(scores: Array) -> Array:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def log_softmax(scores: Array) -> Array:
    return np.log(np.maximum(softmax(scores), 1e-30))


def noisy(scores: Array, size: float = 2.0) -> Array:
    """So noisy that many rows change: the true share is well below 1."""
    return np.asarray(scores + np.random.default_rng(9).normal(size=scores.shape) * size)


def truly(scores: Array, found: Array) -> float:
    return float(np.mean(scores.argmax(axis=1) == found.argmax(axis=1)))


def test_it_counts_rows_with_the_same_best_class() -> None:
    scores = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 0.0, 4.0], [2.0, 0.0, 0.0]])
    assert top1_agreement(scores, scores[[0, 1, 2, 1]]) == 0.75


def test_a_near_tie_is_another_class() -> None:
    """However near the source's best two are: a runtime answers one of them."""
    scores = np.array([[3.0, 1.0, 0.0], [0.0, 4.0, 1.0], [1.0, 0.0, 4.0], [1.0, 0.9999, -1.0]])
    other = scores.copy()
    other[3] = [0.0, 1.0, 0.0]
    assert top1_agreement(scores, other) == 0.75


@pytest.mark.parametrize("form", [np.asarray, softmax, log_softmax])
@pytest.mark.parametrize("step", [0.1, 0.2, 0.5])
def test_scores_on_a_grid_are_counted_as_a_runtime_answers(form: Any, step: float) -> None:
    """On a coarse grid, the file answers the first of scores that became equal."""
    scores = form(logits().astype(np.float32))
    width = step * float(np.ptp(scores)) / 10
    found = np.round(scores / width) * width
    assert truly(scores, found) < 1.0
    assert top1_agreement(scores, found) == truly(scores, found)


def test_one_large_row_makes_no_ties_of_the_others() -> None:
    scores = logits(200)
    scores[0, 0] = 1e9
    found = noisy(scores, 0.5)
    assert top1_agreement(scores, found) == truly(scores, found)


def with_far_class(scores: Array) -> Array:
    return np.concatenate([scores, np.full((len(scores), 1), -3000.0)], axis=1)


def with_half_far(scores: Array) -> Array:
    return np.concatenate([scores, scores - 3000.0], axis=1)


def masked(scores: Array) -> Array:
    """In each row another half of the classes is not allowed."""
    allowed = np.random.default_rng(3).random(scores.shape) < 0.5
    allowed[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return np.where(allowed, scores, -1e9)


def with_infinite(scores: Array) -> Array:
    return np.where(masked(scores) < -1e8, -np.inf, scores)


def among_a_thousand(scores: Array) -> Array:
    """Ten of a thousand classes ever win; the others are 20 below."""
    rest = np.random.default_rng(5).normal(size=(len(scores), 990)) - 20.0
    return np.concatenate([scores, rest], axis=1)


FAR = [with_far_class, with_half_far, masked, with_infinite, among_a_thousand]


@pytest.mark.parametrize("form", [np.asarray, softmax, log_softmax])
@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("classes", [2, 10])
def test_classes_that_cannot_win_make_no_ties(far: Any, form: Any, classes: int) -> None:
    """The share is what both sides answer, masks or not."""
    source = logits(classes=classes)
    scores, found = form(far(source)), form(far(noisy(source)))
    true = truly(scores, found)
    assert true < 0.9
    assert top1_agreement(scores, found) == true


def test_one_class_with_a_bias_of_minus_3000_on_one_grid() -> None:
    """A grid that reaches to -3000 leaves steps of 12: most of the answers are the first of equal scores."""
    scores = with_far_class(logits(classes=7))
    found = np.round(scores / 12.0) * 12.0
    assert top1_agreement(scores, found) == truly(scores, found)


def test_equal_scores_are_a_tie_for_the_same_class() -> None:
    scores = np.repeat(logits(classes=5), 2, axis=1)  # every class is there twice
    found = scores + np.tile([0.0, 1e-7], 5)
    assert truly(scores, found) < 0.1
    assert top1_agreement(scores, found) == 1.0


def test_scores_that_differ_by_rounding_alone_are_a_tie() -> None:
    """Two classes with the same weights, summed in another order."""
    draw = np.random.default_rng(6)
    scores = np.repeat(draw.normal(size=(100, 1)) * 10, 2, axis=1)
    ones = [np.asarray(scores + draw.normal(size=(100, 2)) * 1e-7) for _ in range(2)]
    assert truly(*ones) < 0.8
    assert top1_agreement(*ones) == 1.0


def test_sums_that_cancel_are_rounded_as_the_others_are() -> None:
    """Two scores near 0, of a network whose scores are mostly near 10."""
    scores = np.array([[10.0, 0.0], [0.0, 12.0], [2e-7, 1e-7]])
    found = scores.copy()
    found[2] = [1e-7, 2e-7]
    assert top1_agreement(scores, found) == 1.0


def test_whole_numbers_have_no_rounding() -> None:
    assert top1_agreement(np.array([[2**26, 2**26 + 1]]), np.array([[1, 0]])) == 0.0


def test_one_row_of_equal_scores_agrees() -> None:
    assert top1_agreement(np.zeros((1, 4)), np.array([[0.0, 0.0, 1.0, 0.0]])) == 1.0


def test_classes_lie_along_any_axis() -> None:
    maps = np.moveaxis(logits(64, 3).reshape(4, 4, 4, 3), -1, 1)  # [samples, classes, height, width]
    other = maps.copy()
    other[:, :, 0] = maps[:, ::-1, 0]  # a quarter of the pixels
    found = agreement(maps, other, -3)
    assert found.rows == 64
    assert found.share == pytest.approx(
        truly(logits(64, 3), np.moveaxis(other, 1, -1).reshape(-1, 3)), abs=0.02
    )


def sequences(letters_wrong: float, blank: float = 0.85) -> tuple[Array, Array]:
    """[40 samples, 50 steps, 20 classes]: class 0 is the blank; some letters are answered as blanks."""
    draw = np.random.default_rng(2)
    right = np.where(draw.random((40, 50)) < blank, 0, draw.integers(1, 20, (40, 50)))
    answered = np.where((right > 0) & (draw.random((40, 50)) < letters_wrong), 0, right)
    return np.eye(20)[right] * 8.0, np.eye(20)[answered] * 8.0


def test_a_blank_does_not_hide_lost_letters() -> None:
    """98.5 % of all steps are the same, and a tenth of the letters is gone."""
    source, file = sequences(letters_wrong=0.1)
    found = compare({"y": source}, {"y": file}, roles={"y": Role(class_axis=-1)})
    one = found.outputs[0]
    assert one.top1_agreement is not None
    assert one.top1_agreement > 0.98
    assert one.agreement == one.besides_agreement == pytest.approx(0.9, abs=0.03)
    assert "not the most common class" in found.missed[0]


def test_letters_that_are_kept_pass() -> None:
    source, file = sequences(letters_wrong=0.01)
    assert compare({"y": source}, {"y": file}, roles={"y": Role(class_axis=-1)}).missed == ()


def test_letters_that_nobody_wrote_are_found() -> None:
    """2 % of the blanks are answered as letters: one letter in eight is false."""
    source, _ = sequences(letters_wrong=0.0)
    file = source.copy()
    false = (source.argmax(axis=-1) == 0) & (np.random.default_rng(4).random((40, 50)) < 0.02)
    file[false] = np.eye(20)[7] * 8.0
    found = compare({"y": source}, {"y": file}, roles={"y": Role(class_axis=-1)})
    assert found.outputs[0].besides_agreement == pytest.approx(0.9, abs=0.03)
    assert found.missed


def test_all_blank_is_found_out_however_rare_letters_are() -> None:
    source, _ = sequences(letters_wrong=0.0, blank=0.995)
    found = compare(
        {"y": source}, {"y": source[:, :, [0] * 20] * 0 + np.eye(20)[0]}, roles={"y": Role(class_axis=-1)}
    )
    assert "same best class on 0.0%" in found.missed[0]


def test_one_wrong_step_alone_does_not_miss() -> None:
    source = np.eye(20)[np.zeros((40, 50), int)] * 8.0
    file = source.copy()
    file[3, 7] = np.eye(20)[5]
    assert compare({"y": source}, {"y": file}, roles={"y": Role(class_axis=-1)}).missed == ()


def test_two_wrong_steps_of_ten_letters_miss() -> None:
    right = np.zeros((40, 50), int)
    right[:10, 0] = 3
    source = np.eye(20)[right] * 8.0
    file = source.copy()
    file[:2, 0] = np.eye(20)[0] * 8.0
    assert (
        "same best class on 80.0% of the 10"
        in compare({"y": source}, {"y": file}, roles={"y": Role(class_axis=-1)}).missed[0]
    )


def test_balanced_classes_are_judged_by_all_rows() -> None:
    assert agreement(logits(), noisy(logits()), -1).besides is None


@pytest.mark.parametrize(("rare", "times"), [(0.5, 1.0), (0.1, 1.0), (0.05, 2.0), (0.001, 5.0), (0.0, 5.0)])
def test_more_may_differ_where_many_rows_vote_for_one_thing(rare: float, times: float) -> None:
    assert allowance(rare) == pytest.approx(times)
